internal import Tokenizers

/// Options as members of a checkpoint, and back; what the model is made of stands beside them.
extension TrainingOptions {
  var json: JSONValue {
    var members: [JSONValue.Member] = []
    func add(_ name: String, _ value: JSONValue) { members.append(.init(name, value)) }
    // As they were asked for; a bigram has neither.
    add("width", .integer(width))
    add("bias", .bool(bias))
    add("steps", .integer(steps))
    add("batch_size", .integer(batchSize))
    add("block_size", .integer(blockSize))
    add("accumulation", .integer(accumulation))
    add("learning_rate", .number(learningRate))
    add("schedule", .string(schedule.shape.rawValue))
    add("warmup_steps", .integer(schedule.warmupSteps))
    add("final_fraction", .number(schedule.finalFraction))
    // A string: it may have 64 bits.
    add("seed", .string("\(seed)"))
    add("threads", .integer(threads))
    add("precision", .string(precision.rawValue))
    add("validation_fraction", .number(validationFraction))
    add("evaluation_interval", .integer(evaluationInterval))
    if let clipNorm { add("clip_norm", .number(clipNorm)) }
    if let averageDecay { add("average_decay", .number(averageDecay)) }
    if let evaluationTokens { add("evaluation_tokens", .integer(evaluationTokens)) }
    switch windows {
    case .contiguous: add("windows", .string("contiguous"))
    case .random: add("windows", .string("random"))
    case .sliding(let stride, let shuffle, let dropLast):
      add("windows", .string("sliding"))
      add("stride", .integer(stride))
      add("shuffle", .bool(shuffle))
      add("drop_last", .bool(dropLast))
    }
    switch optimizer {
    case .sgd(let momentum, let nesterov, let weightDecay):
      add("optimizer", .string("sgd"))
      add("momentum", .number(momentum))
      add("nesterov", .bool(nesterov))
      add("weight_decay", .number(weightDecay))
    case .adam(let beta1, let beta2, let epsilon, let weightDecay),
      .adamW(let beta1, let beta2, let epsilon, let weightDecay):
      if case .adam = optimizer {
        add("optimizer", .string("adam"))
      } else {
        add("optimizer", .string("adamw"))
      }
      add("beta1", .number(beta1))
      add("beta2", .number(beta2))
      add("epsilon", .number(epsilon))
      add("weight_decay", .number(weightDecay))
    }
    return .object(members)
  }

  /// Options for a model from what `json` gave, or nil where a member is missing or of the wrong kind.
  init?(json: JSONValue, configuration: ModelConfiguration) {
    guard let width = json["width"]?.integerValue, let bias = json["bias"]?.boolValue,
      let steps = json["steps"]?.integerValue,
      let batchSize = json["batch_size"]?.integerValue,
      let blockSize = json["block_size"]?.integerValue,
      let accumulation = json["accumulation"]?.integerValue,
      let learningRate = json["learning_rate"]?.doubleValue,
      let shape = json["schedule"]?.stringValue.flatMap(LearningRateSchedule.Shape.init),
      let warmupSteps = json["warmup_steps"]?.integerValue,
      let finalFraction = json["final_fraction"]?.doubleValue,
      let seed = json["seed"]?.stringValue.flatMap({ UInt64($0) }),
      let threads = json["threads"]?.integerValue,
      let validationFraction = json["validation_fraction"]?.doubleValue,
      let evaluationInterval = json["evaluation_interval"]?.integerValue,
      // Checkpoints from before there was a choice do not say.
      let precision = Precision(rawValue: json["precision"]?.stringValue ?? "float32"),
      let windows = Self.windows(json), let optimizer = Self.optimizer(json)
    else { return nil }
    self.init(model: configuration.kind)
    self.width = width
    self.bias = bias
    transformer = configuration.kind == .gpt ? configuration.transformer : transformer
    self.steps = steps
    self.batchSize = batchSize
    self.blockSize = blockSize
    self.accumulation = accumulation
    self.learningRate = learningRate
    self.schedule = LearningRateSchedule(
      shape, warmupSteps: warmupSteps, finalFraction: finalFraction)
    self.seed = seed
    self.threads = threads
    self.precision = precision
    self.validationFraction = validationFraction
    self.evaluationInterval = evaluationInterval
    self.evaluationTokens = json["evaluation_tokens"]?.integerValue
    averageDecay = json["average_decay"]?.doubleValue
    self.clipNorm = json["clip_norm"]?.doubleValue
    self.windows = windows
    self.optimizer = optimizer
  }

  private static func windows(_ json: JSONValue) -> WindowSampling? {
    switch json["windows"]?.stringValue {
    case "contiguous": return .contiguous
    case "random": return .random
    case "sliding":
      guard let stride = json["stride"]?.integerValue, let shuffle = json["shuffle"]?.boolValue,
        let dropLast = json["drop_last"]?.boolValue
      else { return nil }
      return .sliding(stride: stride, shuffle: shuffle, dropLast: dropLast)
    default: return nil
    }
  }

  private static func optimizer(_ json: JSONValue) -> OptimizerConfiguration? {
    guard let weightDecay = json["weight_decay"]?.doubleValue else { return nil }
    if json["optimizer"]?.stringValue == "sgd" {
      guard let momentum = json["momentum"]?.doubleValue,
        let nesterov = json["nesterov"]?.boolValue
      else { return nil }
      return .sgd(momentum: momentum, nesterov: nesterov, weightDecay: weightDecay)
    }
    guard let beta1 = json["beta1"]?.doubleValue, let beta2 = json["beta2"]?.doubleValue,
      let epsilon = json["epsilon"]?.doubleValue
    else { return nil }
    switch json["optimizer"]?.stringValue {
    case "adam":
      return .adam(beta1: beta1, beta2: beta2, epsilon: epsilon, weightDecay: weightDecay)
    case "adamw":
      return .adamW(beta1: beta1, beta2: beta2, epsilon: epsilon, weightDecay: weightDecay)
    default: return nil
    }
  }
}
