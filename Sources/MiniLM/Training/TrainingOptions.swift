/// Everything that decides what a training run computes: with the same options, tokens and machine
/// two runs give the same bits.
///
///     var options = TrainingOptions(model: .bigram)
///     options.steps = 500
public struct TrainingOptions: Equatable, Sendable {
  /// The kind of model.
  public var model: ModelKind
  /// C: the width of an embedding; unused by `bigram`.
  public var width = 64
  /// Whether projections (and layer norms) have a bias; unused by `bigram`.
  public var bias = true
  /// The rest of what `gpt` is made of; it looks at `blockSize` positions.
  public var transformer = TransformerShape()
  /// How many updates to make.
  public var steps: Int
  /// B: windows of a batch.
  public var batchSize: Int
  /// T: tokens of a window.
  public var blockSize: Int
  /// Batches whose gradients make one update together.
  public var accumulation = 1
  /// How windows are taken from the training tokens.
  public var windows = WindowSampling.random
  /// The full learning rate, which the schedule multiplies.
  public var learningRate: Double
  /// How the learning rate moves.
  public var schedule: LearningRateSchedule
  /// The optimizer and its settings.
  public var optimizer: OptimizerConfiguration
  /// The most that the norm of all gradients may be; nil leaves them as they are.
  public var clipNorm: Double?
  /// How much of the moving average of parameters stays at each step (0.98, say; see `MovingAverage`): with it the average
  /// is what is evaluated and saved as the model. Nil: the parameters themselves are.
  public var averageDecay: Double?
  /// Where all chance comes from.
  public var seed: UInt64 = 1337
  /// How exact products are, where the engine of products can choose; `bigram` has none.
  public var precision = Precision.float32
  /// Workers; results are the same to the bit for one number of them.
  public var threads = 1
  /// The part of the tokens, at their end, that is kept for validation.
  public var validationFraction = 0.1
  /// Steps between evaluations (and between checkpoints).
  public var evaluationInterval: Int
  /// The most validation tokens that an evaluation on the way looks at; the last looks at all.
  public var evaluationTokens: Int?

  /// The defaults for a kind of model.
  public init(model: ModelKind) {
    self.model = model
    switch model {
    case .bigram:
      (steps, batchSize, blockSize) = (3000, 64, 32)
      learningRate = 0.02
      optimizer = .adamW(weightDecay: 0)
      schedule = LearningRateSchedule(.cosine, warmupSteps: 0, finalFraction: 0.01)
      evaluationInterval = 500
    case .minilm:
      (steps, batchSize, blockSize) = (2000, 32, 32)
      learningRate = 0.01
      optimizer = .adamW(weightDecay: 0)
      schedule = LearningRateSchedule(.cosine, warmupSteps: 50, finalFraction: 0.01)
      evaluationInterval = 250
      evaluationTokens = 20_000
    case .gpt:
      (steps, batchSize, blockSize) = (2000, 12, 64)
      (width, bias) = (128, false)
      learningRate = 1e-3
      optimizer = .adamW(beta2: 0.99, weightDecay: 0.1)
      schedule = LearningRateSchedule(.cosine, warmupSteps: 100, finalFraction: 0.1)
      clipNorm = 1
      evaluationInterval = 250
      // As many as nanoGPT's twenty batches.
      evaluationTokens = 15_360
    }
  }

  /// The model for a vocabulary of this size.
  public func configuration(vocabularySize: Int) -> ModelConfiguration {
    ModelConfiguration(
      kind: model, vocabularySize: vocabularySize, width: width, bias: bias,
      contextLength: blockSize, transformer: transformer)
  }

  /// How many floats a run holds for each parameter: itself, the gradients of each worker, the optimizer's state, an
  /// average.
  public var copiesOfParameters: Int {
    1 + threads + optimizer.slotCount + (averageDecay == nil ? 0 : 1)
  }

  /// Throws for a value that makes no sense, naming it.
  public func check() throws(MiniLMError) {
    func check(_ name: String, _ value: Any, _ fits: Bool, _ expected: String)
      throws(MiniLMError)
    {
      if !fits { throw .invalidOption(name: name, value: "\(value)", expected: expected) }
    }
    try check("steps", steps, steps >= 1, "1 or more")
    try check("batch size", batchSize, (1...1 << 24).contains(batchSize), "1 to 16777216")
    try check(
      "accumulated batches", accumulation, (1...1 << 20).contains(accumulation), "1 to 1048576")
    try check("block size", blockSize, (1...1 << 24).contains(blockSize), "1 to 16777216")
    try check(
      "learning rate", learningRate, learningRate > 0 && learningRate.isFinite, "more than 0")
    try check("threads", threads, (1...1024).contains(threads), "1 to 1024")
    try check(
      "validation fraction", validationFraction, validationFraction >= 0 && validationFraction < 1,
      "0 up to but not including 1")
    try check("evaluation interval", evaluationInterval, evaluationInterval >= 1, "1 or more")
    try check("evaluation tokens", evaluationTokens ?? 1, (evaluationTokens ?? 1) >= 1, "1 or more")
    try check(
      "warm-up steps", schedule.warmupSteps, (0...steps).contains(schedule.warmupSteps),
      "0 up to the \(steps) steps of the run")
    try check(
      "final fraction of the learning rate", schedule.finalFraction,
      schedule.finalFraction >= 0 && schedule.finalFraction <= 1, "0 to 1")
    if let clipNorm {
      try check("clip norm", clipNorm, clipNorm > 0 && clipNorm.isFinite, "more than 0")
    }
    if let averageDecay {
      try check(
        "decay of the average", averageDecay, averageDecay >= 0 && averageDecay < 1,
        "0 up to but not including 1")
    }
    if case .sliding(let stride, _, _) = windows {
      try check("stride", stride, stride >= 1, "1 or more")
    }
    try optimizer.check()
  }
}
