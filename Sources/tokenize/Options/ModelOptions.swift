import ArgumentParser
import MiniLM

/// What is trained, and how.
struct ModelOptions: ParsableArguments {
  enum OptimizerName: String, Choice { case sgd, adam, adamw }
  enum Windows: String, Choice { case random, contiguous, sliding }

  @Option(
    help: """
      bigram: a table of what follows each token; minilm: an embedding and an output projection; gpt: \
      blocks of attention and feed-forward layers.
      """)
  var model: ModelKind?

  @Option(
    help: """
      A recipe that the other options change: nanogpt-cpu and baby-gpt are nanoGPT's, tiny-gpt has two \
      post-norm layers of width 64.
      """)
  var preset: TrainingPreset?

  @OptionGroup(title: "GPT") var transformer: TransformerOptions

  @Option(help: ArgumentHelp("minilm, gpt: numbers that a token is embedded in.", valueName: "n"))
  var width: Int?

  @Option(help: ArgumentHelp("How many updates to make.", valueName: "n"))
  var steps: Int?

  @Option(help: ArgumentHelp("Windows of a batch.", valueName: "n"))
  var batchSize: Int?

  @Option(help: ArgumentHelp("Tokens of a window.", valueName: "n"))
  var blockSize: Int?

  @Option(help: ArgumentHelp("Batches that make one update together.", valueName: "n"))
  var accumulate: Int?

  @Option(
    name: [.long, .customLong("data")],
    help: "How windows are taken: at random places, end to end, or every --stride tokens.")
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

  @Option(
    help: ArgumentHelp(
      "cosine, linear: where the learning rate ends, as a part of the full one.", valueName: "x"))
  var finalFraction: Double?

  @Option(help: ArgumentHelp("Updates in which the learning rate climbs.", valueName: "n"))
  var warmupSteps: Int?

  @Option(help: "What turns gradients into updates.")
  var optimizer: OptimizerName?

  @Option(help: ArgumentHelp("sgd: momentum.", valueName: "x"))
  var momentum: Double?

  @Flag(help: "sgd: look ahead by the momentum (Nesterov).")
  var nesterov = false

  @Option(
    help: ArgumentHelp("adam, adamw: how long the mean gradient is remembered.", valueName: "x"))
  var beta1: Double?

  @Option(
    help: ArgumentHelp("adam, adamw: how long the mean square is remembered.", valueName: "x"))
  var beta2: Double?

  @Option(help: ArgumentHelp("Weight decay, of matrices only.", valueName: "x"))
  var weightDecay: Double?

  @Option(
    help: ArgumentHelp("The most that the norm of the gradients may be; 0: any.", valueName: "x"))
  var clipNorm: Double?

  @Option(
    help: ArgumentHelp("The part of the tokens, at the end, kept for validation.", valueName: "x"))
  var valFraction: Double?

  @Option(
    name: .customLong("val"),
    help: ArgumentHelp(
      "Validate on this file; all of the others is trained on.", valueName: "file"),
    completion: .file())
  var validation: String?

  @Option(
    help: ArgumentHelp(
      "Validate on no more than this many of those tokens: the first of them. Default: 131072, or as the run began.",
      valueName: "n"))
  var evalTokens: Int?

  /// More than the validation part of a text of a megabyte.
  static let defaultEvaluationTokens = 131_072

  @Option(help: ArgumentHelp("Updates between evaluations and checkpoints.", valueName: "n"))
  var evalInterval: Int?

  @Option(
    help: ArgumentHelp(
      """
      Evaluate and save a moving average of the parameters, of which this part stays at each step: 0.98, say, an average \
      over some fifty steps.
      """, valueName: "x"))
  var emaDecay: Double?

  @Option(help: ArgumentHelp("Where all chance comes from.", valueName: "n"))
  var seed: UInt64?

  @Option(
    help: """
      float32, or products of bfloat16 with sums in float32: about twice as fast where the processor has them \
      (AVX512_BF16), losses the same to some thousandths.
      """)
  var precision: Precision?

  /// The kind of model asked for.
  var kind: ModelKind { model ?? (preset == nil ? .minilm : .gpt) }

  /// The defaults of the recipe or of the model, changed where the command line says so.
  func options(threads: Int) throws -> TrainingOptions {
    if let preset, kind != .gpt {
      throw Failure(
        .usage, "--preset \(preset.rawValue) is a gpt and does not go with --model \(kind.rawValue)"
      )
    }
    var options = preset?.options ?? TrainingOptions(model: kind)
    apply(to: &options)
    options.threads = threads
    try transformer.apply(to: &options)
    options.optimizer = try optimizer(options.optimizer)
    if windows != .sliding, stride != nil || shuffle || dropLast {
      throw Failure(.usage, "--stride, --shuffle and --drop-last belong to --windows sliding")
    }
    if kind == .bigram, width != nil {
      throw Failure(.usage, "--width belongs to minilm and gpt: a bigram table has none")
    }
    if validation != nil, valFraction != nil {
      throw Failure(.usage, "--val and --val-fraction both say what to validate on: give one")
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
    _ stream: TokenStream, validation: TokenStream?, fraction: Double, evaluationTokens: Int
  ) throws -> (training: TokenStream, validation: TokenStream) {
    if evaluationTokens < 2 {
      throw Failure(.usage, "--eval-tokens is \(evaluationTokens); 2 or more expected")
    }
    let parts =
      if let validation { (training: stream, validation: validation) } else {
        try stream.split(validationFraction: fraction)
      }
    return (
      parts.training, parts.validation[0..<min(parts.validation.count, evaluationTokens)]
    )
  }

  private func apply(to options: inout TrainingOptions) {
    if let width { options.width = width }
    if let steps { options.steps = steps }
    if let batchSize { options.batchSize = batchSize }
    if let blockSize { options.blockSize = blockSize }
    if let accumulate { options.accumulation = accumulate }
    if let learningRate { options.learningRate = learningRate }
    if let schedule { options.schedule.shape = schedule }
    if let finalFraction { options.schedule.finalFraction = finalFraction }
    if let warmupSteps { options.schedule.warmupSteps = warmupSteps }
    if let clipNorm { options.clipNorm = clipNorm == 0 ? nil : clipNorm }
    if let emaDecay { options.averageDecay = emaDecay }
    if let valFraction { options.validationFraction = valFraction }
    if let evalInterval { options.evaluationInterval = evalInterval }
    if let seed { options.seed = seed }
    if let precision { options.precision = precision }
    switch windows {
    case .random: options.windows = .random
    case .contiguous: options.windows = .contiguous
    case .sliding:
      options.windows = .sliding(
        stride: stride ?? options.blockSize, shuffle: shuffle, dropLast: dropLast)
    }
  }

  /// The recipe's optimizer with other settings, or another one.
  private func optimizer(_ recipe: OptimizerConfiguration) throws -> OptimizerConfiguration {
    let isSGD = optimizer == .sgd
    if !isSGD, momentum != nil || nesterov {
      throw Failure(.usage, "--momentum and --nesterov belong to --optimizer sgd")
    }
    if isSGD, beta1 != nil || beta2 != nil {
      throw Failure(.usage, "--beta1 and --beta2 belong to --optimizer adam and adamw")
    }
    if isSGD {
      return .sgd(momentum: momentum ?? 0, nesterov: nesterov, weightDecay: weightDecay ?? 0)
    }
    var (first, second, epsilon, decay) = (0.9, 0.999, 1e-8, 0.0)
    if case .adamW(let beta1, let beta2, let small, let weightDecay) = recipe {
      (first, second, epsilon, decay) = (beta1, beta2, small, weightDecay)
    }
    if optimizer != nil, preset == nil, weightDecay == nil, kind != .gpt { decay = 0 }
    let settings = (beta1 ?? first, beta2 ?? second, epsilon, weightDecay ?? decay)
    return optimizer == .adam
      ? .adam(beta1: settings.0, beta2: settings.1, epsilon: settings.2, weightDecay: settings.3)
      : .adamW(beta1: settings.0, beta2: settings.1, epsilon: settings.2, weightDecay: settings.3)
  }
}

/// What a gpt is made of.
struct TransformerOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Blocks of attention and feed-forward layer.", valueName: "n"))
  var layers: Int?

  @Option(help: ArgumentHelp("Heads of attention.", valueName: "n"))
  var heads: Int?

  @Option(
    help: ArgumentHelp("Width of the feed-forward layer (four times the width).", valueName: "n"))
  var feedForward: Int?

  @Option(help: "The function in the feed-forward layer.")
  var activation: TransformerShape.Activation?

  @Option(help: "Layer norms before attention and feed-forward layer, or after.")
  var norm: TransformerShape.Norm?

  @Option(help: "What tells positions apart.")
  var positions: TransformerShape.Positions?

  @Option(help: ArgumentHelp("The part that is dropped in training.", valueName: "x"))
  var dropout: Double?

  @Flag(
    inversion: .prefixedNo, help: "Projections and layer norms have biases (minilm: the output).")
  var bias: Bool?

  @Flag(inversion: .prefixedNo, help: "The output projection is the embedding table.")
  var tied: Bool?

  func apply(to options: inout TrainingOptions) throws {
    if options.model != .gpt,
      layers != nil || heads != nil || feedForward != nil || activation != nil || norm != nil
        || positions != nil || dropout != nil || tied != nil
    {
      throw Failure(
        .usage,
        "--layers, --heads, --feed-forward, --activation, --norm, --positions, --dropout and --tied belong to --model gpt"
      )
    }
    if let layers { options.transformer.layers = layers }
    if let heads { options.transformer.heads = heads }
    if let feedForward { options.transformer.feedForwardWidth = feedForward }
    if let activation { options.transformer.activation = activation }
    if let norm { options.transformer.norm = norm }
    if let positions { options.transformer.positions = positions }
    if let dropout { options.transformer.dropout = dropout }
    if let tied { options.transformer.isTied = tied }
    if let bias { options.bias = bias }
  }
}
