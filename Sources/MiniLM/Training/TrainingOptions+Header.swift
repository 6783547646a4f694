/// Options as members of a checkpoint's header, and back.
extension TrainingOptions {
  var headerMembers: [(String, FlatJSON.Value)] {
    func integer(_ value: Int) -> FlatJSON.Value { .number("\(value)") }
    // Swift writes the fewest digits that read back as the same double.
    func double(_ value: Double) -> FlatJSON.Value { .number("\(value)") }
    var members: [(String, FlatJSON.Value)] = [
      ("model", .string(model.rawValue)), ("width", integer(width)), ("bias", .bool(bias)),
      ("steps", integer(steps)), ("batch_size", integer(batchSize)),
      ("block_size", integer(blockSize)), ("learning_rate", double(learningRate)),
      ("schedule", .string(schedule.shape.rawValue)),
      ("warmup_steps", integer(schedule.warmupSteps)),
      ("final_fraction", double(schedule.finalFraction)), ("seed", .string("\(seed)")),
      ("threads", integer(threads)), ("validation_fraction", double(validationFraction)),
      ("evaluation_interval", integer(evaluationInterval)),
    ]
    if let clipNorm { members.append(("clip_norm", double(clipNorm))) }
    if let evaluationTokens { members.append(("evaluation_tokens", integer(evaluationTokens))) }
    switch windows {
    case .contiguous: members.append(("windows", .string("contiguous")))
    case .random: members.append(("windows", .string("random")))
    case .sliding(let stride, let shuffle, let dropLast):
      members += [
        ("windows", .string("sliding")), ("stride", integer(stride)), ("shuffle", .bool(shuffle)),
        ("drop_last", .bool(dropLast)),
      ]
    }
    switch optimizer {
    case .sgd(let momentum, let nesterov, let weightDecay):
      members += [
        ("optimizer", .string("sgd")), ("momentum", double(momentum)),
        ("nesterov", .bool(nesterov)), ("weight_decay", double(weightDecay)),
      ]
    case .adam(let beta1, let beta2, let epsilon, let weightDecay):
      members += [
        ("optimizer", .string("adam")), ("beta1", double(beta1)), ("beta2", double(beta2)),
        ("epsilon", double(epsilon)), ("weight_decay", double(weightDecay)),
      ]
    case .adamW(let beta1, let beta2, let epsilon, let weightDecay):
      members += [
        ("optimizer", .string("adamw")), ("beta1", double(beta1)), ("beta2", double(beta2)),
        ("epsilon", double(epsilon)), ("weight_decay", double(weightDecay)),
      ]
    }
    return members
  }

  /// Options from a header, or nil where a member is missing or of the wrong kind.
  init?(header: [String: FlatJSON.Value]) {
    guard let kind = header["model"]?.text.flatMap(ModelKind.init),
      let width = header["width"]?.integer, let bias = header["bias"]?.bool,
      let steps = header["steps"]?.integer, let batchSize = header["batch_size"]?.integer,
      let blockSize = header["block_size"]?.integer,
      let learningRate = header["learning_rate"]?.double,
      let shape = header["schedule"]?.text.flatMap(LearningRateSchedule.Shape.init),
      let warmupSteps = header["warmup_steps"]?.integer,
      let finalFraction = header["final_fraction"]?.double,
      let seed = header["seed"]?.text.flatMap({ UInt64($0) }),
      let threads = header["threads"]?.integer,
      let validationFraction = header["validation_fraction"]?.double,
      let evaluationInterval = header["evaluation_interval"]?.integer,
      let windows = Self.windows(header), let optimizer = Self.optimizer(header)
    else { return nil }
    self.init(model: kind)
    self.width = width
    self.bias = bias
    self.steps = steps
    self.batchSize = batchSize
    self.blockSize = blockSize
    self.learningRate = learningRate
    self.schedule = LearningRateSchedule(
      shape, warmupSteps: warmupSteps, finalFraction: finalFraction)
    self.seed = seed
    self.threads = threads
    self.validationFraction = validationFraction
    self.evaluationInterval = evaluationInterval
    self.evaluationTokens = header["evaluation_tokens"]?.integer
    self.clipNorm = header["clip_norm"]?.double
    self.windows = windows
    self.optimizer = optimizer
  }

  private static func windows(_ header: [String: FlatJSON.Value]) -> WindowSampling? {
    switch header["windows"]?.text {
    case "contiguous": return .contiguous
    case "random": return .random
    case "sliding":
      guard let stride = header["stride"]?.integer, let shuffle = header["shuffle"]?.bool,
        let dropLast = header["drop_last"]?.bool
      else { return nil }
      return .sliding(stride: stride, shuffle: shuffle, dropLast: dropLast)
    default: return nil
    }
  }

  private static func optimizer(_ header: [String: FlatJSON.Value]) -> OptimizerConfiguration? {
    guard let weightDecay = header["weight_decay"]?.double else { return nil }
    if header["optimizer"]?.text == "sgd" {
      guard let momentum = header["momentum"]?.double, let nesterov = header["nesterov"]?.bool
      else { return nil }
      return .sgd(momentum: momentum, nesterov: nesterov, weightDecay: weightDecay)
    }
    guard let beta1 = header["beta1"]?.double, let beta2 = header["beta2"]?.double,
      let epsilon = header["epsilon"]?.double
    else { return nil }
    switch header["optimizer"]?.text {
    case "adam":
      return .adam(beta1: beta1, beta2: beta2, epsilon: epsilon, weightDecay: weightDecay)
    case "adamw":
      return .adamW(beta1: beta1, beta2: beta2, epsilon: epsilon, weightDecay: weightDecay)
    default: return nil
    }
  }
}
