import TestSupport
import Testing

@testable import Tokenizers

/// The fast readers of vocabularies against the strict ones and the definitions.
struct LoadingProperties {
  /// Random tokens over a few letters: all bytes, and others in random order.
  private func tokens(_ random: inout SeededRandom) -> [[UInt8]] {
    let letters = Array("abc\u{e9}".utf8.prefix(1 + random.below(5)))
    var tokens = (0...255).map { [UInt8($0)] }
    var seen = Set(tokens)
    for _ in 0..<random.below(60) {
      let token = (0..<2 + random.below(6)).map { _ in random.pick(letters) }
      if seen.insert(token).inserted { tokens.append(token) }
    }
    if random.below(2) == 0 {
      // Ranks in any order: bytes after longer tokens, tokens before their parts.
      for index in tokens.indices { tokens.swapAt(index, random.below(tokens.count)) }
    }
    return tokens
  }

  @Test(.tags(.property))
  func mergesOfRankTablesAreThoseOfTheDefinition() throws {
    var foundCount = 0
    for seed in 0..<500 as Range<UInt64> {
      var random = SeededRandom(seed: seed)
      let vocabulary = try Vocabulary(
        tokens(&random).enumerated().map { ($1, TokenID(UInt32($0 * 3))) })
      let long = vocabulary.tokenIDs.filter { (vocabulary.bytes(of: $0) ?? []).count > 1 }
      let special: Set<TokenID> =
        long.isEmpty || random.below(3) > 0 ? [] : [random.pick(long)]
      let expected = TiktokenFile.mergesByDefinition(of: vocabulary, except: special)
      if let found = RankTableMerges.find(in: vocabulary, except: special) {
        foundCount += 1
        #expect(found.merges == expected.merges, "seed \(seed)")
        #expect(found.unreachable == expected.unreachable, "seed \(seed)")
      } else {
        // Only where some token is made of one of higher rank.
        #expect(
          expected.merges.contains { merge in
            [merge.left, merge.right].contains { part in
              part > merge.merged && (vocabulary.bytes(of: part) ?? []).count > 1
            }
          }, "seed \(seed)")
      }
    }
    #expect(foundCount > 100)
  }

  @Test(
    .tags(.slow), .enabled(if: SharedData.isAvailable, Comment(rawValue: SharedData.hint)),
    arguments: ["r50k_base", "p50k_base", "cl100k_base"])
  func mergesOfPublishedTablesAreThoseOfTheDefinition(_ name: String) throws {
    let file = try SharedData.bytes("vocabs/\(name).tiktoken")
    let contents = try TiktokenFile.read(file)
    let expected = TiktokenFile.mergesByDefinition(of: contents.vocabulary, except: [])
    #expect(contents.merges == expected.merges)
    #expect(contents.unreachable == expected.unreachable)
  }

  /// Eight bytes at a time, a hash is that of the bytes one by one.
  @Test(.tags(.property))
  func hashesOfPaddedBytesAreThoseOfBytes() {
    var random = SeededRandom(seed: 1)
    for _ in 0..<2_000 {
      let bytes = (0..<48).map { _ in random.below(4) == 0 ? 0xFF : UInt8(random.below(256)) }
      let count = random.below(30)
      unsafe bytes.withUnsafeBufferPointer { bytes in
        // There are 16 bytes behind the first 30.
        guard let start = bytes.baseAddress else { return }
        let padded = unsafe TokenHash(padded: start, count).sum
        let plain = unsafe TokenHash(start, count).sum
        #expect(padded == plain, "\(count) bytes")
      }
    }
  }

  /// Ids of one to ten digits and tokens of one byte to hundreds, in the usual spelling.
  @Test
  func lengthsOfIDsAndTokensDoNotMatter() throws {
    var ids = Array(0...255 as ClosedRange<UInt32>)
    var tokens = ids.map { [UInt8($0)] }
    var merges = "#version: 0.2\n"
    var expected: [BPEModel.Merge] = []
    // Runs of a letter, each made of the one before and the letter: lengths 2 to 300 for the first two.
    for (letter, last) in [("a", 300), ("\u{20}", 300), ("z", 12)] {
      let byte = Array(letter.utf8)[0]
      for length in 2...last {
        let id = UInt32(ids.count) &* (length % 7 == 0 ? 123_456 : 1)
        merges += ByteAlphabet.spelling(of: [UInt8](repeating: byte, count: length - 1)) + " "
        merges += ByteAlphabet.spelling(of: [byte]) + "\n"
        let before = length == 2 ? UInt32(byte) : try #require(ids.last)
        expected.append(
          .init(left: TokenID(before), right: TokenID(UInt32(byte)), merged: TokenID(id)))
        ids.append(id)
        tokens.append([UInt8](repeating: byte, count: length))
      }
    }
    let entries = zip(tokens, ids).map { token, id in
      JSONValue.quoted(ByteAlphabet.spelling(of: token), asciiOnly: id % 2 == 0) + ": \(id)"
    }
    for separator in [", ", ",", ",\n  "] {
      let vocab = "{" + entries.joined(separator: separator) + "}"
      let contents = try GPT2Files.read(vocab: Array(vocab.utf8), merges: Array(merges.utf8))
      #expect(contents.merges == expected)
      for (token, id) in zip(tokens, ids) {
        #expect(contents.vocabulary.bytes(of: TokenID(id)) == token)
      }
    }
  }

  /// Each way to spell the same two files gives the same contents.
  @Test(.tags(.property))
  func spellingsOfGPT2FilesDoNotMatter() throws {
    let tokenizer = try SmallTokenizers.bpe(.gpt2, merges: 300)
    let model = try #require(tokenizer.model as? BPEModel)
    let usual = try GPT2Files.read(
      vocab: try GPT2Files.vocab(
        of: model.vocabulary, specialTokens: tokenizer.specialTokens),
      merges: GPT2Files.merges(of: model))
    #expect(usual.merges == model.merges)
    let ids = model.vocabulary.tokenIDs
    for seed in 0..<30 as Range<UInt64> {
      var random = SeededRandom(seed: seed)
      var order = ids
      if random.below(2) == 0 {
        for index in order.indices { order.swapAt(index, random.below(order.count)) }
      }
      func gap() -> String {
        random.below(4) == 0 ? random.pick([" ", "\n", "\t", "\r\n", "  "]) : ""
      }
      var vocab = "\(gap()){\(gap())"
      for (index, id) in order.enumerated() {
        let bytes = try #require(model.vocabulary.bytes(of: id))
        let spelling =
          tokenizer.specialTokens.contains(id)
          ? String(decoding: bytes, as: UTF8.self) : ByteAlphabet.spelling(of: bytes)
        if index > 0 { vocab += ",\(gap())" }
        vocab += "\""
        for scalar in spelling.unicodeScalars {
          if scalar == "\"" || scalar == "\\" {
            vocab += "\\\(scalar)"
          } else if random.below(3) == 0 {
            let digits = String(scalar.value, radix: 16, uppercase: random.below(2) == 0)
            vocab += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
          } else {
            vocab.unicodeScalars.append(scalar)
          }
        }
        vocab += "\"\(gap()):\(gap())\(id)\(gap())"
      }
      vocab += "}\(gap())"
      let end = random.pick(["\n", "\r\n"])
      var merges = random.below(2) == 0 ? "#version: 0.2\(end)" : ""
      for merge in model.merges {
        let left = try #require(model.vocabulary.bytes(of: merge.left))
        let right = try #require(model.vocabulary.bytes(of: merge.right))
        merges += ByteAlphabet.spelling(of: left) + " " + ByteAlphabet.spelling(of: right)
        merges += random.below(10) == 0 ? "\r\n\n" : end
      }
      if random.below(2) == 0 { merges.removeLast() }
      let contents = try GPT2Files.read(vocab: Array(vocab.utf8), merges: Array(merges.utf8))
      #expect(contents.merges == usual.merges, "seed \(seed)")
      #expect(contents.specialTokens.entries == usual.specialTokens.entries, "seed \(seed)")
      for id in ids {
        #expect(contents.vocabulary.bytes(of: id) == model.vocabulary.bytes(of: id), "seed \(seed)")
      }
    }
  }

  /// Errors name the line at which the fast reader stopped.
  @Test
  func errorsBehindManyGoodLinesNameTheirLine() throws {
    let tokenizer = try SmallTokenizers.bpe(.gpt2, merges: 100)
    let model = try #require(tokenizer.model as? BPEModel)
    let vocab = try GPT2Files.vocab(of: model.vocabulary, specialTokens: tokenizer.specialTokens)
    var lines = String(decoding: GPT2Files.merges(of: model), as: UTF8.self)
      .split(separator: "\n").map(String.init)
    lines[50] = "zq qz"
    var refusal: FormatError?
    do {
      _ = try GPT2Files.read(vocab: vocab, merges: Array(lines.joined(separator: "\n").utf8))
    } catch {
      refusal = error
    }
    #expect(refusal?.place == .line(51))
    #expect(refusal?.message == "the token 'zq' is not in the vocabulary")
  }

  @Test(.tags(.property))
  func tokensAreFoundByTheirBytes() throws {
    for seed in 0..<50 as Range<UInt64> {
      var random = SeededRandom(seed: seed)
      var ids: [[UInt8]: TokenID] = [:]
      for number in 0..<UInt32(random.below(300)) {
        let token = (0..<1 + random.below(20)).map { _ in UInt8(random.below(3)) }
        ids[token] = TokenID(UInt32(random.below(2)) * 1_000_000 + number)
      }
      let vocabulary = try Vocabulary(ids.map { ($0.key, $0.value) })
      for (token, id) in ids {
        #expect(vocabulary.id(of: token) == id)
        #expect(vocabulary.bytes(of: id) == token)
      }
      for _ in 0..<300 {
        let other = (0..<random.below(24)).map { _ in UInt8(random.below(3)) }
        #expect(vocabulary.id(of: other) == ids[other], "seed \(seed)")
      }
    }
  }
}
