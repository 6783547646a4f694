import TestSupport
import Testing

@testable import Tokenizers

@Suite struct UTF8ValidationTests {
  /// Bytes, their bad sequences; from the table "U+FFFD for maximal subparts" of the Unicode
  /// Standard and by hand.
  static let cases: [([UInt8], [Range<Int>])] = [
    ([], []),
    (Array("plain".utf8), []),
    (Array("é中😀\u{10FFFF}\u{D7FF}\u{E000}\0".utf8), []),
    ([0xC0, 0xAF, 0xE0, 0x80, 0xBF, 0xF0, 0x81, 0x82, 0x41], (0..<8).map { $0..<$0 + 1 }),
    (
      [0xED, 0xA0, 0x80, 0xED, 0xBF, 0xBF, 0xED, 0xAF, 0x41],
      (0..<8).map { $0..<$0 + 1 }
    ),
    (
      [0xF4, 0x91, 0x92, 0x93, 0xFF, 0x41, 0x80, 0xBF, 0x42],
      [0..<1, 1..<2, 2..<3, 3..<4, 4..<5, 6..<7, 7..<8]
    ),
    ([0xE1, 0x80, 0xE2, 0xF0, 0x91, 0x92, 0xF1, 0xBF, 0x41], [0..<2, 2..<3, 3..<6, 6..<8]),
    ([0x61, 0xE4, 0xB8], [1..<3]),
    ([0xF0, 0x9F, 0x92, 0xF0, 0x9F, 0x92, 0xA9], [0..<3]),
    ([UInt8](repeating: 0x61, count: 70) + [0xFF] + [UInt8](repeating: 0x62, count: 40), [70..<71]),
  ]

  @Test(arguments: cases.indices)
  func findsMaximalSubparts(index: Int) {
    let (bytes, expected) = Self.cases[index]
    var found: [Range<Int>] = []
    var position = 0
    while let bad = UTF8Validation.firstInvalidSequence(in: bytes.span, from: position) {
      found.append(bad)
      position = bad.upperBound
    }
    #expect(found == expected)
    #expect(UTF8Validation.isValid(bytes.span) == expected.isEmpty)
  }

  @Test(.tags(.property), arguments: UInt64(1)...200)
  func agreesWithTheStandardLibrary(seed: UInt64) {
    var generator = TextGenerator(seed: seed)
    let bytes = generator.bytes(fragments: 30)
    let text = String(decoding: bytes, as: UTF8.self)
    let repaired = RepairedText(repairing: bytes.span)
    #expect(repaired.bytes == Array(text.utf8), "seed \(seed): \(escaped(bytes))")
    let isValid = UTF8Validation.isValid(repaired.bytes.span)
    #expect(isValid)
    #expect(UTF8Validation.isValid(bytes.span) == (bytes == Array(text.utf8)))
  }

  /// The vector kernel and the plain one find the same end, wherever the bad byte lies in a block.
  @Test(.tags(.property), arguments: UInt64(1)...300)
  func kernelsAgree(seed: UInt64) {
    var generator = TextGenerator(seed: seed)
    var bytes = seed % 3 == 0 ? generator.text(fragments: 40) : generator.prose(words: 40)
    for _ in 0..<40 {
      let position = generator.random.below(bytes.count)
      let kept = bytes[position]
      if generator.random.below(2) == 0 {
        bytes[position] = UInt8(generator.random.below(256))
      } else {
        bytes.replaceSubrange(
          position..<min(bytes.count, position + 2),
          with: generator.random.pick(TextGenerator.brokenSequences))
      }
      let start = generator.random.below(2) == 0 ? 0 : bytes.firstIndex { $0 < 0x80 } ?? 0
      let ends = UTF8Validation.wellFormedEnds(in: bytes.span, from: start)
      #expect(ends.vectors == ends.portable, "seed \(seed): \(escaped(bytes))")
      if generator.random.below(4) > 0, position < bytes.count { bytes[position] = kept }
    }
  }

  @Test func tellsIncompleteSuffixes() {
    for (bytes, length): ([UInt8], Int) in [
      ([], 0), ([0x61], 0), ([0xC3], 1), ([0x61, 0xE4, 0xB8], 2), ([0xF0, 0x9F, 0x92], 3),
      ([0xF0, 0x9F, 0x92, 0xA9], 0), ([0xE0, 0x80], 0), ([0x80], 0), ([0x80, 0x80, 0x80, 0x80], 0),
      ([0xED, 0xA0], 0), ([0xFF], 0), ([0xF4, 0x8F], 2), ([0xF4, 0x90], 0), ([0xE4, 0x61], 0),
    ] {
      #expect(UTF8Validation.incompleteSuffixLength(of: bytes.span) == length, "\(bytes)")
    }
  }

  @Test func mapsOffsetsBack() {
    // a, bad (2 bytes), b, bad (1), bad (1), c
    let bytes: [UInt8] = [0x61, 0xE4, 0xB8, 0x62, 0xFF, 0xFE, 0x63]
    let repaired = RepairedText(repairing: bytes.span)
    #expect(repaired.replacementCount == 3)
    #expect(String(decoding: repaired.bytes, as: UTF8.self) == "a\u{FFFD}b\u{FFFD}\u{FFFD}c")
    let offsets = [0, 1, 4, 5, 8, 11, 12]
    #expect(offsets.map(repaired.originalOffset(of:)) == [0, 1, 3, 4, 5, 6, 7])
    var mapped = [77] + offsets
    repaired.mapToOriginal(&mapped[1...])
    #expect(mapped == [77, 0, 1, 3, 4, 5, 6, 7])
  }

  /// Each bad sequence alone is U+FFFD, so that splitting the original at mapped offsets repairs to
  /// the pieces.
  @Test(.tags(.property), arguments: UInt64(1)...100, coveringPatterns)
  func piecesOfBytesRepairToPiecesOfText(seed: UInt64, pattern: SplitPattern) throws {
    var generator = TextGenerator(seed: seed)
    let bytes = generator.bytes(fragments: 25)
    let repaired = RepairedText(repairing: bytes.span)
    let splitter = try PatternPreTokenizer(pattern)
    let repairedEnds = try ends(of: repaired.bytes, by: splitter)
    var originalEnds = repairedEnds
    repaired.mapToOriginal(&originalEnds[...])
    #expect(originalEnds == repairedEnds.map(repaired.originalOffset(of:)))
    let original = pieces(of: bytes, ends: originalEnds)
    #expect(original.flatMap { $0 } == bytes)
    #expect(
      original.map { RepairedText(repairing: $0.span).bytes }
        == pieces(of: repaired.bytes, ends: repairedEnds), "seed \(seed)")
  }
}
