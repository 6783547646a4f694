import MiniLM
import Tokenizers

/// A training run from its first step, or from where it was left, to its report.
struct TrainingJob {
  private let folder: RunFolder
  private let trainer: Trainer
  private let corpus: TokenCorpus
  /// What the validation loss is of.
  private let validation: TokenStream
  private let reporting: RunOptions
  private let isNew: Bool
  /// Bytes of text for each token of the validation part, where it is known.
  private let validationBytesPerToken: Double?

  init(
    _ folder: RunFolder, _ trainer: Trainer, _ corpus: TokenCorpus, validation: TokenStream,
    _ reporting: RunOptions, isNew: Bool
  ) {
    self.folder = folder
    self.trainer = trainer
    self.corpus = corpus
    self.validation = validation
    self.reporting = reporting
    self.isNew = isNew
    validationBytesPerToken = validation.count > 0 ? corpus.bytesPerToken(of: validation) : nil
  }

  func run() throws {
    let diagnostics = reporting.diagnostics
    let options = trainer.options
    if options.model != .bigram, !MatMul.has(options.precision) {
      diagnostics.warning(
        "there are no products of \(options.precision.rawValue) here, float32 stands in (\(MatMul.engineDescription()))"
      )
    }
    let meter = diagnostics.meter("training", unit: "steps", total: trainer.options.steps)
    var log = isNew ? [] : try FileBytes.read(folder.logPath)
    Interruption.watch()
    do {
      let summary = try trainer.run(folder: folder.path) { progress in
        meter.update(progress.step, extra: extra(progress))
        if progress.isEvaluationStep {
          log += Array((logEntry(progress).compact + "\n").utf8)
          // Written anew each time, whole: it is small, and a run may end at any moment.
          try? writeLog(log)
          meter.finish(progress.step)
          diagnostics.note(line(progress))
        }
        return Interruption.isAsked ? .stop : .proceed
      }
      meter.finish(summary.step)
      try writeLog(log)
      try writeCurve(log)
      if !reporting.quiet { try report(summary, diagnostics) }
    } catch {
      // A run without a model is of no use to anyone.
      if isNew, Paths.kind(folder.path + "/" + ModelFiles.last) == nil { Paths.remove(folder.path) }
      throw error
    }
  }

  private func writeLog(_ log: [UInt8]) throws {
    let output = try OutputFile(folder.logPath)
    try output.write(log)
    try output.finish()
  }

  /// Losses over steps, as a picture.
  private func writeCurve(_ log: [UInt8]) throws {
    guard let curve = LossCurve(log: log, title: Paths.name(of: folder.path)) else { return }
    let output = try OutputFile(folder.curvePath)
    try output.write(curve.svg)
    try output.finish()
  }

  /// Loss, speed and time left, while it runs.
  private func extra(_ progress: TrainingProgress) -> String {
    let options = trainer.options
    let left = progress.secondsLeft(
      tokensPerStep: options.batchSize * options.blockSize * options.accumulation)
    return "loss \(Numbers.fixed(progress.loss, 4))  "
      + "\(Numbers.grouped(Int(progress.tokensPerSecond))) tokens/s  \(Self.time(left)) left"
  }

  private static func time(_ seconds: Double) -> String {
    let whole = Int(min(seconds, 1e9).rounded())
    if whole < 60 { return "\(whole) s" }
    if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
    return "\(whole / 3600) h \(whole / 60 % 60) min"
  }

  private func bitsPerByte(_ evaluation: Evaluation) -> Double? {
    validationBytesPerToken.map { evaluation.bitsPerByte(bytesPerToken: $0) }
  }

  private func logEntry(_ progress: TrainingProgress) -> JSONValue {
    var members: [JSONValue.Member] = [
      .init("step", .integer(progress.step)), .init("trainingLoss", .number(progress.meanLoss)),
    ]
    if let evaluation = progress.evaluation {
      members.append(.init("validationLoss", .number(evaluation.loss)))
      members.append(.init("perplexity", .number(evaluation.perplexity)))
      if let bits = bitsPerByte(evaluation) { members.append(.init("bitsPerByte", .number(bits))) }
    }
    members += [
      .init("learningRate", .number(progress.learningRate)),
      .init("tokens", .integer(progress.tokens)),
      .init("seconds", .number((progress.seconds * 1000).rounded() / 1000)),
    ]
    return .object(members)
  }

  private func line(_ progress: TrainingProgress) -> String {
    var text =
      "step \(progress.step) of \(progress.steps): training loss "
      + Numbers.fixed(progress.meanLoss, 4)
    if let evaluation = progress.evaluation {
      text += ", validation loss \(Numbers.fixed(evaluation.loss, 4))"
      if let bits = bitsPerByte(evaluation) { text += " (\(Numbers.fixed(bits, 3)) bits per byte)" }
    }
    return text + ", \(Numbers.grouped(Int(progress.tokensPerSecond))) tokens/s"
  }

  private func report(_ summary: TrainingSummary, _ diagnostics: Diagnostics) throws {
    let output = try OutputFile(nil)
    let parameters = Numbers.grouped(trainer.model.parameters.count)
    try output.write(
      diagnostics.heading(folder.path)
        + ": \(trainer.options.model.rawValue), \(Numbers.grouped(trainer.model.vocabularySize)) tokens,"
        + " \(parameters) parameters, \(Numbers.count(summary.step, "step"))"
        + (summary.stopped ? " (stopped; --resume goes on)" : "") + "\n")
    var losses = "training loss \(Numbers.fixed(summary.trainingLoss, 4))"
    if let evaluation = summary.evaluation {
      losses +=
        ", validation loss \(Numbers.fixed(evaluation.loss, 4)), perplexity "
        + Numbers.fixed(evaluation.perplexity, 2)
      if let bits = bitsPerByte(evaluation) {
        losses += ", \(Numbers.fixed(bits, 4)) bits per byte"
      }
    }
    try output.write(losses + "\n")
    try output.write("try next: tokenize lm sample \(folder.path) --max-tokens 200\n")
    try output.finish()
  }
}
