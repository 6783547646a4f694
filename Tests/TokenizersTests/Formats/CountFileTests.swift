import TestSupport
import Testing

@testable import Tokenizers

/// Count files: what they give back, how they add up, what is refused.
struct CountFileTests {
  private static let header = CountFile.Header(
    pattern: .gpt2, invalidUTF8: .bytes, documents: "files",
    inputs: [.members(["name": .string("a.txt")])])

  private func file(
    _ words: [(String, Int)], _ header: CountFile.Header = header
  ) throws -> [UInt8] {
    var counts = PreTokenCounts()
    for (word, count) in words { counts.add(Array(word.utf8).span, count: count) }
    return try file(CountedCorpus(counts), header)
  }

  private func file(_ corpus: CountedCorpus, _ header: CountFile.Header) throws -> [UInt8] {
    var bytes: [UInt8] = []
    try CountFile.write(corpus, header) { part in
      for offset in part.indices { bytes.append(part[offset]) }
    }
    return bytes
  }

  private func read(_ corpus: CountedCorpus) throws -> [[UInt8]: Int] {
    var words: [[UInt8]: Int] = [:]
    try corpus.forEach { (preToken, count, _) throws(TrainingError) in
      words[preToken.array(in: preToken.indices)] = count
    }
    return words
  }

  @Test func checksumIsThePublishedOne() {
    var checksum = CRC64()
    checksum.update(Array("123456789".utf8).span)
    #expect(checksum.value == 0x995D_C9BB_DF19_39FA)
    // In pieces, across the steps of eight bytes.
    for cut in 0...9 {
      var parts = CRC64()
      let text = Array("123456789".utf8)
      parts.update(text.span.extracting(0..<cut))
      parts.update(text.span.extracting(cut..<9))
      #expect(parts.value == 0x995D_C9BB_DF19_39FA)
    }
  }

  @Test func thePublishedForm() throws {
    let bytes = try file([("ab", 300), ("abc", 2), ("b", 1)])
    let newline = try #require(bytes.firstIndex(of: 0x0A))
    // Shared, new, bytes, count; 300 is AC 02. Then the end, 3 distinct of 303.
    let records: [UInt8] = [
      0, 2, 0x61, 0x62, 0xAC, 2, 2, 1, 0x63, 2, 0, 1, 0x62, 1, 0, 0, 3, 0xAF, 2,
    ]
    #expect(Array(bytes[(newline + 1)..<(bytes.count - 8)]) == records)
    let json = try JSONValue(parsing: Array(bytes[..<newline]))
    #expect(json["format"]?.stringValue == "tokenize-counts")
    #expect(json["pattern"]?.stringValue == "gpt2")
    #expect(json["unicode"]?.stringValue == "16.0.0")
  }

  @Test(.tags(.property)) func whatIsWrittenIsRead() throws {
    try ScratchFolder.with { scratch in
      var random = SeededRandom(seed: 3)
      for round in 0..<30 {
        var all: [[UInt8]: Int] = [:]
        var paths: [String] = []
        for shard in 0..<(1 + random.below(7)) {
          var counts = PreTokenCounts()
          for _ in 0..<random.below(200) {
            // Zeros, and lengths around what a key can hold.
            let word = (0..<(1 + random.below(20))).map { _ in UInt8(random.below(3)) }
            let count = 1 + random.below(1 << 20)
            counts.add(word.span, count: count)
            all[word, default: 0] += count
          }
          let bytes = try file(CountedCorpus(counts), Self.header)
          paths.append(try scratch.write(bytes, to: "\(round)-\(shard)"))
        }
        let forward = try CountFile.open(paths).corpus
        let words = try read(forward)
        #expect(words == all)
        #expect(forward.distinctCount == all.count)
        #expect(forward.totalCount == all.values.reduce(0, +))
        // Added up, in whatever order, they are the file of the whole.
        var whole = PreTokenCounts()
        for (word, count) in all { whole.add(word.span, count: count) }
        let expected = try file(CountedCorpus(whole), Self.header)
        let backward = try CountFile.open(paths.reversed()).corpus
        let merged = try file(backward, Self.header)
        #expect(merged == expected)
      }
    }
  }

  /// The message that reading gives; nothing if it succeeds.
  private func refusal(_ files: [[UInt8]], _ scratch: ScratchFolder) -> String? {
    do {
      var paths: [String] = []
      for (index, file) in files.enumerated() {
        paths.append(try scratch.write(file, to: "f\(index)"))
      }
      _ = try read(try CountFile.open(paths).corpus)
      return nil
    } catch {
      return "\(error)"
    }
  }

  @Test func everyCutAndEveryEditIsRefused() throws {
    try ScratchFolder.with { scratch in
      let good = try file([("ab", 300), ("abc", 2), ("b", 1), (" a longer pre-token", 5)])
      #expect(refusal([good], scratch) == nil)
      for length in good.indices {
        let message = refusal([Array(good[..<length])], scratch)
        #expect(message != nil, "cut to \(length)")
      }
      let start = try #require(good.firstIndex(of: 0x0A))
      for offset in start + 1..<good.count {
        for bit in 0..<8 {
          var edited = good
          edited[offset] ^= 1 << UInt8(bit)
          #expect(refusal([edited], scratch) != nil, "byte \(offset), bit \(bit)")
        }
      }
      let more = try #require(refusal([good + [0]], scratch))
      #expect(more.contains("end mark"))
      let cut = try #require(refusal([Array(good.dropLast(4))], scratch))
      #expect(cut.contains("f0") && cut.contains("cut off"))
      let text = try #require(refusal([Array("hello\n".utf8)], scratch))
      #expect(text.contains("not a count file"))
    }
  }

  @Test func whatDoesNotBelongTogetherIsRefused() throws {
    try ScratchFolder.with { scratch in
      let one = try file([("a", 1)])
      var other = Self.header
      other.pattern = .cl100k
      let pattern = try #require(refusal([one, try file([("a", 1)], other)], scratch))
      #expect(pattern.contains("f1") && pattern.contains("cl100k"))
      other = Self.header
      other.documents = "lines"
      let documents = try #require(refusal([one, try file([("a", 1)], other)], scratch))
      #expect(documents.contains("lines"))
      other = Self.header
      other.invalidUTF8 = .replace
      #expect(refusal([one, try file([("a", 1)], other)], scratch)?.contains("replace") ?? false)
      // A header of another Unicode or version.
      for (old, new) in [("16.0.0", "15.0.0"), ("\"version\":1", "\"version\":2")] {
        let text = String(decoding: one.prefix { $0 != 0x0A }, as: UTF8.self)
        let header = Array(text.replacing(old, with: new).utf8)
        #expect(refusal([header + one.drop { $0 != 0x0A }], scratch) != nil, "\(new)")
      }
    }
  }

  @Test func sumsThatDoNotFitAreRefused() throws {
    try ScratchFolder.with { scratch in
      let half = try file([("a", Int.max / 2 + 1)])
      let message = try #require(refusal([half, half], scratch))
      #expect(message.contains("64 bits"))
    }
  }
}
