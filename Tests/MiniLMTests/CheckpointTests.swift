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

  private func file(_ folder: String, _ name: String = Checkpoint.fileName) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)"))
  }

  @Test(arguments: ModelKind.allCases)
  func whatIsLoadedIsWhatWasSaved(_ kind: ModelKind) throws {
    let trainer = try trained(kind)
    try withScratchFolder { folder in
      let saved = trainer.makeCheckpoint()
      try saved.save(to: folder)
      let loaded = try Checkpoint.load(from: folder)
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
      let (model, metadata) = try ModelFiles.read(from: folder)
      #expect(bits(model) == bits(trainer.model))
      #expect(metadata["vocabulary"] == "char" && metadata["step"] == "5")
      // Saved again, the same bytes.
      try withScratchFolder { other in
        try loaded.save(to: other)
        for name in [Checkpoint.fileName, ModelFiles.last, ModelFiles.configuration] {
          #expect(try file(folder, name) == file(other, name))
        }
      }
      // Numbers begin at a multiple of 64 bytes.
      let bytes = [UInt8](try file(folder))
      let header = bytes[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
      #expect((header + 8) % 64 == 0)
    }
  }

  private func refusal(of bytes: Data, in folder: String) throws -> String? {
    try bytes.write(to: URL(fileURLWithPath: "\(folder)/\(Checkpoint.fileName)"))
    do {
      _ = try Checkpoint.load(from: folder)
      return nil
    } catch {
      guard case .badCheckpoint = error else { return nil }
      return "\(error)"
    }
  }

  @Test func aFileCutAtAnyLengthIsRefused() throws {
    let trainer = try trained()
    try withScratchFolder { folder in
      try trainer.makeCheckpoint().save(to: folder)
      let whole = try file(folder)
      for length in Array(stride(from: 0, to: whole.count, by: 97)) + [7, 8, 9, whole.count - 1] {
        #expect(try refusal(of: whole.prefix(length), in: folder) != nil, "\(length) bytes")
      }
      #expect(try refusal(of: whole.dropLast(4), in: folder)?.contains("cut short") == true)
      #expect(try refusal(of: whole + Data([0]), in: folder)?.contains("follow its end") == true)
    }
  }

  @Test func aChangedByteAnywhereIsRefused() throws {
    let trainer = try trained()
    try withScratchFolder { folder in
      try trainer.makeCheckpoint().save(to: folder)
      let whole = try file(folder)
      for index in stride(from: 0, to: whole.count, by: 5) {
        var damaged = whole
        damaged[index] ^= 0x11
        #expect(try refusal(of: damaged, in: folder) != nil, "byte \(index)")
      }
    }
  }

  @Test func otherFilesAreRefused() throws {
    try withScratchFolder { folder in
      let none = Data([2, 0, 0, 0, 0, 0, 0, 0]) + Data("{}".utf8)
      for bytes in [Data(), Data("hello\n".utf8), Data(repeating: 0xFF, count: 99), none] {
        #expect(try refusal(of: bytes, in: folder) != nil)
      }
      // A model alone is no checkpoint.
      try trained().makeCheckpoint().save(to: folder)
      #expect(
        try refusal(of: try file(folder, ModelFiles.last), in: folder)?.contains("training run")
          == true)
      // A configuration that asks for more memory than there is does not get it.
      let path = "\(folder)/\(ModelFiles.configuration)"
      let greedy = try String(contentsOfFile: path, encoding: .utf8).replacingOccurrences(
        of: "\"vocab_size\": 9", with: "\"vocab_size\": 90000000")
      try greedy.write(toFile: path, atomically: false, encoding: .utf8)
      #expect(throws: MiniLMError.self) { try ModelFiles.read(from: folder) }
    }
  }

  @Test func missingFilesAndFoldersAreNamed() throws {
    let trainer = try trained()
    try withScratchFolder { folder in
      #expect {
        try Checkpoint.load(from: "\(folder)/none")
      } throws: {
        guard case MiniLMError.cannotRead(let path, _) = $0 else { return false }
        return path.hasSuffix("/none/training.safetensors")
      }
      #expect {
        try trainer.makeCheckpoint().save(to: "\(folder)/no/such/place")
      } throws: {
        guard case MiniLMError.cannotCreate = $0 else { return false }
        return true
      }
      // A folder in the way: nothing is left beside it.
      try FileManager.default.createDirectory(
        atPath: "\(folder)/training.safetensors", withIntermediateDirectories: false)
      #expect(throws: MiniLMError.self) { try trainer.makeCheckpoint().save(to: folder) }
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: folder) == ["training.safetensors"])
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
    let gpt = try trained(.gpt)
    #expect(throws: MiniLMError.self) {
      try Trainer(resuming: gpt.makeCheckpoint(), training: same, validation: same) {
        $0.blockSize = 5
      }
    }
  }

  @Test func checkpointsKeepEveryOption() throws {
    var options = TrainingOptions(model: .gpt)
    options.learningRate = 0.1 + 0.2
    options.seed = .max
    options.precision = .bfloat16
    options.averageDecay = 0.875
    options.evaluationTokens = 77
    (options.width, options.blockSize, options.accumulation) = (12, 10, 3)
    options.transformer = TransformerShape(
      layers: 1, heads: 3, feedForwardWidth: 20, activation: .relu, norm: .post,
      positions: .sinusoidal, dropout: 0.1, isTied: false, epsilon: 1e-6)
    options.schedule = LearningRateSchedule(.linear, warmupSteps: 3, finalFraction: 1e-300)
    let corpus = try syntheticStream(900, vocabularySize: 5)
    for optimizer in [
      OptimizerConfiguration.sgd(momentum: 0.5, nesterov: true, weightDecay: 1e-9),
      .adam(beta1: 0.1, beta2: 0.2, epsilon: 1e-30, weightDecay: 3), .adamW(),
    ] {
      options.optimizer = optimizer
      try withScratchFolder { folder in
        let trainer = try Trainer(options: options, corpus: corpus)
        try trainer.makeCheckpoint().save(to: folder)
        #expect(try Checkpoint.load(from: folder).options == options)
      }
    }
  }
}
