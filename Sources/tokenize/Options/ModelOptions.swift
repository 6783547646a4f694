import ArgumentParser
import MiniLM

/// What is trained, and how.
struct ModelOptions: ParsableArguments {
  enum OptimizerName: String, CaseIterable, ExpressibleByArgument { case sgd, adam, adamw }
  enum Windows: String, CaseIterable, ExpressibleByArgument { case random, contiguous, sliding }

  @Option(
    help: """
      bigram: a table of what follows each token; minilm: an embedding and an output projection.
      """)
  var model = ModelKind.minilm

  @Option(help: ArgumentHelp("minilm: numbers that a token is embedded in.", valueName: "n"))
  var width: Int?

  @Option(help: ArgumentHelp("How many updates to make.", valueName: "n"))
  var steps: Int?

  @Option(help: ArgumentHelp("Windows of a batch.", valueName: "n"))
  var batchSize: Int?

  @Option(help: ArgumentHelp("Tokens of a window.", valueName: "n"))
  var blockSize: Int?

  @Option(help: "How windows are taken: at random places, end to end, or every --stride tokens.")
  var windows = Windows.random

  @Option(help: ArgumentHelp("sliding: tokens from one window to the next.", valueName: "n"))
  var stride: Int?

  @Flag(help: "sliding: in another order in each epoch.")
  var shuffle = false

  @Flag(help: "sliding: leave out a last batch that is not full.")
  var dropLast = false

  @Option(help: ArgumentHelp("The full learning rate.", valueName: "x"))
  var learningRate: Double?

  @Option(help: "How the learning rate moves after warm-up.")
  var schedule: LearningRateSchedule.Shape?

  @Option(help: ArgumentHelp("Updates in which the learning rate climbs.", valueName: "n"))
  var warmupSteps: Int?

  @Option(help: "What turns gradients into updates.")
  var optimizer: OptimizerName?

  @Option(help: ArgumentHelp("sgd: momentum.", valueName: "x"))
  var momentum: Double?

  @Option(help: ArgumentHelp("Weight decay.", valueName: "x"))
  var weightDecay: Double?

  @Option(help: ArgumentHelp("The most that the norm of the gradients may be.", valueName: "x"))
  var clipNorm: Double?

  @Option(
    help: ArgumentHelp("The part of the tokens, at the end, kept for validation.", valueName: "x"))
  var valFraction: Double?

  @Option(
    help: ArgumentHelp(
      "Validate on no more than this many of those tokens: the first of them. Default: 131072, or as the run began.",
      valueName: "n"))
  var evalTokens: Int?

  /// More than the validation part of a text of a megabyte.
  static let defaultEvaluationTokens = 131_072

  @Option(help: ArgumentHelp("Updates between evaluations and checkpoints.", valueName: "n"))
  var evalInterval: Int?

  @Option(help: ArgumentHelp("Where all chance comes from.", valueName: "n"))
  var seed: UInt64?

  /// The library's defaults for the model, changed where the command line says so.
  func options(threads: Int) throws -> TrainingOptions {
    var options = TrainingOptions(model: model)
    apply(to: &options, threads: threads)
    if let momentum, optimizer != .sgd {
      throw Failure(.usage, "--momentum \(momentum) belongs to --optimizer sgd")
    }
    if windows != .sliding, stride != nil || shuffle || dropLast {
      throw Failure(.usage, "--stride, --shuffle and --drop-last belong to --windows sliding")
    }
    if model == .bigram, width != nil {
      throw Failure(.usage, "--width belongs to --model minilm: a bigram table has none")
    }
    if options.evaluationInterval > options.steps, evalInterval == nil {
      options.evaluationInterval = max(1, options.steps)
    }
    if warmupSteps == nil {
      options.schedule.warmupSteps = min(options.schedule.warmupSteps, options.steps)
    }
    try options.check()
    return options
  }

  /// The tokens to train on and those to validate on: of a large vocabulary many would take longer than
  /// the training.
  func split(
    _ stream: TokenStream, fraction: Double, evaluationTokens: Int
  ) throws -> (training: TokenStream, validation: TokenStream) {
    if evaluationTokens < 2 {
      throw Failure(.usage, "--eval-tokens is \(evaluationTokens); 2 or more expected")
    }
    let (training, validation) = try stream.split(validationFraction: fraction)
    return (training, validation[0..<min(validation.count, evaluationTokens)])
  }

  private func apply(to options: inout TrainingOptions, threads: Int) {
    if let width { options.width = width }
    if let steps { options.steps = steps }
    if let batchSize { options.batchSize = batchSize }
    if let blockSize { options.blockSize = blockSize }
    if let learningRate { options.learningRate = learningRate }
    if let schedule { options.schedule.shape = schedule }
    if let warmupSteps { options.schedule.warmupSteps = warmupSteps }
    if let clipNorm { options.clipNorm = clipNorm }
    if let valFraction { options.validationFraction = valFraction }
    if let evalInterval { options.evaluationInterval = evalInterval }
    if let seed { options.seed = seed }
    options.threads = threads
    switch windows {
    case .random: options.windows = .random
    case .contiguous: options.windows = .contiguous
    case .sliding:
      options.windows = .sliding(
        stride: stride ?? options.blockSize, shuffle: shuffle, dropLast: dropLast)
    }
    let decay = weightDecay ?? 0
    switch optimizer {
    case .sgd: options.optimizer = .sgd(momentum: momentum ?? 0, weightDecay: decay)
    case .adam: options.optimizer = .adam(weightDecay: decay)
    case .adamw: options.optimizer = .adamW(weightDecay: decay)
    case nil:
      if weightDecay != nil { options.optimizer = .adamW(weightDecay: decay) }
    }
  }
}
