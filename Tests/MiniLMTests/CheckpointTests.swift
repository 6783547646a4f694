import Foundation
import MiniLM
import Testing
import Tokenizers

@Suite struct CheckpointTests {
  private func trained(_ kind: ModelKind = .minilm) throws -> Trainer {
    var options = TrainingOptions(model: kind)
    (options.width, options.steps, options.batchSize, options.blockSize) = (4, 5, 2, 4)
    options.schedule.warmupSteps = 0
    options.clipNorm = 0.5
    options.windows = .sliding(stride: 3, shuffle: true, dropLast: false)
    let trainer = try Trainer(options: options, corpus: try syntheticStream(300, vocabularySize: 9))
    trainer.metadata = ["vocabulary": "char", "hash": "ab\\c\u{1}\u{1F600}"]
    _ = try trainer.run()
    return trainer
  }

  @Test(arguments: ModelKind.allCases)
  func whatIsLoadedIsWhatWasSaved(_ kind: ModelKind) throws {
    let trainer = try trained(kind)
    try withScratchFolder { folder in
      let path = "\(folder)/a.minilm"
      let saved = trainer.makeCheckpoint()
      try saved.save(to: path)
      let loaded = try Checkpoint.load(from: path)
      #expect(loaded.options == trainer.options)
      #expect(bits(loaded.model) == bits(trainer.model))
      #expect(loaded.model.configuration == trainer.model.configuration)
      #expect(loaded.step == 5 && loaded.optimizerStep == 5)
      #expect(loaded.loader == saved.loader)
      #expect(loaded.metadata == trainer.metadata)
      #expect(loaded.bestValidationLoss == trainer.bestValidationLoss)
      for (a, b) in zip(loaded.slots, saved.slots) {
        #expect(a.values(in: 0..<a.count) == b.values(in: 0..<b.count))
      }
      #expect(try Checkpoint.load(from: path, withOptimizer: false).slots.isEmpty)
      // Saved again, the same bytes.
      try loaded.save(to: "\(folder)/b.minilm")
      let files = try ["a", "b"].map {
        try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\($0).minilm"))
      }
      #expect(files[0] == files[1])
      // Numbers begin at a multiple of 64 bytes.
      #expect((try #require(files[0].firstIndex(of: 10)) + 1) % 64 == 0)
    }
  }

  private func refusal(of bytes: Data, in folder: String) throws -> String? {
    let path = "\(folder)/damaged.minilm"
    try bytes.write(to: URL(fileURLWithPath: path))
    do {
      _ = try Checkpoint.load(from: path)
      return nil
    } catch {
      guard case .badCheckpoint = error else { return nil }
      return "\(error)"
    }
  }

  @Test func aFileCutAtAnyLengthIsRefused() throws {
    let trainer = try trained()
    try withScratchFolder { folder in
      let path = "\(folder)/whole.minilm"
      try trainer.makeCheckpoint().save(to: path)
      let whole = try Data(contentsOf: URL(fileURLWithPath: path))
      let header = try #require(whole.firstIndex(of: 10)) + 1
      let lengths = [
        0, 1, 10, header / 2, header - 1, header, header + 1, header + 63, whole.count / 2,
        whole.count - 9, whole.count - 8, whole.count - 4, whole.count - 1,
      ]
      for length in lengths {
        #expect(try refusal(of: whole.prefix(length), in: folder) != nil, "\(length) bytes")
      }
      #expect(try refusal(of: whole + Data([0]), in: folder)?.contains("follow its end") == true)
    }
  }

  @Test func aChangedByteAnywhereIsRefused() throws {
    let trainer = try trained()
    try withScratchFolder { folder in
      let path = "\(folder)/whole.minilm"
      try trainer.makeCheckpoint().save(to: path)
      let whole = try Data(contentsOf: URL(fileURLWithPath: path))
      for index in stride(from: 0, to: whole.count, by: 7) {
        var damaged = whole
        damaged[index] ^= 0x11
        #expect(try refusal(of: damaged, in: folder) != nil, "byte \(index)")
      }
    }
  }

  @Test func otherFilesAreRefused() throws {
    try withScratchFolder { folder in
      for text in [
        "", "hello\n", "{}\n", "{\"format\":\"other\"}\n", "[1,2]\n",
        "{\"format\":\"minilm-checkpoint\",\"version\":2}\n",
        "{\"format\":\"minilm-checkpoint\",\"version\":1}\n",
      ] {
        #expect(try refusal(of: Data(text.utf8), in: folder) != nil, "\(text)")
      }
      // A header that asks for more memory than there is does not get it.
      let greedy = try headerOf(folder).replacingOccurrences(
        of: "\"vocabulary_size\":9,", with: "\"vocabulary_size\":2000000000,")
      #expect(throws: MiniLMError.self) {
        try Data((greedy + "\n").utf8).write(to: URL(fileURLWithPath: "\(folder)/greedy"))
        _ = try Checkpoint.load(from: "\(folder)/greedy")
      }
    }
  }

  private func headerOf(_ folder: String) throws -> String {
    try trained().makeCheckpoint().save(to: "\(folder)/h.minilm")
    let data = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/h.minilm"))
    return String(decoding: data.prefix { $0 != 10 }, as: UTF8.self)
  }

  @Test func missingFilesAndFoldersAreNamed() throws {
    let trainer = try trained()
    try withScratchFolder { folder in
      #expect {
        try Checkpoint.load(from: "\(folder)/none")
      } throws: {
        guard case MiniLMError.cannotRead(let path, _) = $0 else { return false }
        return path.hasSuffix("/none")
      }
      #expect(throws: MiniLMError.self) { try Checkpoint.load(from: folder) }
      #expect {
        try trainer.makeCheckpoint().save(to: "\(folder)/no/such/place")
      } throws: {
        guard case MiniLMError.cannotCreate = $0 else { return false }
        return true
      }
      #expect(throws: MiniLMError.self) { try trainer.makeCheckpoint().save(to: "/dev/null") }
      // A folder in the way: nothing is left beside it.
      try FileManager.default.createDirectory(
        atPath: "\(folder)/taken", withIntermediateDirectories: false)
      #expect(throws: MiniLMError.self) {
        try trainer.makeCheckpoint().save(to: "\(folder)/taken")
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["taken"])
    }
  }

  @Test func anotherVocabularyOrModelIsRefused() throws {
    let trainer = try trained()
    let other = try syntheticStream(300, vocabularySize: 10)
    #expect {
      try Trainer(resuming: trainer.makeCheckpoint(), training: other, validation: other)
    } throws: { "\($0)".contains("10") && "\($0)".contains("9, as in the checkpoint") }
    let same = try syntheticStream(300, vocabularySize: 9)
    #expect(throws: MiniLMError.self) {
      try Trainer(resuming: trainer.makeCheckpoint(), training: same, validation: same) {
        $0.width = 5
      }
    }
  }

  @Test func headersKeepEveryOption() throws {
    var options = TrainingOptions(model: .bigram)
    options.learningRate = 0.1 + 0.2
    options.seed = .max
    options.evaluationTokens = 77
    options.schedule = LearningRateSchedule(.linear, warmupSteps: 3, finalFraction: 1e-300)
    let corpus = try syntheticStream(900, vocabularySize: 5)
    for optimizer in [
      OptimizerConfiguration.sgd(momentum: 0.5, nesterov: true, weightDecay: 1e-9),
      .adam(beta1: 0.1, beta2: 0.2, epsilon: 1e-30, weightDecay: 3), .adamW(),
    ] {
      options.optimizer = optimizer
      try withScratchFolder { folder in
        let trainer = try Trainer(options: options, corpus: corpus)
        try trainer.makeCheckpoint().save(to: "\(folder)/x")
        #expect(try Checkpoint.load(from: "\(folder)/x").options == options)
      }
    }
  }
}
