import TestSupport
import Testing

@testable import Tokenizers

/// Texts that are longer than what is encoded at a time, and prepared models: ids are those of the text as a whole.
@Suite struct LongTextTests {
  /// Some megabytes of all fixtures, in one order after the other, with a run that has no place to cut in between.
  static func text(seed: UInt64) throws -> [UInt8] {
    var random = SeededRandom(seed: seed)
    let texts = try Fixtures.texts()
    var bytes: [UInt8] = []
    while bytes.count < 5 << 19 {
      bytes += random.pick(texts)
      if random.below(40) == 0 { bytes += [UInt8](repeating: 0x78, count: 300_000) }
    }
    return bytes
  }

  private func model(_ tokenizer: Tokenizer) throws -> BPEModel {
    try #require(tokenizer.model as? BPEModel)
  }

  @Test(.tags(.property), arguments: [SplitPattern.gpt2, .cl100k])
  func stretchesChangeNothing(pattern: SplitPattern) throws {
    let tokenizer = try SmallTokenizers.bpe(pattern, merges: 500)
    let text = Array(String(decoding: try Self.text(seed: 1), as: UTF8.self).utf8)
    var whole: [TokenID] = []
    try tokenizer.model.makeEncoder().encode(text.span, into: &whole)
    #expect(try tokenizer.encode(text.span) == whole)
  }

  /// Bytes that are not UTF-8 too: as they are repaired in the text as a whole.
  @Test(.tags(.property)) func stretchesOfBadBytesChangeNothing() throws {
    let tokenizer = try SmallTokenizers.bpe(.gpt2, merges: 500)
    var text = try Self.text(seed: 2)
    var random = SeededRandom(seed: 3)
    for _ in 0..<2000 { text[random.below(text.count)] = 0xFF }
    var whole: [TokenID] = []
    try tokenizer.model.makeEncoder()
      .encode(text.span, repaired: RepairedText(repairing: text.span), into: &whole)
    #expect(try tokenizer.encode(text.span) == whole)
  }

  /// One encoder and one array for one text after the other; the second text is written past the caches.
  @Test(.tags(.property), arguments: [2, 3]) func threadsShareTexts(threads: Int) throws {
    let tokenizer = try SmallTokenizers.bpe(.gpt2, merges: 500)
    let text = try Self.text(seed: 5)
    var long = text
    while long.count < TextEncoder.worthPassingCaches { long += text }
    let encoder = TextEncoder(tokenizer, threads: threads)
    var ids = [TokenID(7)]
    for text in [text, long, Array("short".utf8), text] {
      try encoder.encode(text.span, into: &ids)
      let found = ids.dropFirst()
      #expect(Array(found) == (try tokenizer.encode(text.span)))
      #expect(ids[0] == TokenID(7))
      ids.removeSubrange(1...)
    }
  }

  @Test func whereAnErrorIsThreadsLeaveIDsAsTheyWere() throws {
    let tokenizer = try SmallTokenizers.bpe(.gpt2, merges: 100)
    var text = Array(String(repeating: "ten bytes ", count: 200_000).utf8)
    text[1_876_543] = 0xFF
    let encoder = TextEncoder(
      tokenizer, options: EncodingOptions(invalidUTF8: .refuse), threads: 2)
    var ids = [TokenID(7)]
    #expect(throws: TokenizerError.invalidUTF8(offset: 1_876_543)) {
      try encoder.encode(text.span, into: &ids)
    }
    #expect(ids == [TokenID(7)])
    try encoder.encode(text.span.extracting(0..<1_000_000), into: &ids)
    let start = Array(text[..<1_000_000])
    #expect(Array(ids.dropFirst()) == (try tokenizer.encode(start.span)))
  }

  @Test func anErrorIsWhereItIsInTheWholeText() throws {
    let tokenizer = try SmallTokenizers.bpe(.gpt2, merges: 100)
    var text = Array(String(repeating: "ten bytes ", count: 100_000).utf8)
    text[876_543] = 0xFF
    #expect(throws: TokenizerError.invalidUTF8(offset: 876_543)) {
      try tokenizer.encode(text.span, options: EncodingOptions(invalidUTF8: .refuse))
    }
  }

  /// What a prepared model begins with is what merging gives.
  @Test(.tags(.property)) func preparedModelsGiveTheSameIDs() throws {
    let text = try Self.text(seed: 4)
    #expect(text.count >= PreTokenSeeds.worthCopying)
    let plain = try SmallTokenizers.bpe(.gpt2, merges: 2000)
    let expected = try plain.encode(text.span)
    let prepared = try SmallTokenizers.bpe(.gpt2, merges: 2000)
    prepared.prepare()
    let seeds = try #require(try model(prepared).seeds.ifMade)
    let hasSeeds = !seeds.storage.isEmpty
    #expect(hasSeeds)
    #expect(try prepared.encode(text.span) == expected)
    #expect(try prepared.encode(text.span, threads: 2) == expected)
  }

  /// Tokens that no merge makes are not what their bytes become, unless whole pre-tokens are looked up.
  @Test(arguments: [false, true]) func seedsAreWhatEncodingGives(looksUp: Bool) throws {
    let small = try model(try SmallTokenizers.bpe(.gpt2, merges: 300))
    var entries = small.vocabulary.tokenIDs.map { (small.vocabulary.bytes(of: $0) ?? [], $0) }
    entries.append((Array("zzqqzzq".utf8), TokenID(UInt32(entries.count))))
    let made = try BPEModel(
      vocabulary: try Vocabulary(entries), merges: small.merges, preTokenizer: small.preTokenizer,
      looksUpWholePreTokens: looksUp)
    let text = Array(String(repeating: "zzqqzzq and more\n", count: 150_000).utf8)
    let tokenizer = Tokenizer(model: made, splitPattern: .gpt2)
    let before = try tokenizer.encode(text.span)
    tokenizer.prepare()
    #expect(try tokenizer.encode(text.span) == before)
    #expect(before.contains(entries[entries.count - 1].1) == looksUp)
  }
}
