import Testing

@testable import Tokenizers

@Suite struct ScalarClassTests {
  @Test(arguments: [
    (0x41, GeneralCategory.uppercaseLetter, false, false), (0x20, .spaceSeparator, true, false),
    (0x0A, .control, true, false), (0x85, .control, true, false), (0x180E, .format, false, true),
    (0x295, .lowercaseLetter, false, true), (0xA7CB, .uppercaseLetter, false, true),
    (0x10D4A, .otherLetter, false, true), (0x105C0, .otherLetter, false, true),
    (0x31350, .otherLetter, false, true), (0x1171E, .spacingMark, false, true),
    (0x378, .unassigned, false, true), (0xFFFE, .unassigned, false, false),
    (0x10FFFF, .unassigned, false, false), (0xE000, .privateUse, false, false),
    (0xD800, .surrogate, false, false), (0x110000, .unassigned, false, true),
    (UInt32.max, .unassigned, false, true),
  ])
  func knows(scalar: UInt32, category: GeneralCategory, isSpace: Bool, isUnsettled: Bool) {
    let scalarClass = ScalarClass(scalar)
    #expect(scalarClass.category == category)
    #expect(scalarClass.isWhiteSpace == isSpace)
    #expect(scalarClass.isUnsettled == isUnsettled)
  }

  /// The sizes of the sets that tiktoken 0.14 and Hugging Face tokenizers 0.23 have, both of
  /// Unicode 16.0.
  @Test func setsHaveTheSizesOfUnicode16() {
    let classes = (UInt32(0)...0x10FFFF).map { ScalarClass($0) }
    #expect(classes.count { $0.isLetter } == 141_028)
    #expect(classes.count { $0.isNumber } == 1_911)
    #expect(classes.count { $0.isMark } == 2_501)
    #expect(classes.count { $0.isWhiteSpace } == 25)
    #expect(UnicodeVersion.pinned == "16.0.0")
  }

  @Test func settledTextIsTold() {
    for (text, isSettled) in [
      ("", true), ("plain ASCII of more than thirty-two bytes, and on", true), ("é中😀", true),
      ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\u{A7CB}", false), ("\u{180E}", false),
      ("中\u{31350}aaaaaaaaaaaa", false),
    ] {
      let bytes = Array(text.utf8)
      let found = bytes.span.isSettled(in: 0..<bytes.count)
      #expect(found == isSettled, "\(text)")
    }
  }
}
