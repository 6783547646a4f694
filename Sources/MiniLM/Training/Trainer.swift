/// Trains a model, step by step.
///
///     let stream = try TokenStream(ids, vocabularySize: 65)
///     let trainer = try Trainer(options: TrainingOptions(model: .bigram), corpus: stream)
///     let summary = try trainer.run(folder: "runs/a") { progress in
///       if let result = progress.evaluation { print(progress.step, result.loss) }
///       return .proceed
///     }
public final class Trainer {
  /// What it trains with.
  public let options: TrainingOptions
  /// The model in training: with its parameters as they are, not their average.
  public let model: any LanguageModel
  /// Updates made so far.
  public private(set) var step = 0
  /// The lowest validation loss so far.
  public private(set) var bestValidationLoss: Double?
  /// Strings that checkpoints carry: the vocabulary's name and hash, say.
  public var metadata: [String: String] = [:]

  private let optimizer: any Optimizer
  private let average: MovingAverage?
  private let engine: GradientEngine
  private var loader: BatchLoader
  private let validation: TokenStream

  /// A new run over `corpus`, whose last part (`options.validationFraction`) is kept for
  /// validation.
  public convenience init(options: TrainingOptions, corpus: TokenStream) throws(MiniLMError) {
    let (training, validation) = try corpus.split(validationFraction: options.validationFraction)
    try self.init(options: options, training: training, validation: validation)
  }

  /// A new run; `validation` may be empty, and is otherwise at least two tokens.
  public convenience init(
    options: TrainingOptions, training: TokenStream, validation: TokenStream
  ) throws(MiniLMError) {
    let configuration = options.configuration(vocabularySize: training.vocabularySize)
    try Self.check(options, configuration)
    let loader = try Self.makeLoader(options, training)
    let model = try configuration.makeModel()
    var random = RandomGenerator(seed: options.seed)
    model.initialize(&random)
    try self.init(options: options, model: model, loader: loader, validation: validation)
  }

  /// A run that goes on where `checkpoint` was saved.
  ///
  /// With the same tokens and options its bits are those of a run that was never interrupted.
  /// `change` may alter the options (more steps, say).
  public convenience init(
    resuming checkpoint: Checkpoint, training: TokenStream, validation: TokenStream,
    change: (inout TrainingOptions) -> Void = { _ in }
  ) throws(MiniLMError) {
    var options = checkpoint.options
    change(&options)
    let saved = checkpoint.model.configuration
    let wanted = options.configuration(vocabularySize: training.vocabularySize)
    guard saved.vocabularySize == training.vocabularySize else {
      throw .invalidOption(
        name: "vocabulary size", value: "\(training.vocabularySize)",
        expected: "\(saved.vocabularySize), as in the checkpoint")
    }
    guard saved == wanted else {
      throw .invalidOption(
        name: "model", value: Self.text(wanted),
        expected: "\(Self.text(saved)), as in the checkpoint")
    }
    try Self.check(options, wanted)
    guard checkpoint.step < options.steps else {
      throw .invalidOption(
        name: "steps", value: "\(options.steps)",
        expected: "more than the \(checkpoint.step) that the checkpoint has behind it")
    }
    var loader = try Self.makeLoader(options, training)
    if options.windows == checkpoint.options.windows, !loader.restore(checkpoint.loader) {
      throw .invalidOption(
        name: "position in the training text", value: "\(checkpoint.loader.position)",
        expected: "one inside it: is it the text that the checkpoint was trained on?")
    }
    try self.init(
      options: options, model: checkpoint.model, loader: loader, validation: validation)
    if checkpoint.slots.count == optimizer.slots.count,
      checkpoint.options.optimizer.slotCount == optimizer.slots.count
    {
      optimizer.stepCount = checkpoint.optimizerStep
      for (slot, saved) in zip(optimizer.slots, checkpoint.slots) { slot.copy(from: saved) }
    }
    if let average, let saved = checkpoint.average { average.values.copy(from: saved) }
    step = checkpoint.step
    bestValidationLoss = checkpoint.bestValidationLoss
    metadata = checkpoint.metadata
  }

  private init(
    options: TrainingOptions, model: any LanguageModel, loader: BatchLoader,
    validation: TokenStream
  ) throws(MiniLMError) {
    guard validation.vocabularySize == model.vocabularySize else {
      throw .invalidOption(
        name: "vocabulary size of the validation text", value: "\(validation.vocabularySize)",
        expected: "\(model.vocabularySize), as in the training text")
    }
    guard validation.count == 0 || validation.count >= 2 else {
      throw .corpusTooShort(
        part: "the validation text", tokens: validation.count, needed: 2,
        advice: "use a longer text or a larger validation fraction")
    }
    self.options = options
    self.model = model
    self.loader = loader
    self.validation = validation
    model.use(options.precision)
    engine = GradientEngine(model: model, threads: options.threads)
    optimizer = try options.optimizer.makeOptimizer(for: model.parameters.layout)
    average =
      if let decay = options.averageDecay {
        try MovingAverage(decay: decay, of: model.parameters)
      } else { nil }
  }

  /// A number that is not finite; the sign of a NaN means nothing.
  private static func text(_ number: Double) -> String { number.isNaN ? "nan" : "\(number)" }

  private static func text(_ configuration: ModelConfiguration) -> String {
    switch configuration.kind {
    case .bigram: return "bigram"
    case .minilm: return "minilm of width \(configuration.width)"
    case .gpt:
      return
        "gpt of \(configuration.transformer.layers) layers of width \(configuration.width) and "
        + "\(configuration.contextLength) positions"
    }
  }

  private static func check(_ options: TrainingOptions, _ configuration: ModelConfiguration)
    throws(MiniLMError)
  {
    try options.check()
    try configuration.check(copies: options.copiesOfParameters)
  }

  private static func makeLoader(_ options: TrainingOptions, _ training: TokenStream)
    throws(MiniLMError) -> BatchLoader
  {
    try BatchLoader(
      training, batchSize: options.batchSize, length: options.blockSize, sampling: options.windows,
      random: RandomGenerator(seed: options.seed, stream: 1))
  }

  /// All that the run goes on from; it shares the trainer's memory, so save it before the next
  /// step.
  public func makeCheckpoint() -> Checkpoint {
    Checkpoint(
      options: options, model: model, step: step, optimizerStep: optimizer.stepCount,
      slots: optimizer.slots, average: average?.values, loader: loader.state,
      bestValidationLoss: bestValidationLoss,
      metadata: metadata)
  }

  /// Another model of the same kind that has the average of the parameters, or nil where none is kept.
  public func makeAveragedModel() throws(MiniLMError) -> (any LanguageModel)? {
    guard let average else { return nil }
    let copy = try model.configuration.makeModel()
    copy.parameters.values.copy(from: average.values)
    return copy
  }

  /// Loss over the validation text, or nil where there is none: of the model as it is saved, the average where one is
  /// kept. Over all of it products are float32's, which is how the model will be used; with a limit, on the way, they are
  /// the run's.
  public func evaluate(limit: Int? = nil) throws(MiniLMError) -> Evaluation? {
    if validation.count == 0 { return nil }
    if limit == nil { model.use(.float32) }
    if let average { model.parameters.values.exchange(with: average.values) }
    defer {
      if let average { model.parameters.values.exchange(with: average.values) }
      model.use(options.precision)
    }
    return try Evaluation.evaluate(
      engine, on: validation, blockSize: options.blockSize, limit: limit)
  }

  /// One update: the loss of its batches before it, the gradient's norm where it was needed, and the
  /// rate.
  public func makeStep(measureNorm: Bool = false) throws(MiniLMError) -> StepResult {
    var (loss, tokens) = (0.0, 0)
    for index in 0..<options.accumulation {
      let batch = loader.next()
      // A number for each batch of the run, whether it was interrupted or not.
      var noise = RandomGenerator(
        seed: options.seed, stream: UInt64(2 + step * options.accumulation + index))
      let share = 1 / Double(options.accumulation)
      loss +=
        share
        * (try engine.lossAndGradients(
          of: batch, share: share, noise: noise.next(), adds: index > 0))
      tokens += batch.count
    }
    guard loss.isFinite else {
      throw .diverged(step: step + 1, what: "the loss is \(Self.text(loss))")
    }
    var norm: Double?
    if measureNorm || options.clipNorm != nil {
      let measured = engine.gradients.norm(threads: options.threads)
      guard measured.isFinite else {
        throw .diverged(step: step + 1, what: "the norm of the gradients is \(Self.text(measured))")
      }
      norm = measured
    }
    let rate = options.learningRate * options.schedule.factor(step: step, of: options.steps)
    optimizer.step(
      model.parameters, engine.gradients, learningRate: rate,
      gradientScale: GradientStore.clippingScale(norm: norm ?? 0, limit: options.clipNorm),
      threads: options.threads)
    step += 1
    average?.add(model.parameters, step: step, threads: options.threads)
    return StepResult(
      loss: loss, tokens: tokens, gradientNorm: norm, learningRate: rate)
  }

  /// All steps that are left.
  ///
  /// After every `evaluationInterval` steps and at the end it evaluates and,
  /// with a folder (which there must be), saves, and saves the model once more where none had a lower
  /// validation loss; a run that diverges throws and leaves the last good checkpoint in place.
  ///
  /// `progress` is called after every step, and ends the run early, saved, by returning `.stop`.
  public func run(
    folder: String? = nil,
    progress: (TrainingProgress) -> TrainingControl = { _ in .proceed }
  ) throws(MiniLMError) -> TrainingSummary {
    let clock = Stopwatch()
    var interval = RunningLoss()
    // Of the last interval with a step in it: a run may end where one has just been finished.
    var meanLoss = Double.nan
    var tokens = 0
    var stopped = false
    var last: Evaluation?
    while step < options.steps, !stopped {
      let isLast = step + 1 == options.steps
      let evaluates = isLast || (step + 1) % options.evaluationInterval == 0
      let result = try makeStep(measureNorm: evaluates)
      tokens += result.tokens
      interval.add(result.loss)
      meanLoss = interval.mean
      var evaluation: Evaluation?
      if evaluates {
        evaluation = try evaluateAndSave(
          limit: isLast ? nil : options.evaluationTokens, folder)
        last = evaluation ?? last
      }
      let report = TrainingProgress(
        step: step, steps: options.steps, loss: result.loss, meanLoss: meanLoss,
        evaluation: evaluation, isEvaluationStep: evaluates, learningRate: result.learningRate,
        gradientNorm: result.gradientNorm, tokens: tokens, seconds: clock.seconds)
      if evaluates, !isLast { interval = RunningLoss() }
      if progress(report) == .stop, !isLast {
        stopped = true
        if let folder, !evaluates { try makeCheckpoint().save(to: folder) }
      }
    }
    return TrainingSummary(
      step: step, tokens: tokens, seconds: clock.seconds, trainingLoss: meanLoss,
      evaluation: last, bestValidationLoss: bestValidationLoss, stopped: stopped)
  }

  private func evaluateAndSave(limit: Int?, _ folder: String?) throws(MiniLMError) -> Evaluation? {
    let evaluation = try evaluate(limit: limit)
    var isBest = false
    if let loss = evaluation?.loss {
      guard loss.isFinite else {
        throw .diverged(step: step, what: "the validation loss is \(Self.text(loss))")
      }
      isBest = loss < bestValidationLoss ?? .infinity
      if isBest { bestValidationLoss = loss }
    }
    if let folder {
      let checkpoint = makeCheckpoint()
      try checkpoint.save(to: folder)
      if isBest { try checkpoint.saveModel(to: folder, name: ModelFiles.best) }
    }
    return evaluation
  }
}
