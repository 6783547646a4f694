import TestSupport
import Testing
import Tokenizers

/// What holds for every text, on generated ones and on the fixtures.
struct EncodingProperties {
  static let patterns: [SplitPattern] = [
    .gpt2, .cl100k, .o200k, .llama3, .qwen2, .none,
  ]
  static let tokenizers: [String: Result<Tokenizer, any Error>] = Dictionary(
    uniqueKeysWithValues: patterns.map { pattern in
      (pattern.name, Result { try SmallTokenizers.bpe(pattern) })
    })

  private func tokenizer(_ pattern: SplitPattern) throws -> Tokenizer {
    try #require(Self.tokenizers[pattern.name]).get()
  }

  @Test(.tags(.property), arguments: patterns)
  func decodingGivesAnyBytesBack(_ pattern: SplitPattern) throws {
    let tokenizer = try tokenizer(pattern)
    for seed in 0..<200 as Range<UInt64> {
      var generator = TextGenerator(seed: seed)
      let bytes = seed % 2 == 0 ? generator.bytes(fragments: 30) : generator.text(fragments: 30)
      let ids = try tokenizer.encode(bytes.span)
      #expect(try tokenizer.decodeBytes(ids) == bytes, "seed \(seed): \(escaped(bytes))")
      #expect(try tokenizer.count(bytes.span) == ids.count)
    }
    for text in try Fixtures.texts() {
      #expect(try tokenizer.decodeBytes(try tokenizer.encode(text.span)) == text)
    }
  }

  @Test(.tags(.property), arguments: patterns)
  func equalToTheNaiveModel(_ pattern: SplitPattern) throws {
    let tokenizer = try tokenizer(pattern)
    let model = try #require(tokenizer.model as? BPEModel)
    let naive = NaiveBPE(model)
    for seed in 0..<60 as Range<UInt64> {
      var generator = TextGenerator(seed: seed)
      let text = generator.text(fragments: 20)
      var expected: [TokenID] = []
      try model.preTokenizer.forEachPreToken(in: text.span) { range in
        expected += naive.encode(Array(text[range]))
      }
      // Twice: the second time everything is in the caches.
      let encoded = try tokenizer.encode((text + text).span)
      let half = try tokenizer.encode(text.span)
      #expect(half == expected, "seed \(seed): \(escaped(text))")
      #expect(try tokenizer.decodeBytes(encoded) == text + text)
    }
  }

  /// Pieces around the lengths at which algorithms and caches change.
  @Test(.tags(.property))
  func longPiecesEqualTheNaiveModel() throws {
    let tokenizer = try tokenizer(.none)
    let model = try #require(tokenizer.model as? BPEModel)
    let naive = NaiveBPE(model)
    var random = SeededRandom(seed: 7)
    for length in [1, 2, 7, 8, 9, 14, 15, 16, 17, 31, 63, 64, 65, 66, 129, 255, 256, 257, 700] {
      for alphabet in ["a", "ab", "the ", "e\u{301}", "日本"] {
        let letters = Array(alphabet.utf8)
        let piece = (0..<length).map { _ in random.pick(letters) }
        let ids = try tokenizer.encode(piece.span)
        #expect(ids == naive.encode(piece), "\(length) of \(alphabet.debugDescription)")
      }
    }
  }

  @Test(.tags(.property), arguments: patterns)
  func anyNumberOfThreadsGivesTheSame(_ pattern: SplitPattern) throws {
    let tokenizer = try tokenizer(pattern)
    var generator = TextGenerator(seed: 11)
    let texts = [generator.text(fragments: 30_000), generator.bytes(fragments: 30_000)]
    for text in texts {
      let serial = try tokenizer.encode(text.span)
      for threads in [2, 3, 7] {
        #expect(try tokenizer.encode(text.span, threads: threads) == serial)
      }
    }
  }

  /// A stream cut anywhere gives the ids of the whole, special tokens and bad bytes included.
  @Test(.tags(.property), arguments: patterns, [SpecialTokenPolicy.text, .allow])
  func streamingEqualsTheWhole(_ pattern: SplitPattern, _ special: SpecialTokenPolicy) throws {
    let tokenizer = try tokenizer(pattern)
    let options = EncodingOptions(special: special)
    for seed in 0..<40 as Range<UInt64> {
      var generator = TextGenerator(seed: seed)
      var text: [UInt8] = []
      for _ in 0..<6 {
        text += generator.bytes(fragments: 4)
        text += Array(
          generator.random.pick(["<|endoftext|>", "<|endof", "<|end|>", "<|end", "<", " <|"]).utf8)
      }
      let whole = try tokenizer.encode(text.span, options: options)
      for size in [1, 2, 3, 5, 13, 64, 1000] {
        // A block of a few bytes makes the encoder look for a cut at almost every step.
        let stream = StreamEncoder(tokenizer, options: options, threads: 2, blockSize: 1 + size / 4)
        var ids: [TokenID] = []
        var start = 0
        while start < text.count {
          let end = min(text.count, start + size)
          for piece in try stream.append(Array(text[start..<end]).span) { ids += piece }
          start = end
        }
        for piece in try stream.finish() { ids += piece }
        #expect(ids == whole, "seed \(seed), \(size) bytes at a time: \(escaped(text))")
      }
    }
  }

  @Test
  func specialTokenPolicies() throws {
    let tokenizer = try tokenizer(.gpt2)
    let end = try #require(tokenizer.specialTokens["<|endoftext|>"])
    let text = "a  <|endoftext|>b"
    #expect(!(try tokenizer.encode(text)).contains(end))
    let allowed = try tokenizer.encode(text, special: .allow)
    #expect(allowed.filter { $0 == end }.count == 1)
    #expect(try tokenizer.decode(allowed) == text)
    #expect(try tokenizer.decode(allowed, skipSpecialTokens: true) == "a  b")
    #expect(throws: TokenizerError.specialTokenInText("<|endoftext|>", offset: 3)) {
      try tokenizer.encode(text, special: .refuse)
    }
    // Of "<|endof" and "<|endoftext|>" the longer one wins, and the shorter one is found elsewhere.
    let short = try #require(tokenizer.specialTokens["<|endof"])
    #expect(try tokenizer.encode("<|endof<|endoftext|>", special: .allow) == [short, end])
  }

  @Test
  func invalidUTF8Policies() throws {
    let tokenizer = try tokenizer(.gpt2)
    let bytes: [UInt8] = [0x61, 0xFF, 0x62, 0xE4, 0xB8]
    let kept = try tokenizer.encode(bytes.span)
    #expect(try tokenizer.decodeBytes(kept) == bytes)
    let replaced = try tokenizer.encode(bytes.span, options: EncodingOptions(invalidUTF8: .replace))
    #expect(try tokenizer.decode(replaced) == "a\u{FFFD}b\u{FFFD}")
    #expect(throws: TokenizerError.invalidUTF8(offset: 1)) {
      try tokenizer.encode(bytes.span, options: EncodingOptions(invalidUTF8: .refuse))
    }
  }

  @Test
  func unknownIDsAreRefusedWithTheirPosition() throws {
    let tokenizer = try tokenizer(.gpt2)
    #expect(throws: TokenizerError.unknownTokenID(4_000_000_000, index: 2)) {
      try tokenizer.decode([1, 2, 4_000_000_000, 3])
    }
    let far = (0..<10_000).map { _ in TokenID(5) } + [TokenID(999_999)]
    #expect(throws: TokenizerError.unknownTokenID(999_999, index: 10_000)) {
      try tokenizer.decode(far)
    }
  }

  /// One word of a megabyte takes a moment, not hours: merging is not quadratic.
  @Test(
    .tags(.slow), .timeLimit(.minutes(2)), arguments: ["a", "ab", "1", "!", "\n", "日", "e\u{301}"])
  func aLongPieceIsNotQuadratic(_ unit: String) throws {
    let tokenizer = try tokenizer(.none)
    let text = Array(String(repeating: unit, count: (1 << 18) / unit.utf8.count).utf8)
    let ids = try tokenizer.encode(text.span)
    #expect(try tokenizer.decodeBytes(ids) == text)
  }
}
