import MiniLM
import TestSupport
import Testing
import Tokenizers

@Suite struct TokenStreamTests {
  @Test func rawAndTextGiveTheSameIDs() throws {
    let ids: [TokenID] = [40, 367, 2885, 1464]
    let u16: [UInt8] = [40, 0, 0x6F, 1, 0x45, 0x0B, 0xB8, 5]
    let u32: [UInt8] = [40, 0, 0, 0, 0x6F, 1, 0, 0, 0x45, 0x0B, 0, 0, 0xB8, 5, 0, 0]
    let text = Array("40 367\n2885\t1464\n".utf8)
    for (bytes, format) in [(u16, TokenStreamFormat.u16), (u32, .u32), (text, .ids)] {
      for size in [50257, 100_000] {
        let whole = try TokenStreamReader.read(bytes, format: format, vocabularySize: size)
        #expect(whole.ids(in: 0..<whole.count) == ids)
        // In pieces of every size, cut inside ids too.
        for step in 1...bytes.count {
          var reader = try TokenStreamReader(format: format, vocabularySize: size)
          for start in stride(from: 0, to: bytes.count, by: step) {
            try reader.append(Array(bytes[start..<min(start + step, bytes.count)]))
          }
          let stream = try reader.finish()
          #expect(stream.ids(in: 0..<stream.count) == ids)
        }
      }
    }
  }

  @Test func anUnfinishedIDIsRefusedAtItsPlace() {
    #expect {
      try TokenStreamReader.read([1, 0, 2], format: .u16, vocabularySize: 10)
    } throws: {
      guard case MiniLMError.malformedTokens(3, let found, _) = $0 else { return false }
      return found.contains("1 of the 2 bytes")
    }
    #expect(throws: MiniLMError.self) {
      try TokenStreamReader.read([1, 0, 0, 0, 2], format: .u32, vocabularySize: 10)
    }
  }

  @Test func anIDOutsideTheVocabularyIsNamedWithItsPosition() {
    let error = MiniLMError.tokenOutOfRange(id: 10, position: 2, vocabularySize: 10)
    #expect(throws: error) {
      try TokenStreamReader.read([1, 0, 2, 0, 10, 0], format: .u16, vocabularySize: 10)
    }
    #expect(throws: error) {
      try TokenStreamReader.read(Array("1 2 10".utf8), format: .ids, vocabularySize: 10)
    }
    #expect(throws: error) { try TokenStream([1, 2, 10], vocabularySize: 10) }
    #expect("\(error)".contains("token 2") && "\(error)".contains("0 to 9"))
    #expect(throws: MiniLMError.self) {
      try TokenStreamReader.read(
        Array("99999999999999999999999".utf8), format: .ids, vocabularySize: 10)
    }
  }

  @Test func textIsNotIDs() {
    #expect {
      try TokenStreamReader.read(Array("12 hello".utf8), format: .ids, vocabularySize: 100)
    } throws: {
      guard case MiniLMError.malformedTokens(3, "\"h\"", _) = $0 else { return false }
      return true
    }
    for text in ["-1", "1,2", "1.5"] {
      #expect(throws: MiniLMError.self) {
        try TokenStreamReader.read(Array(text.utf8), format: .ids, vocabularySize: 100)
      }
    }
  }

  @Test func emptyStreamsAreStreams() throws {
    for format in TokenStreamFormat.allCases {
      #expect(try TokenStreamReader.read([], format: format, vocabularySize: 5).count == 0)
    }
  }

  @Test func splitsAsNanoGPTDoes() throws {
    let stream = try syntheticStream(1007, vocabularySize: 11)
    let (training, validation) = try stream.split(validationFraction: 0.1)
    #expect(training.count == 906)
    #expect(validation.count == 101)
    #expect(validation[0] == stream[906])
    #expect(try stream.split(validationFraction: 0).validation.count == 0)
    #expect(throws: MiniLMError.self) { try stream.split(validationFraction: 1) }
    #expect(throws: MiniLMError.self) { try stream.split(validationFraction: .nan) }
  }
}

@Suite struct BatchLoaderTests {
  /// The first 34 of GPT-2's ids of the-verdict, by tiktoken.
  static let verdict: [TokenID] = [
    40, 367, 2885, 1464, 1807, 3619, 402, 271, 10899, 2138, 257, 7026, 15632, 438, 2016, 257, 922,
    5891, 1576, 438, 568, 340, 373, 645, 1049, 5975, 284, 502, 284, 3285, 326, 11, 287, 262,
  ]

  private func loader(
    _ ids: [TokenID], batch: Int, length: Int, _ sampling: WindowSampling, size: Int = 50257
  ) throws -> BatchLoader {
    try BatchLoader(
      TokenStream(ids, vocabularySize: size), batchSize: batch, length: length, sampling: sampling,
      random: RandomGenerator(seed: 123))
  }

  private func rows(_ batch: Batch) -> [[TokenID]] {
    (0..<batch.rows).map {
      Array(batch.inputs[$0 * batch.length..<($0 + 1) * batch.length])
    }
  }

  @Test func windowsOfLengthFourAndStrideOne() throws {
    var loader = try loader(
      Self.verdict, batch: 1, length: 4, .sliding(stride: 1, shuffle: false, dropLast: true))
    let (first, second) = (loader.next(), loader.next())
    #expect(first.inputs == [40, 367, 2885, 1464])
    #expect(first.targets == [367, 2885, 1464, 1807])
    #expect(second.inputs == [367, 2885, 1464, 1807])
    #expect(second.targets == [2885, 1464, 1807, 3619])
    #expect(loader.windowCount == 30)
  }

  @Test func windowsOfLengthFourStrideFourBatchEight() throws {
    var loader = try loader(
      Self.verdict, batch: 8, length: 4, .sliding(stride: 4, shuffle: false, dropLast: true))
    let batch = loader.next()
    #expect(batch.rows == 8)
    #expect(Array(batch.inputs.suffix(4)) == [284, 3285, 326, 11])
    #expect(Array(batch.targets.suffix(4)) == [3285, 326, 11, 287])
  }

  /// The whole text by the vocabulary that ships, as a user's program would put both libraries together.
  @Test(.enabled(if: SharedData.isAvailable, Comment(rawValue: SharedData.hint)))
  func windowsOverTheVerdict() throws {
    let gpt2 = try Tokenizer(contentsOf: Fixtures.path("vocabs/gpt2"))
    let text = try SharedData.bytes("texts/the-verdict.txt")
    let ids = try gpt2.encode(text.span)
    #expect(ids.count == 5145)
    #expect(ids.prefix(Self.verdict.count) == Self.verdict[...])
    var loader = try loader(
      ids, batch: 8, length: 4, .sliding(stride: 4, shuffle: false, dropLast: true))
    #expect(loader.windowCount == 1286)
    let batch = loader.next()
    #expect(Array(batch.inputs.prefix(4)) == [40, 367, 2885, 1464])
    #expect(Array(batch.inputs.suffix(4)) == [284, 3285, 326, 11])
    #expect(Array(batch.targets.suffix(4)) == [3285, 326, 11, 287])
  }

  @Test func contiguousWindowsFollowOneAnotherAndBeginAgain() throws {
    let ids = (0..<14).map { TokenID(UInt32($0)) }
    var loader = try loader(ids, batch: 2, length: 3, .contiguous)
    #expect(loader.windowCount == 4)
    #expect(loader.batchesPerEpoch == 2)
    let (first, second) = (loader.next(), loader.next())
    #expect(rows(first) == [[0, 1, 2], [3, 4, 5]])
    #expect(rows(second) == [[6, 7, 8], [9, 10, 11]])
    #expect(loader.state.epoch == 0)
    #expect(loader.next() == first)
    #expect(loader.state.epoch == 1)
  }

  @Test func theLastBatchIsDroppedOrGiven() throws {
    let ids = (0..<11).map { TokenID(UInt32($0)) }
    // Starts 0, 2, 4, 6, 8: five windows of two.
    var keeps = try loader(
      ids, batch: 2, length: 2, .sliding(stride: 2, shuffle: false, dropLast: false))
    #expect(keeps.batchesPerEpoch == 3)
    let sizes = (0..<3).map { _ in keeps.next().rows }
    #expect(sizes == [2, 2, 1])
    let again = keeps.next()
    #expect(rows(again)[0] == [0, 1])
    var drops = try loader(
      ids, batch: 2, length: 2, .sliding(stride: 2, shuffle: false, dropLast: true))
    #expect(drops.batchesPerEpoch == 2)
    _ = (drops.next(), drops.next())
    let next = drops.next()
    #expect(rows(next)[0] == [0, 1])
  }

  @Test func shufflingGivesEachWindowOnceAnEpochInAnotherOrder() throws {
    let ids = (0..<101).map { TokenID(UInt32($0)) }
    var loader = try loader(
      ids, batch: 10, length: 1, .sliding(stride: 1, shuffle: true, dropLast: true))
    var epochs: [[TokenID]] = []
    for _ in 0..<2 { epochs.append((0..<10).flatMap { _ in loader.next().inputs }) }
    #expect(epochs[0].sorted() == Array(ids.dropLast()))
    #expect(epochs[1].sorted() == Array(ids.dropLast()))
    #expect(epochs[0] != epochs[1])
    #expect(epochs[0] != epochs[0].sorted())
  }

  @Test func randomWindowsLieInsideAndReachBothEnds() throws {
    let ids = (0..<12).map { TokenID(UInt32($0)) }
    var loader = try loader(ids, batch: 200, length: 4, .random)
    let batch = loader.next()
    #expect(Set(rows(batch).map { $0[0] }) == Set(ids[0...7]))
    for (input, target) in zip(batch.inputs, batch.targets) {
      #expect(target.rawValue == input.rawValue + 1)
    }
  }

  static let samplings: [WindowSampling] = [
    .contiguous, .random, .sliding(stride: 2, shuffle: true, dropLast: false),
    .sliding(stride: 1, shuffle: true, dropLast: true),
  ]

  @Test(arguments: samplings)
  func aSavedStateGoesOnWithTheSameBatches(_ sampling: WindowSampling) throws {
    let ids = (0..<60).map { TokenID(UInt32($0)) }
    for steps in 0..<20 {
      var one = try loader(ids, batch: 4, length: 5, sampling)
      for _ in 0..<steps { _ = one.next() }
      var two = try loader(ids, batch: 4, length: 5, sampling)
      let restored = two.restore(one.state)
      #expect(restored)
      for _ in 0..<30 {
        let (a, b) = (one.next(), two.next())
        #expect(a == b)
      }
    }
  }

  @Test func tooFewTokensAreRefused() throws {
    let ids: [TokenID] = [1, 2, 3, 4]
    for sampling in Self.samplings {
      #expect {
        try loader(ids, batch: 1, length: 4, sampling)
      } throws: {
        guard case MiniLMError.corpusTooShort(_, 4, 5, _) = $0 else { return false }
        return true
      }
    }
    // Enough for a window, not for a batch of them.
    #expect(throws: MiniLMError.self) { try loader(ids, batch: 3, length: 2, .contiguous) }
    #expect(try loader(ids, batch: 1, length: 3, .random).windowCount == 1)
  }

  @Test func senselessSizesAreRefused() throws {
    let ids: [TokenID] = [1, 2, 3, 4]
    #expect(throws: MiniLMError.self) { try loader(ids, batch: 0, length: 2, .random) }
    #expect(throws: MiniLMError.self) { try loader(ids, batch: 1, length: 0, .random) }
    #expect(throws: MiniLMError.self) { try loader(ids, batch: .max, length: 2, .random) }
    #expect(throws: MiniLMError.self) {
      try loader(ids, batch: 1, length: 2, .sliding(stride: 0, shuffle: false, dropLast: true))
    }
  }
}
