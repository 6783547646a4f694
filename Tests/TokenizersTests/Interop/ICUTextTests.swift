import TestSupport
import Testing

@testable import Tokenizers

@Suite struct ICUTextTests {
  @Test(arguments: [
    ("", []), ("abc", [1, 2, 3]), ("e\u{301}x", [3, 4]), ("\r\n\n", [2, 3]), ("🇩🇪🇫🇷", [8, 16]),
    ("👍🏽!", [8, 9]), ("👩‍👩‍👧‍👦", [25]), ("नि", [6]), ("각", [3]), ("\u{1100}\u{1161}\u{11A8}a", [9, 10]),
    ("a\0b", [1, 2, 3]),
  ])
  func findsGraphemeClusters(text: String, expected: [Int]) throws {
    var ends = [42]
    try ICUText.appendGraphemeEnds(of: text.utf8Span.span, to: &ends)
    #expect(ends == [42] + expected)
  }

  /// Swift's own clusters are those of another Unicode: equal on scripts that have long been
  /// settled.
  @Test func agreesWithCharactersOnSettledText() throws {
    let text = "naïve 中文 привет e\u{308}\u{323}o 🏴󠁧󠁢󠁥󠁮󠁧󠁿👨‍👩‍👧 안녕\r\n👍🏽🇺🇳 ok"
    var ends: [Int] = []
    try ICUText.appendGraphemeEnds(of: text.utf8Span.span, to: &ends)
    var expected: [Int] = []
    for character in text { expected.append((expected.last ?? 0) + character.utf8.count) }
    #expect(ends == expected)
  }

  @Test(.tags(.property), arguments: UInt64(1)...50)
  func coversAnyBytes(seed: UInt64) throws {
    var generator = TextGenerator(seed: seed)
    let bytes = generator.bytes(fragments: 30)
    var ends: [Int] = []
    try ICUText.appendGraphemeEnds(of: bytes.span, to: &ends)
    #expect(ends.last == bytes.count)
    #expect(zip([0] + ends, ends).allSatisfy { $0 < $1 })
  }
}
