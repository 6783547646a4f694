import Foundation
import TestSupport
import Testing

@testable import Tokenizers

/// Prepared forms give what the files give, and are passed over where they are not exactly right.
struct PreparedVocabularyTests {
  /// A folder with a small vocabulary, its sources, and a folder of prepared forms with that of it.
  private struct Place {
    let scratch: ScratchFolder
    let sources: PreparedVocabulary.Sources
    let name: String
    let bytes: [UInt8]

    /// In the folder, if `folder` is nil, 300 merges.
    static func with(_ body: (Place) throws -> Void) throws {
      try ScratchFolder.with { scratch in
        let tokenizer = try SmallTokenizers.bpe(.gpt2, merges: 300)
        for (name, bytes) in try TokenizerFolder.files(of: tokenizer) {
          try scratch.write(bytes, to: name)
        }
        let (name, bytes) = try PreparedVocabulary.make(folder: scratch.path)
        try scratch.write(bytes, to: name)
        let sources = try #require(Tokenizer.sources(in: scratch.path))
        try body(Place(scratch: scratch, sources: sources, name: name, bytes: bytes))
      }
    }

    /// What is read of the prepared form when these are its bytes.
    func contents(_ bytes: [UInt8]) throws -> PreparedVocabulary.Contents? {
      try scratch.write(bytes, to: name)
      return PreparedVocabulary.contents(of: sources, in: [scratch.path])
    }

    var contents: PreparedVocabulary.Contents? {
      PreparedVocabulary.contents(of: sources, in: [scratch.path])
    }

    func tokenizer(prepared: Bool, _ engine: Engine = .automatic) throws -> Tokenizer {
      try Tokenizer(
        contentsOf: scratch.path, engine: engine, prepared: prepared ? [scratch.path] : [])
    }
  }

  private func expectEqual(_ one: Tokenizer, _ other: Tokenizer) throws {
    #expect(one.vocabulary.tokenIDs == other.vocabulary.tokenIDs)
    for id in one.vocabulary.tokenIDs {
      let bytes = try #require(one.vocabulary.bytes(of: id))
      #expect(other.vocabulary.bytes(of: id) == bytes)
      #expect(other.vocabulary.id(of: bytes) == id)
    }
    #expect(one.specialTokens.entries == other.specialTokens.entries)
    #expect(one.splitPattern == other.splitPattern)
    let models = try (#require(one.model as? BPEModel), #require(other.model as? BPEModel))
    #expect(models.0.merges == models.1.merges)
    #expect(models.0.looksUpWholePreTokens == models.1.looksUpWholePreTokens)
    var generator = TextGenerator(seed: 11)
    var texts = try Fixtures.texts()
    for _ in 0..<8 { texts.append(generator.text(fragments: 200)) }
    // Long enough for the tables of long pre-tokens.
    texts.append([UInt8](repeating: UInt8(ascii: "a"), count: 70_000))
    for text in texts {
      let ids = try one.encode(text.span)
      #expect(try other.encode(text.span) == ids)
    }
  }

  @Test(arguments: Engine.available)
  func theSameTokenizer(_ engine: Engine) throws {
    try Place.with { place in
      #expect(place.contents != nil)
      try expectEqual(
        try place.tokenizer(prepared: false, engine), try place.tokenizer(prepared: true, engine))
    }
  }

  /// A table that was read as it lies in memory had no merges to those who asked how many, and the automaton that
  /// merges long pre-tokens of few characters ended the program.
  @Test func longPreTokensOfAPreparedVocabulary() throws {
    try ScratchFolder.with { scratch in
      let folder = Fixtures.path("vocabs/gpt2")
      let (name, bytes) = try PreparedVocabulary.make(folder: folder)
      try scratch.write(bytes, to: name)
      let plain = try Tokenizer(contentsOf: folder, prepared: [])
      let prepared = try Tokenizer(contentsOf: folder, prepared: [scratch.path])
      let tables = try [plain, prepared].map { try #require($0.model as? BPEModel).mergeTable }
      #expect(tables[0].mergeCount == 50_000)
      #expect(tables[1].mergeCount == 50_000)
      for alphabet in ["0123456789", "abcdefghijklmnopqrstuvwxyz", "日本語中文字漢", "!"] {
        var random = SeededRandom(seed: 3)
        let characters = Array(alphabet)
        let text = Array(
          String((0..<120_000).map { _ in random.pick(characters) }).utf8)
        let ids = try plain.encode(text.span)
        #expect(try prepared.encode(text.span) == ids)
        #expect(try prepared.decode(ids) == String(decoding: text, as: UTF8.self))
      }
    }
  }

  /// Spelling tokens is what a start saves: encoding, and what it asks of a vocabulary, must do without.
  @Test(arguments: Engine.available)
  func encodingAsksForNoToken(_ engine: Engine) throws {
    try Place.with { place in
      let contents = try #require(place.contents)
      let plain = try place.tokenizer(prepared: false, engine)
      let vocabulary = Vocabulary(
        count: contents.vocabulary.count, largestID: contents.vocabulary.largestID,
        known: try TokenList(arena: [], offsets: [0], ids: [])
      ) {
        Issue.record("a token was asked for")
        return plain.vocabulary.tokens
      }
      let model = BPEModel(
        prepared: contents.table, vocabulary, idOfByte: contents.idOfByte,
        preTokenizer: try engine.makePreTokenizer(for: .gpt2))
      let tokenizer = Tokenizer(
        model: model, specialTokens: contents.specialTokens, splitPattern: .gpt2)
      for text in try Fixtures.texts() {
        let ids = try plain.encode(text.span)
        #expect(try tokenizer.encode(text.span) == ids)
      }
      #expect(tokenizer.vocabularySize == plain.vocabularySize)
      #expect(tokenizer.vocabulary.largestID == plain.vocabulary.largestID)
    }
  }

  /// Tokens beyond those of merges, with holes between their ids, and no merges at all.
  @Test func tokensThatNoMergeMakes() throws {
    for (merges, others) in [
      ([], []), (["a b"], []), (["a b", "ab c"], ["<|end|>", "zebra", "<|x|>"]), ([], ["<|end|>"]),
    ] as [([String], [String])] {
      try ScratchFolder.with { scratch in
        var entries = ByteAlphabet.bytesInOrder.map { ByteAlphabet.spelling(of: [$0]) }
        entries += merges.map { $0.filter { $0 != " " } }
        let beyond = entries.count
        let lines = (entries + others).enumerated().map { index, token in
          "\(JSONValue.quoted(token)): \(index < beyond ? index : beyond + 7 * (index - beyond))"
        }
        try scratch.write(Array("{\(lines.joined(separator: ", "))}".utf8), to: "vocab.json")
        try scratch.write(Array(merges.map { $0 + "\n" }.joined().utf8), to: "merges.txt")
        let (name, bytes) = try PreparedVocabulary.make(folder: scratch.path)
        try scratch.write(bytes, to: name)
        let sources = try #require(Tokenizer.sources(in: scratch.path))
        #expect(PreparedVocabulary.contents(of: sources, in: [scratch.path]) != nil)
        try expectEqual(
          try Tokenizer(contentsOf: scratch.path),
          try Tokenizer(contentsOf: scratch.path, prepared: [scratch.path]))
      }
    }
  }

  @Test func theSameTokenizerOfGPT2() throws {
    let folder = Fixtures.path("vocabs/gpt2")
    try ScratchFolder.with { scratch in
      let (name, bytes) = try PreparedVocabulary.make(folder: folder)
      try scratch.write(bytes, to: name)
      let sources = try #require(Tokenizer.sources(in: folder))
      #expect(PreparedVocabulary.contents(of: sources, in: [scratch.path]) != nil)
      #expect(PreparedVocabulary.contents(of: sources, in: []) == nil)
      #expect(PreparedVocabulary.contents(of: sources, in: [folder]) == nil)
      #expect(PreparedVocabulary.contents(of: sources, in: ["/nowhere", scratch.path]) != nil)
      try expectEqual(
        try Tokenizer(contentsOf: folder),
        try Tokenizer(contentsOf: folder, prepared: [scratch.path]))
    }
  }

  /// One byte of a source changed, at any place, or a byte more or less.
  @Test func anotherSourceIsReadItself() throws {
    try Place.with { place in
      for path in [place.sources.vocab, place.sources.merges] {
        let name = URL(fileURLWithPath: path).lastPathComponent
        let source = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        for offset in stride(from: 0, to: source.count, by: 97) {
          var changed = source
          changed[offset] ^= 1
          try place.scratch.write(changed, to: name)
          #expect(place.contents == nil, "\(name), byte \(offset)")
        }
        for changed in [Array(source.dropLast()), source + [0x0A], []] {
          try place.scratch.write(changed, to: name)
          #expect(place.contents == nil, "\(name), \(changed.count) bytes")
        }
        try place.scratch.write(source, to: name)
        #expect(place.contents != nil)
      }
    }
  }

  /// The middle of the sources is not in the name of the prepared form, which then lies there under the same.
  @Test func anotherSourceOfTheSameNameIsReadItself() throws {
    try Place.with { place in
      let merges = try String(contentsOfFile: place.sources.merges, encoding: .utf8)
      var lines = merges.split(separator: "\n", omittingEmptySubsequences: false)
      // Far from the last 4096 bytes only if the file is longer; the name is asked for below.
      lines.swapAt(1, 2)
      let long = lines.joined(separator: "\n")
      try place.scratch.write(Array(long.utf8), to: "merges.txt")
      let other = try #require(PreparedVocabulary.name(of: place.sources))
      try place.scratch.write(place.bytes, to: other)
      #expect(place.contents == nil)
      let model = try #require(try place.tokenizer(prepared: true).model as? BPEModel)
      let plain = try #require(try place.tokenizer(prepared: false).model as? BPEModel)
      #expect(model.merges == plain.merges)
    }
  }

  @Test func damageIsFoundOut() throws {
    try Place.with { place in
      var random = SeededRandom(seed: 5)
      let places =
        Array(0..<PreparedVocabulary.Header.size)
        + (0..<400).map { _ in random.below(place.bytes.count) }
      for offset in places {
        var damaged = place.bytes
        damaged[offset] ^= UInt8(1 + random.below(255))
        let contents = try place.contents(damaged)
        #expect(contents == nil, "byte \(offset)")
      }
      for count in [0, 1, 79, 80, 1104, place.bytes.count - 1] {
        let contents = try place.contents(Array(place.bytes.prefix(count)))
        #expect(contents == nil, "\(count) bytes")
      }
      let (longer, whole) = try (place.contents(place.bytes + [0]), place.contents(place.bytes))
      #expect(longer == nil)
      #expect(whole != nil)
    }
  }

  /// The parts of a prepared form behind its header: tokens of bytes, table, and of the other tokens offsets, ids, ids
  /// of special ones, bytes.
  private func parts(_ bytes: [UInt8], _ header: PreparedVocabulary.Header) -> [[UInt8]] {
    let counts = [
      1024, MergeTableStorage.byteCount(bits: UInt64(header.bits)), 4 * (header.otherCount + 1),
      4 * header.otherCount, 4 * header.specialCount, header.otherBytes,
    ]
    var parts: [[UInt8]] = []
    var start = PreparedVocabulary.Header.size
    for count in counts {
      parts.append(Array(bytes[start..<start + count]))
      start += count
    }
    return parts
  }

  /// Whoever may write in the folder can make the checksum right. Then ids may be wrong; but nothing is read
  /// outside of the tables, every call returns, and what does not hold together is passed over.
  @Test(.tags(.property), arguments: 0..<40 as Range<UInt64>)
  func whatIsMadeUpHarmsNothing(_ seed: UInt64) throws {
    try Place.with { place in
      var random = SeededRandom(seed: seed)
      var header = try #require(PreparedVocabulary.header(of: place.bytes))
      var parts = parts(place.bytes, header)
      let end = PreparedVocabulary.Header.size + parts.reduce(0) { $0 + $1.count }
      for _ in 0..<1 + random.below(6) {
        let part = random.below(parts.count)
        let word = random.below(parts[part].count / 4)
        let other = random.below(parts[part].count / 4)
        for byte in 0..<4 {
          switch random.below(4) {
          case 0: parts[part][4 * word + byte] = UInt8(random.below(256))
          case 1: parts[part][4 * word + byte] = parts[part][4 * other + byte]
          case 2: parts[part].swapAt(4 * word + byte, 4 * other + byte)
          default: break
          }
        }
      }
      // Seldom other counts: with them hardly anything fits.
      if random.below(12) == 0 { header.tokenBytes += 1 - 2 * random.below(2) }
      if random.below(12) == 0 { header.mergeCount -= 1 }
      if random.below(12) == 0 { header.bits += 1 - 2 * random.below(2) }
      header.checksum = PreparedVocabulary.checksum(
        header, .init(table: Array(parts[..<2]), others: Array(parts[2...])))
      let bytes =
        PreparedVocabulary.encoded(header) + parts.flatMap { $0 } + place.bytes[end...]
      guard try place.contents(bytes) != nil else { return }
      for engine in Engine.available {
        let tokenizer = try place.tokenizer(prepared: true, engine)
        var generator = TextGenerator(seed: seed)
        for text in [
          generator.text(fragments: 300), [UInt8](repeating: UInt8(ascii: "e"), count: 70_000),
          Array(repeating: Array("the lighthouse".utf8), count: 5_000).flatMap { $0 },
        ] {
          let ids = try tokenizer.encode(text.span)
          #expect(!ids.isEmpty)
          _ = try? tokenizer.decodeBytes(ids)
        }
        _ = (tokenizer.model as? BPEModel)?.merges
        for id in tokenizer.vocabulary.tokenIDs {
          let bytes = try #require(tokenizer.vocabulary.bytes(of: id))
          // Its own id, or that of another with the same bytes.
          #expect(tokenizer.vocabulary.id(of: bytes) != nil)
        }
      }
    }
  }

  @Test func whatOthersMayWriteIsPassedOver() throws {
    try Place.with { place in
      let path = place.scratch.path + "/" + place.name
      for (permissions, isUsed) in [
        (0o644, true), (0o600, true), (0o664, false), (0o646, false), (0o666, false),
      ] {
        // The path ends with a NUL for the length of the call.
        let changed = unsafe chmod(path, mode_t(permissions))
        #expect(changed == 0)
        #expect((place.contents != nil) == isUsed, "\(String(permissions, radix: 8))")
      }
    }
  }

  @Test(.enabled(if: geteuid() == 0, "only the superuser can give files away"))
  func whatOthersOwnIsPassedOver() throws {
    try Place.with { place in
      // As above.
      let changed = unsafe chown(place.scratch.path + "/" + place.name, 12_345, 12_345)
      #expect(changed == 0)
      #expect(place.contents == nil)
    }
  }

  @Test func aFolderOfItsNameIsPassedOver() throws {
    try Place.with { place in
      let path = place.scratch.path + "/" + place.name
      try FileManager.default.removeItem(atPath: path)
      #expect(place.contents == nil)
      try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: false)
      #expect(place.contents == nil)
      _ = try place.tokenizer(prepared: true)
    }
  }

  /// Merges that make each token twice as long as the one before would ask for more memory than there is.
  @Test func mergesThatGrowWithoutEnd() throws {
    try Place.with { place in
      var header = try #require(PreparedVocabulary.header(of: place.bytes))
      var parts = parts(place.bytes, header)
      let slots = 1 << header.bits
      for slot in 0..<slots {
        let bytes = parts[1][8 * slot..<8 * slot + 8]
        var number = bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        if number == .max { continue }
        let rank = number & (1 << 22 - 1)
        number = (rank + 255) << 43 | (rank + 255) << 22 | rank
        for byte in 0..<8 {
          parts[1][8 * slot + byte] = UInt8(truncatingIfNeeded: number >> UInt64(8 * byte))
        }
      }
      let end = PreparedVocabulary.Header.size + parts.reduce(0) { $0 + $1.count }
      for tokenBytes in [header.tokenBytes, header.vocabCount, header.vocabCount + 1, 1 << 32 - 1] {
        header.tokenBytes = tokenBytes
        header.checksum = PreparedVocabulary.checksum(
          header, .init(table: Array(parts[..<2]), others: Array(parts[2...])))
        let contents = try place.contents(
          PreparedVocabulary.encoded(header) + parts.flatMap { $0 } + place.bytes[end...])
        #expect((contents == nil) == (tokenBytes > header.vocabCount))
        guard let contents else { continue }
        #expect(contents.vocabulary.tokenIDs.count == contents.vocabulary.count)
        #expect(contents.vocabulary.bytes(of: TokenID(300))?.count == 1)
      }
    }
  }

  @Test func whatHasNoPreparedFormIsRefused() throws {
    // Ids in the order of the spellings, and not of the merges.
    try ScratchFolder.with { scratch in
      let bytes = ByteAlphabet.bytesInOrder.map { ByteAlphabet.spelling(of: [$0]) }
      let entries = (bytes + ["abc", "ab"]).enumerated().map {
        "\(JSONValue.quoted($1)): \($0)"
      }
      try scratch.write(Array("{\(entries.joined(separator: ", "))}".utf8), to: "vocab.json")
      try scratch.write(Array("a b\nab c\n".utf8), to: "merges.txt")
      #expect(throws: FormatError.self) { try PreparedVocabulary.make(folder: scratch.path) }
      _ = try Tokenizer(contentsOf: scratch.path, prepared: [scratch.path])
    }
    try ScratchFolder.with { scratch in
      #expect(throws: FormatError.self) { try PreparedVocabulary.make(folder: scratch.path) }
      #expect(throws: FormatError.self) {
        try PreparedVocabulary.make(folder: scratch.path + "/missing.tiktoken")
      }
    }
  }
}
