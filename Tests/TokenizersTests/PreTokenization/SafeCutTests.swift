import TestSupport
import Testing

@testable import Tokenizers

@Suite struct SafeCutTests {
  /// A bar stands where a cut is safe.
  @Test(arguments: [
    ("gpt2", "a| b"), ("gpt2", "a|  b"), ("gpt2", "a|\nb"), ("gpt2", "!|\nb"), ("gpt2", "a|\n\nb"),
    ("cl100k", "a|\n|b"), ("cl100k", "!\n|b"), ("cl100k", "a|\n\n|b"), ("cl100k", "\n|/"),
    ("cl100k", "a| \n|'s"), ("cl100k", "\u{4E2D}|\n|\u{4E2D}"), ("cl100k", "\u{3002}\n|\u{4E2D}"),
    ("o200k", "a|\n|b"), ("o200k", "!\n/b"), ("o200k", "\r\n|!"), ("o200k", "1|\n"),
    ("o200k", "a\u{301}\n|b"), ("gpt2", "a|\u{3000}b"),
    ("gpt2", "a\u{180E}b"), ("gpt2", "ab"), ("gpt2", ""), ("gpt2", " "), ("none", "a b\nc"),
    ("gpt2", "a|\u{A0}\u{A0}b"), ("cl100k", "a|\u{2028}b"), ("cl100k", "\n b"),
    ("llama3", "a|\n|b"), ("llama3", "!\n|b"), ("llama3", "\n|/"), ("qwen2", "1|\n|2| 3"),
    ("qwen2", "12"),
    ("o200k", "\n\u{85}b"),
  ])
  func cutsWhereTheTableSays(name: String, marked: String) throws {
    let rule = try #require(SplitPattern.named(name)).safeCuts
    var bytes: [UInt8] = []
    var expected: [Int] = []
    for byte in marked.utf8 {
      if byte == UInt8(ascii: "|") { expected.append(bytes.count) } else { bytes.append(byte) }
    }
    #expect(Self.allCuts(rule, bytes) == expected)
    #expect(rule.lastSafeCut(in: bytes.span) == expected.last)
    #expect(rule.firstSafeCut(in: bytes.span) == expected.first)
  }

  static func allCuts(_ rule: SafeCutRule, _ bytes: [UInt8]) -> [Int] {
    (0...bytes.count).filter {
      rule.lastSafeCut(in: bytes.span, notBefore: $0, notAfter: $0) != nil
    }
  }

  @Test func doesNotCutWhereBytesToComeDecide() {
    let rule = SplitPattern.cl100k.safeCuts
    // The last byte could begin white space (U+00A0, U+2028) or a letter.
    for tail: [UInt8] in [[0xC2], [0xE2, 0x80], [0xE2], [0xF0, 0x9F]] {
      #expect(rule.lastSafeCut(in: ([0x0A] + tail).span) == nil)
    }
    #expect(rule.lastSafeCut(in: ([0x0A, 0xFF] as [UInt8]).span) == 1)
    #expect(rule.lastSafeCut(in: ([0x61, 0xE3, 0x80] as [UInt8]).span) == nil)
    #expect(rule.lastSafeCut(in: ([0x61, 0xE3, 0x80, 0x80] as [UInt8]).span) == 1)
  }

  @Test func searchesNearAnOffset() {
    let text = Array("aaa bbb ccc".utf8)
    let rule = SplitPattern.gpt2.safeCuts
    #expect(rule.safeCut(in: text.span, near: 5, within: 0...11) == 3)
    #expect(rule.safeCut(in: text.span, near: 5, within: 4...11) == 7)
    #expect(rule.safeCut(in: text.span, near: 2, within: 0...2) == nil)
    #expect(rule.safeCut(in: text.span, near: 100, within: 0...100) == 7)
    #expect(rule.safeCut(in: text.span, near: -5, within: 0...11) == 3)
    #expect(SafeCutRule.nowhere.safeCut(in: text.span, near: 5, within: 0...11) == nil)
  }

  /// The ends of bytes that may not be UTF-8, by the policy "bytes".
  static func originalEnds(_ bytes: [UInt8], _ splitter: PatternPreTokenizer) throws -> [Int] {
    let repaired = RepairedText(repairing: bytes.span)
    var ends = try ends(of: repaired.bytes, by: splitter)
    repaired.mapToOriginal(&ends[...])
    return ends
  }

  /// At every safe cut of a buffer, whatever follows the buffer, the parts split as the whole does.
  @Test(.tags(.property), arguments: UInt64(1)...60)
  func cutsDoNotChangePreTokens(seed: UInt64) throws {
    for pattern in coveringPatterns {
      let splitter = try PatternPreTokenizer(pattern)
      var generator = TextGenerator(seed: seed)
      for round in 0..<6 {
        let buffer =
          round % 2 == 0 ? generator.bytes(fragments: 12) : generator.text(fragments: 12)
        // A buffer may end in the midst of a sequence.
        let cuts = Self.allCuts(pattern.safeCuts, buffer)
        let follows =
          round % 2 == 0 ? generator.bytes(fragments: 4) : generator.text(fragments: 4)
        let shorter = Array(buffer.prefix(generator.random.below(buffer.count + 1)))
        for (buffer, cuts) in [(buffer, cuts), (shorter, Self.allCuts(pattern.safeCuts, shorter))] {
          let whole = buffer + follows
          let wholeEnds = try Self.originalEnds(whole, splitter)
          for cut in cuts {
            let first = try Self.originalEnds(Array(whole[..<cut]), splitter)
            let second = try Self.originalEnds(Array(whole[cut...]), splitter).map { $0 + cut }
            let difference = difference(whole, first + second, wholeEnds)
            #expect(difference == "", "seed \(seed), \(pattern.name), cut \(cut)")
          }
        }
      }
    }
  }

  /// Growing a buffer and searching only what is new finds the same cuts.
  @Test(.tags(.property), arguments: UInt64(1)...30)
  func newBytesAreEnoughToSearch(seed: UInt64) {
    var generator = TextGenerator(seed: seed)
    let bytes = generator.bytes(fragments: 30)
    for pattern in coveringPatterns {
      var searched = 0
      var position = 0
      while position < bytes.count {
        position = min(bytes.count, position + 1 + generator.random.below(5))
        let buffer = Array(bytes[..<position])
        let all = pattern.safeCuts.lastSafeCut(in: buffer.span)
        let new = pattern.safeCuts.lastSafeCut(
          in: buffer.span, notBefore: searched - SafeCutRule.reach)
        if new == nil { #expect(all.map { $0 < searched - SafeCutRule.reach } ?? true) }
        if let new { #expect(all == new) }
        searched = position
        // No cut may appear later where none was found before.
        let old = Array(bytes[..<position])
        let known = Self.allCuts(pattern.safeCuts, old).filter {
          $0 <= position - SafeCutRule.reach
        }
        let later = Self.allCuts(pattern.safeCuts, bytes).filter {
          $0 <= position - SafeCutRule.reach
        }
        #expect(known == later, "seed \(seed)")
      }
    }
  }
}
