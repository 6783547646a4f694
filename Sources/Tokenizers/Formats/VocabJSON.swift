/// The shape of a `vocab.json`: one object, a token's spelling to its id.
enum VocabJSON {
  /// Calls `body` with the UTF-8 of each key and its id, in the order of the file.
  ///
  /// - Throws: `FormatError` with the byte offset of what is not an entry.
  static func forEachEntry(
    of file: [UInt8], _ body: (_ spelling: Span<UInt8>, _ id: TokenID) -> Void
  ) throws(FormatError) {
    var scanner = JSONScanner(file)
    guard scanner.isValidUTF8() else {
      throw FormatError(place: .file, message: "the file is not valid UTF-8")
    }
    try scanner.expect(UInt8(ascii: "{"), "an object of tokens and ids, '{',")
    var spelling: [UInt8] = []
    if !scanner.take(UInt8(ascii: "}")) {
      repeat {
        let start = scanner.position
        spelling.removeAll(keepingCapacity: true)
        try scanner.scanString(into: &spelling)
        try scanner.expect(UInt8(ascii: ":"), "':'")
        let id = try scanner.scanUInt32()
        if spelling.isEmpty { throw scanner.error("a token is empty", at: start) }
        body(spelling.span, TokenID(id))
      } while scanner.take(UInt8(ascii: ","))
      try scanner.expect(UInt8(ascii: "}"), "',' or '}'")
    }
    try scanner.expectEnd()
  }
}
