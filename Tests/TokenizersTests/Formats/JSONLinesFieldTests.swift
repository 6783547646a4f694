import Testing
import Tokenizers

/// Text out of JSON lines.
struct JSONLinesFieldTests {
  private func text(_ line: String, _ field: String = "text") throws -> String? {
    try JSONLinesField(field).text(of: Array(line.utf8)).map { String(decoding: $0, as: UTF8.self) }
  }

  @Test func members() throws {
    #expect(try text(#"{"text": "a\nb"}"#) == "a\nb")
    #expect(
      try text(#" {"id": 3, "meta": {"text": "no", "x": [1, "]"]}, "text":"yes", "n":null } "#)
        == "yes")
    #expect(try text(#"{"text":"one","text":"two"}"#) == "two")
    #expect(try text(#"{"text":"\u00e9\ud83d\ude00é"}"#) == "é😀é")
    #expect(try text(#"{"t\u0065xt":"escaped name"}"#) == "escaped name")
    #expect(try text(#"{"text":""}"#)?.isEmpty == true)
    #expect(try text("  \r") == nil)
    #expect(try text(#"{"body":"b","text":"a"}"#, "body") == "b")
  }

  @Test(
    arguments: [
      "{}", #"{"other":"x"}"#, #"{"text":3}"#, #"{"text":null}"#, #"{"text":"a""#,
      #"{"text":"a"} x"#,
      #"["text"]"#, #""text""#, #"{"text" "a"}"#, #"{"text":"\ud800"}"#, #"{"text":"a\qb"}"#,
      #"{"a":[1,{"text":"a"}"#, "nonsense",
    ])
  func refused(_ line: String) {
    #expect(throws: FormatError.self) { try text(line) }
  }
}
