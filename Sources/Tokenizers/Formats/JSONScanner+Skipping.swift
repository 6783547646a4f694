extension JSONScanner {
  /// Appends the ids of an array of integers.
  mutating func scanIDs(_ ids: inout [TokenID]) throws(FormatError) {
    try expect(UInt8(ascii: "["), "an array of ids, '[',")
    if take(UInt8(ascii: "]")) { return }
    repeat {
      ids.append(TokenID(try scanUInt32()))
    } while take(UInt8(ascii: ","))
    try expect(UInt8(ascii: "]"), "',' or ']'")
  }

  /// Passes over a value without keeping it, however deep it is nested: brackets must match, strings must
  /// end; what stands between is not looked at more closely.
  mutating func skipValue() throws(FormatError) {
    var closers: [UInt8] = []
    var unused: [UInt8] = []
    repeat {
      guard let byte = peek() else { throw error("a value expected, the end of the file met") }
      switch byte {
      case UInt8(ascii: "\""):
        unused.removeAll(keepingCapacity: true)
        try scanString(into: &unused)
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        closers.append(byte + 2)
        advance()
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        guard closers.popLast() == byte else { throw error("a bracket too many") }
        advance()
      case UInt8(ascii: ","), UInt8(ascii: ":"):
        if closers.isEmpty { throw error("a value expected") }
        advance()
      default:
        while let next = peekRaw(), next > 0x20, !",:{}[]\"".utf8.contains(next) { advance() }
      }
    } while !closers.isEmpty
  }
}
