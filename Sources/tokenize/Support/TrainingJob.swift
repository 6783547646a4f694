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
  }

  func run() throws {
    let diagnostics = reporting.diagnostics
    let meter = diagnostics.meter("training", unit: "steps", total: trainer.options.steps)
    var log = isNew ? [] : try FileBytes.read(folder.logPath)
    Interruption.watch()
    do {
      let summary = try trainer.run(checkpointPath: folder.checkpointPath) { progress in
        meter.update(progress.step, extra: "loss " + Numbers.fixed(progress.loss, 4))
        if progress.isEvaluationStep {
          log += Array((Self.logEntry(progress).compact + "\n").utf8)
          meter.finish(progress.step)
          diagnostics.note(Self.line(progress))
        }
        return Interruption.isAsked ? .stop : .proceed
      }
      meter.finish(summary.step)
      let output = try OutputFile(folder.logPath)
      try output.write(log)
      try output.finish()
      if !reporting.quiet { try report(summary, diagnostics) }
    } catch {
      // A run without a model is of no use to anyone.
      if isNew, Paths.kind(folder.checkpointPath) == nil { Paths.remove(folder.path) }
      throw error
    }
  }

  private static func logEntry(_ progress: TrainingProgress) -> JSONValue {
    var members: [JSONValue.Member] = [
      .init("step", .integer(progress.step)), .init("trainingLoss", .number(progress.meanLoss)),
    ]
    if let evaluation = progress.evaluation {
      members.append(.init("validationLoss", .number(evaluation.loss)))
      members.append(.init("perplexity", .number(evaluation.perplexity)))
    }
    members += [
      .init("learningRate", .number(progress.learningRate)),
      .init("tokens", .integer(progress.tokens)),
      .init("seconds", .number((progress.seconds * 1000).rounded() / 1000)),
    ]
    return .object(members)
  }

  private static func line(_ progress: TrainingProgress) -> String {
    var text =
      "step \(progress.step) of \(progress.steps): training loss "
      + Numbers.fixed(progress.meanLoss, 4)
    if let evaluation = progress.evaluation {
      text += ", validation loss \(Numbers.fixed(evaluation.loss, 4))"
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
      if let bytesPerToken = corpus.bytesPerToken(of: validation) {
        losses +=
          ", \(Numbers.fixed(evaluation.bitsPerByte(bytesPerToken: bytesPerToken), 4)) bits per byte"
      }
    }
    try output.write(losses + "\n")
    try output.write("try next: tokenize lm sample \(folder.path) --max-tokens 200\n")
    try output.finish()
  }
}
