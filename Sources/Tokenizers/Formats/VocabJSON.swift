/// The shape of a `vocab.json`: one object, a token's spelling to its id.
struct VocabJSON {
  private var scanner: JSONScanner

  /// Begins to read: the text must be UTF-8 and open an object.
  ///
  /// - Throws: `FormatError` with the byte offset of what is not so.
  init(_ file: [UInt8]) throws(FormatError) {
    scanner = JSONScanner(file)
    guard scanner.isValidUTF8() else {
      throw FormatError(place: .file, message: "the file is not valid UTF-8")
    }
    try scanner.expect(UInt8(ascii: "{"), "an object of tokens and ids, '{',")
  }

  /// Where the next entry, the end of the object, or white space before them begins.
  var position: Int { scanner.position }

  /// Takes the end of an empty object, and of the text.
  mutating func isEmpty() throws(FormatError) -> Bool {
    guard scanner.take(UInt8(ascii: "}")) else { return false }
    try scanner.expectEnd()
    return true
  }

  /// Reads the entry at `position` and the comma behind it, or the end of the object and of the text.
  ///
  /// - Parameter spelling: The UTF-8 of the key is put here.
  /// - Returns: The id, and whether the entry is the last one.
  mutating func next(
    at position: Int, _ spelling: inout [UInt8]
  ) throws(FormatError) -> (id: TokenID, isLast: Bool) {
    scanner.resume(at: position)
    spelling.removeAll(keepingCapacity: true)
    try scanner.scanString(into: &spelling)
    try scanner.expect(UInt8(ascii: ":"), "':'")
    let id = try scanner.scanUInt32()
    if spelling.isEmpty { throw scanner.error("a token is empty", at: position) }
    if scanner.take(UInt8(ascii: ",")) { return (TokenID(id), false) }
    try scanner.expect(UInt8(ascii: "}"), "',' or '}'")
    try scanner.expectEnd()
    return (TokenID(id), true)
  }

  /// Calls `body` with the UTF-8 of each key and its id, in the order of the file.
  ///
  /// - Throws: `FormatError` with the byte offset of what is not an entry.
  static func forEachEntry(
    of file: [UInt8], _ body: (_ spelling: Span<UInt8>, _ id: TokenID) -> Void
  ) throws(FormatError) {
    var entries = try VocabJSON(file)
    if try entries.isEmpty() { return }
    var spelling: [UInt8] = []
    var isLast = false
    while !isLast {
      let entry = try entries.next(at: entries.position, &spelling)
      body(spelling.span, entry.id)
      isLast = entry.isLast
    }
  }
}
