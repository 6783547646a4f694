import Foundation
import MiniLM
import Testing
import Tokenizers

/// A short run over a synthetic text.
private func smallOptions(_ kind: ModelKind) -> TrainingOptions {
  var options = TrainingOptions(model: kind)
  options.width = 8
  options.steps = 40
  options.batchSize = 4
  options.blockSize = 8
  options.evaluationInterval = 10
  options.schedule.warmupSteps = 5
  return options
}

@Suite struct TrainerTests {
  @Test(arguments: ModelKind.allCases)
  func learnsAStructuredText(_ kind: ModelKind) throws {
    var options = smallOptions(kind)
    options.steps = 400
    options.learningRate = 0.05
    let trainer = try Trainer(
      options: options, corpus: try syntheticStream(4000, vocabularySize: 12))
    let before = try #require(try trainer.evaluate())
    #expect(abs(before.loss - log(12.0)) < 0.05)
    let summary = try trainer.run()
    let after = try #require(summary.evaluation)
    // 0.7 + 0.3/12 for the next id and 0.025 for the eleven others: 1.246 nats.
    #expect(after.loss < 1.32)
    #expect(summary.bestValidationLoss ?? 9 <= after.loss)
    #expect(summary.step == 400 && summary.tokens == 400 * 32)
    #expect(abs(after.perplexity - exp(after.loss)) < 1e-12)
    #expect(after.predictions == 399)
  }

  @Test func bitsPerByte() {
    let evaluation = Evaluation(loss: log(2.0) * 6, predictions: 10)
    #expect(abs(evaluation.bitsPerByte(bytesPerToken: 3) - 2) < 1e-12)
  }

  /// Each token once, from as much as its window holds: against a loop over the predictor.
  @Test func aSlidingContextSeesWhatItSays() throws {
    let model = try GPTReference.named("nanoGPT").model()
    let stream = try syntheticStream(40, vocabularySize: 7)
    let ids = stream.ids(in: 0..<40)
    for (block, step) in [(6, 6), (6, 2), (6, 1), (5, 3), (4, 4)] {
      var sum = 0.0
      for position in 1..<40 {
        // The first window begins at 0, the others every `step` after it.
        let windows = position <= block ? 0 : (position - block + step - 1) / step
        let start = max(0, min(windows * step, 39 - block))
        let logits = try model.logits(after: Array(ids[start..<position])).map { Double($0) }
        let target = logits[Int(ids[position].rawValue)]
        sum += log(logits.reduce(0) { $0 + exp($1) }) - target
      }
      let evaluation = try Evaluation.evaluate(
        model, on: stream, blockSize: block, stride: step, threads: 2)
      #expect(evaluation.predictions == 39)
      #expect(abs(evaluation.loss - sum / 39) < 1e-5, "block \(block), stride \(step)")
    }
    #expect(throws: MiniLMError.self) {
      try Evaluation.evaluate(model, on: stream, blockSize: 7)
    }
    #expect(throws: MiniLMError.self) {
      try Evaluation.evaluate(model, on: stream, blockSize: 6, stride: 7)
    }
  }

  /// Two batches that make one update are one batch of twice the rows.
  @Test(arguments: ModelKind.allCases)
  func accumulatedBatchesAreOneBatch(_ kind: ModelKind) throws {
    var options = smallOptions(kind)
    options.windows = .sliding(stride: 8, shuffle: false, dropLast: true)
    options.steps = 5
    options.schedule.warmupSteps = 0
    options.clipNorm = 1
    let corpus = try syntheticStream(2000, vocabularySize: 20)
    options.batchSize = 8
    let whole = try Trainer(options: options, corpus: corpus)
    let first = try whole.run()
    (options.batchSize, options.accumulation) = (4, 2)
    let halves = try Trainer(options: options, corpus: corpus)
    let second = try halves.run()
    #expect(first.tokens == second.tokens)
    #expect(abs(first.trainingLoss - second.trainingLoss) < 1e-6)
    let range = 0..<whole.model.parameters.count
    let pairs = zip(
      whole.model.parameters.values.values(in: range),
      halves.model.parameters.values.values(in: range))
    #expect(pairs.filter { abs($0 - $1) > 1e-5 }.count <= range.count / 50)
  }

  @Test func presetsTrain() throws {
    for preset in TrainingPreset.allCases {
      var options = preset.options
      options.steps = 2
      options.schedule.warmupSteps = 0
      options.batchSize = 2
      options.blockSize = 16
      let trainer = try Trainer(
        options: options, corpus: try syntheticStream(300, vocabularySize: 30))
      let summary = try trainer.run()
      #expect(abs(summary.trainingLoss - log(30.0)) < 0.6, "\(preset.rawValue)")
    }
  }

  @Test func lossOfAWholeStreamDoesNotDependOnWindows() throws {
    let model = try SmallCase.miniLM()
    let stream = try syntheticStream(1001, vocabularySize: 7)
    let whole = try Evaluation.evaluate(model, on: stream, blockSize: 1000)
    for block in [1, 7, 64, 5000] {
      let other = try Evaluation.evaluate(model, on: stream, blockSize: block, threads: 2)
      #expect(other.predictions == 1000)
      #expect(abs(other.loss - whole.loss) < 1e-9)
    }
    #expect(try Evaluation.evaluate(model, on: stream, blockSize: 8, limit: 20).predictions == 20)
    #expect(throws: MiniLMError.self) {
      try Evaluation.evaluate(model, on: stream[0..<1], blockSize: 8)
    }
  }

  @Test(arguments: ModelKind.allCases, [1, 2])
  func twoRunsWithOneSeedAreTheSameToTheBit(_ kind: ModelKind, threads: Int) throws {
    func run(_ seed: UInt64) throws -> [UInt32] {
      var options = smallOptions(kind)
      options.seed = seed
      options.threads = threads
      // 64 rows of 8 over 600 tokens are enough work for two workers.
      options.batchSize = 64
      let trainer = try Trainer(
        options: options, corpus: try syntheticStream(2000, vocabularySize: 600))
      _ = try trainer.run()
      return bits(trainer.model)
    }
    #expect(try run(1) == run(1))
    #expect(try run(1) != run(2))
  }

  static let windows: [WindowSampling] = [
    .random, .contiguous, .sliding(stride: 3, shuffle: true, dropLast: true),
  ]
  static let optimizers: [OptimizerConfiguration] = [
    .sgd(), .sgd(momentum: 0.9, nesterov: true), .adam(), .adamW(weightDecay: 0.1),
  ]

  @Test(arguments: windows, optimizers)
  func aResumedRunIsTheUninterruptedOne(
    _ windows: WindowSampling, _ optimizer: OptimizerConfiguration
  ) throws {
    var options = smallOptions(.minilm)
    try resume(&options, windows, optimizer)
    // With everything that chance has a part in.
    options = smallOptions(.gpt)
    options.transformer.dropout = 0.2
    options.accumulation = 2
    options.threads = 2
    try resume(&options, windows, optimizer)
    options.precision = .bfloat16
    try resume(&options, windows, optimizer)
  }

  private func resume(
    _ options: inout TrainingOptions, _ windows: WindowSampling,
    _ optimizer: OptimizerConfiguration
  ) throws {
    options.windows = windows
    options.optimizer = optimizer
    options.clipNorm = 1
    let corpus = try syntheticStream(500, vocabularySize: 20)
    let (training, validation) = try corpus.split(validationFraction: 0.1)
    let whole = try Trainer(options: options, training: training, validation: validation)
    let summary = try whole.run()
    try withScratchFolder { folder in
      let path = folder
      let first = try Trainer(options: options, training: training, validation: validation)
      first.metadata = ["vocabulary": "char \"é\"\n"]
      let stopped = try first.run(folder: path) { $0.step == 17 ? .stop : .proceed }
      #expect(stopped.stopped && stopped.step == 17)
      #expect(throws: MiniLMError.self) {
        try Trainer(
          resuming: try Checkpoint.load(from: path), training: training, validation: validation
        ) { $0.steps = 17 }
      }
      let second = try Trainer(
        resuming: try Checkpoint.load(from: path), training: training, validation: validation)
      #expect(second.step == 17)
      #expect(second.metadata == ["vocabulary": "char \"é\"\n"])
      let rest = try second.run()
      #expect(bits(second.model) == bits(whole.model))
      #expect(rest.evaluation == summary.evaluation)
      #expect(rest.bestValidationLoss == summary.bestValidationLoss)
    }
  }

  /// It was "nan": the next interval had begun already.
  @Test func aRunStoppedAtAnEvaluationHasTheTrainingLossOfItsInterval() throws {
    let options = smallOptions(.bigram)
    let corpus = try syntheticStream(500, vocabularySize: 20)
    for last in [options.evaluationInterval, options.evaluationInterval + 1] {
      var means: [Double] = []
      let summary = try Trainer(options: options, corpus: corpus).run {
        means.append($0.meanLoss)
        return $0.step == last ? .stop : .proceed
      }
      #expect(summary.stopped && summary.step == last)
      #expect(summary.trainingLoss == means.last && summary.trainingLoss.isFinite)
    }
  }

  @Test func aDivergingRunKeepsTheLastGoodCheckpoint() throws {
    var options = smallOptions(.minilm)
    options.optimizer = .sgd()
    let corpus = try syntheticStream(500, vocabularySize: 20)
    try withScratchFolder { folder in
      let path = folder
      let good = try Trainer(options: options, corpus: corpus)
      _ = try good.run(folder: path)
      let names = ["best.safetensors", "config.json", "model.safetensors", "training.safetensors"]
      func files() throws -> [Data] {
        try names.map { try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\($0)")) }
      }
      let before = try files()
      options.learningRate = 1e30
      let bad = try Trainer(options: options, corpus: corpus)
      #expect {
        try bad.run(folder: path)
      } throws: {
        guard case MiniLMError.diverged = $0 else { return false }
        return "\($0)".contains("smaller learning rate")
      }
      #expect(try files() == before)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == names)
    }
  }

  @Test func progressReportsEveryStepAndEvaluations() throws {
    var options = smallOptions(.bigram)
    options.steps = 25
    var reports: [TrainingProgress] = []
    let trainer = try Trainer(options: options, corpus: try syntheticStream(500, vocabularySize: 9))
    _ = try trainer.run {
      reports.append($0)
      return .proceed
    }
    #expect(reports.map(\.step) == Array(1...25))
    #expect(reports.filter { $0.evaluation != nil }.map(\.step) == [10, 20, 25])
    #expect(reports.filter { $0.gradientNorm != nil }.map(\.step) == [10, 20, 25])
    #expect(reports.allSatisfy { $0.loss.isFinite && $0.meanLoss.isFinite })
  }

  @Test func withoutValidationTextNothingIsEvaluated() throws {
    var options = smallOptions(.bigram)
    options.validationFraction = 0
    let trainer = try Trainer(options: options, corpus: try syntheticStream(50, vocabularySize: 9))
    let summary = try trainer.run()
    #expect(summary.evaluation == nil)
    #expect(summary.trainingLoss.isFinite)
  }

  @Test func tooShortTextsAreRefused() throws {
    let options = smallOptions(.bigram)
    #expect {
      try Trainer(options: options, corpus: try syntheticStream(9, vocabularySize: 9))
    } throws: {
      guard case MiniLMError.corpusTooShort(_, 8, 9, _) = $0 else { return false }
      return true
    }
    // Ten tokens leave one for validation, which predicts nothing.
    #expect(throws: MiniLMError.self) {
      try Trainer(options: options, corpus: try syntheticStream(10, vocabularySize: 9))
    }
    #expect(throws: MiniLMError.self) {
      try Trainer(options: options, corpus: try TokenStream([], vocabularySize: 9))
    }
  }

  @Test func senselessOptionsAreRefusedByName() throws {
    let changes: [(String, (inout TrainingOptions) -> Void)] = [
      ("steps", { $0.steps = 0 }), ("batch size", { $0.batchSize = -1 }),
      ("block size", { $0.blockSize = 0 }), ("learning rate", { $0.learningRate = 0 }),
      ("learning rate", { $0.learningRate = .nan }), ("threads", { $0.threads = 0 }),
      ("validation fraction", { $0.validationFraction = 1 }),
      ("evaluation interval", { $0.evaluationInterval = 0 }),
      ("evaluation tokens", { $0.evaluationTokens = 0 }),
      ("warm-up steps", { $0.schedule.warmupSteps = 41 }),
      ("final fraction", { $0.schedule.finalFraction = 2 }), ("clip norm", { $0.clipNorm = 0 }),
      ("stride", { $0.windows = .sliding(stride: 0, shuffle: true, dropLast: true) }),
      ("decay of the average", { $0.averageDecay = 1 }),
      ("decay of the average", { $0.averageDecay = .nan }),
      ("momentum", { $0.optimizer = .sgd(momentum: 2) }), ("width", { $0.width = 0 }),
    ]
    let corpus = try syntheticStream(500, vocabularySize: 9)
    for (name, change) in changes {
      var options = smallOptions(.minilm)
      change(&options)
      #expect {
        try Trainer(options: options, corpus: corpus)
      } throws: {
        guard case MiniLMError.invalidOption(let option, _, _) = $0 else { return false }
        return option.hasPrefix(name)
      }
    }
  }

  @Test func aTableThatCannotFitIsRefusedWithItsSizeAndAWayOut() throws {
    #expect {
      try BigramModel(vocabularySize: 50257)
    } throws: {
      let text = "\($0)"
      guard case MiniLMError.modelTooLarge = $0 else { return false }
      return text.contains("10.1 GB") && text.contains("minilm") && text.contains("25.9 MB")
    }
    let stream = try TokenStream([0, 1, 2, 3], vocabularySize: 50257)
    #expect(throws: MiniLMError.self) {
      try Trainer(options: smallOptions(.bigram), training: stream, validation: stream)
    }
    // Squares beyond any integer are refused too.
    #expect(throws: MiniLMError.self) { try BigramModel(vocabularySize: Int(Int32.max)) }
    #expect(throws: MiniLMError.self) { try BigramModel(vocabularySize: .max) }
    #expect(throws: MiniLMError.self) { try BigramModel(vocabularySize: 0) }
    #expect(throws: MiniLMError.self) { try MiniLMModel(vocabularySize: 1 << 30, width: 1 << 20) }
  }
}

/// A moving average of parameters, which is what is evaluated and saved.
@Suite struct MovingAverageTests {
  private func options(_ decay: Double?) -> TrainingOptions {
    var options = smallOptions(.gpt)
    options.averageDecay = decay
    options.threads = 2
    return options
  }

  private func values(_ model: any LanguageModel) -> [Double] {
    model.parameters.values.values(in: 0..<model.parameters.count).map { Double($0) }
  }

  /// Against its definition, worked out beside a run without one: training is the same, what is saved is the average.
  @Test func theAverageIsItsDefinition() throws {
    let corpus = try syntheticStream(500, vocabularySize: 20)
    let plain = try Trainer(options: options(nil), corpus: corpus)
    var average = values(plain.model)
    for step in 1...40 {
      _ = try plain.makeStep()
      let beta = min(0.8, Double(1 + step) / Double(10 + step))
      average = zip(average, values(plain.model)).map { $0 + (1 - beta) * ($1 - $0) }
    }
    try withScratchFolder { folder in
      let averaged = try Trainer(options: options(0.8), corpus: corpus)
      let summary = try averaged.run(folder: folder)
      #expect(bits(averaged.model) == bits(plain.model))
      let (saved, _) = try ModelFiles.read(from: folder)
      let worst = zip(values(saved), average).reduce(0) { max($0, abs($1.0 - $1.1)) }
      #expect(worst < 1e-6)
      #expect(bits(try #require(try averaged.makeAveragedModel())) == bits(saved))
      #expect(try plain.makeAveragedModel() == nil)
      let (_, validation) = try corpus.split(validationFraction: 0.1)
      let evaluation = try Evaluation.evaluate(
        saved, on: validation, blockSize: 8, stride: 8, threads: 2)
      #expect(abs(evaluation.loss - (summary.evaluation?.loss ?? 0)) < 1e-6)
      let whole = try #require(try plain.evaluate()).loss
      #expect(whole != evaluation.loss)
    }
  }

  @Test func aResumedRunHasTheSameAverage() throws {
    let corpus = try syntheticStream(500, vocabularySize: 20)
    let (training, validation) = try corpus.split(validationFraction: 0.1)
    try withScratchFolder { folder in
      func file(_ name: String) throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)"))
      }
      let whole = try Trainer(options: options(0.9), training: training, validation: validation)
      _ = try whole.run(folder: folder)
      let expected = try [ModelFiles.last, Checkpoint.fileName].map(file)
      let first = try Trainer(options: options(0.9), training: training, validation: validation)
      _ = try first.run(folder: folder) { $0.step == 17 ? .stop : .proceed }
      let second = try Trainer(
        resuming: try Checkpoint.load(from: folder), training: training, validation: validation)
      _ = try second.run(folder: folder)
      #expect(try [ModelFiles.last, Checkpoint.fileName].map(file) == expected)
    }
  }

  /// Without anything to remember it is the parameters themselves.
  @Test func decayZeroIsNoAverage() throws {
    let corpus = try syntheticStream(500, vocabularySize: 20)
    try withScratchFolder { folder in
      let trainer = try Trainer(options: options(0), corpus: corpus)
      _ = try trainer.run(folder: folder)
      #expect(bits(try ModelFiles.read(from: folder).model) == bits(trainer.model))
    }
  }
}
