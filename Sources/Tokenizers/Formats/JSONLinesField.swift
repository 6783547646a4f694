/// Takes the text out of JSON lines: objects, one a line, of which one member is the text.
public struct JSONLinesField: Sendable {
  private let name: [UInt8]

  /// The text is the member of this name.
  public init(_ name: String) { self.name = Array(name.utf8) }

  /// The text of one line, nothing for a line of white space. The last of several members of the name counts.
  ///
  /// - Throws: `FormatError` with the byte offset in the line if it is no object, or has no such member, or
  ///   that is no string.
  public func text(of line: [UInt8]) throws(FormatError) -> [UInt8]? {
    var scanner = JSONScanner(line)
    if scanner.peek() == nil { return nil }
    try scanner.expect(UInt8(ascii: "{"), "an object, '{',")
    var text: [UInt8]?
    var key: [UInt8] = []
    if !scanner.take(UInt8(ascii: "}")) {
      repeat {
        key.removeAll(keepingCapacity: true)
        try scanner.scanString(into: &key)
        try scanner.expect(UInt8(ascii: ":"), "':'")
        if key == name {
          var value: [UInt8] = []
          try scanner.scanString(into: &value)
          text = value
        } else {
          try scanner.skipValue()
        }
      } while scanner.take(UInt8(ascii: ","))
      try scanner.expect(UInt8(ascii: "}"), "',' or '}'")
    }
    try scanner.expectEnd()
    guard let text else {
      throw scanner.error(
        "no member '\(String(decoding: name, as: UTF8.self))' in the object", at: 0)
    }
    return text
  }
}
