/// Reads JSON (RFC 8259) from bytes, strictly and without recursion on nesting it does not expect.
///
/// Keys are bytes and are compared as bytes, which `String` would not do: two tokens that are
/// canonically equivalent are two tokens.
struct JSONScanner {
  private let bytes: [UInt8]
  private(set) var position = 0

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    // A byte order mark before the text says nothing and is passed over.
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
  }

  func error(_ message: String, at offset: Int? = nil) -> FormatError {
    FormatError(place: .byte(offset ?? position), message: message)
  }

  private static func describe(_ byte: UInt8?) -> String {
    guard let byte else { return "the end of the file" }
    return (0x21...0x7E).contains(byte)
      ? "'\(Unicode.Scalar(byte))'" : "byte 0x" + String(byte, radix: 16, uppercase: true)
  }

  /// The next byte that is not white space, left where it is.
  mutating func peek() -> UInt8? {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x09, 0x0A, 0x0D: position += 1
      default: return bytes[position]
      }
    }
    return nil
  }

  mutating func expect(_ byte: UInt8, _ what: String) throws(FormatError) {
    let next = peek()
    guard next == byte else {
      throw error("\(what) expected, \(Self.describe(next)) met")
    }
    position += 1
  }

  /// Takes `byte` if it comes next.
  mutating func take(_ byte: UInt8) -> Bool {
    guard peek() == byte else { return false }
    position += 1
    return true
  }

  mutating func expectEnd() throws(FormatError) {
    if let next = peek() {
      throw error("nothing more expected, \(Self.describe(next)) met")
    }
  }

  /// Appends the UTF-8 of a string literal to `output`.
  mutating func scanString(into output: inout [UInt8]) throws(FormatError) {
    try expect(0x22, "a string")
    let start = position - 1
    while true {
      guard position < bytes.count else {
        throw error("the string has no end", at: start)
      }
      let byte = bytes[position]
      switch byte {
      case 0x22:
        position += 1
        return
      case 0x5C:
        try scanEscape(into: &output)
      case 0x00..<0x20:
        throw error("a control character stands in a string; it must be escaped")
      default:
        output.append(byte)
        position += 1
      }
    }
  }

  private mutating func scanEscape(into output: inout [UInt8]) throws(FormatError) {
    let start = position
    guard position + 1 < bytes.count else { throw error("the string has no end", at: start) }
    let kind = bytes[position + 1]
    position += 2
    switch kind {
    case 0x22, 0x5C, 0x2F: output.append(kind)
    case 0x62: output.append(0x08)
    case 0x66: output.append(0x0C)
    case 0x6E: output.append(0x0A)
    case 0x72: output.append(0x0D)
    case 0x74: output.append(0x09)
    case 0x75:
      var value = try scanHex4(start)
      if (0xD800..<0xDC00).contains(value), position + 1 < bytes.count, bytes[position] == 0x5C,
        bytes[position + 1] == 0x75
      {
        position += 2
        let low = try scanHex4(start)
        guard (0xDC00..<0xE000).contains(low) else {
          throw error("a lone surrogate cannot be a character", at: start)
        }
        value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(value) else {
        throw error("a lone surrogate cannot be a character", at: start)
      }
      output.append(contentsOf: UTF8.encode(scalar).unsafelyUnwrappedElements)
    default:
      throw error("'\\\(Unicode.Scalar(kind))' is no escape", at: start)
    }
  }

  private mutating func scanHex4(_ start: Int) throws(FormatError) -> UInt32 {
    guard position + 4 <= bytes.count else { throw error("the string has no end", at: start) }
    var value: UInt32 = 0
    for _ in 0..<4 {
      let byte = bytes[position]
      let digit: UInt8
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
      default: throw error("four hexadecimal digits expected after \\u", at: start)
      }
      value = value << 4 | UInt32(digit)
      position += 1
    }
    return value
  }

  /// An integer from 0 to 2^32 − 1, without sign, fraction or exponent.
  mutating func scanUInt32() throws(FormatError) -> UInt32 {
    let next = peek()
    let start = position
    guard let first = next, (0x30...0x39).contains(first) else {
      throw error("an integer from 0 to 4294967295 expected, \(Self.describe(next)) met")
    }
    var value: UInt64 = 0
    while position < bytes.count, (0x30...0x39).contains(bytes[position]) {
      value = value * 10 + UInt64(bytes[position] - 0x30)
      if value > UInt64(UInt32.max) {
        throw error("the integer is larger than 4294967295", at: start)
      }
      position += 1
    }
    if bytes[start] == 0x30, position - start > 1 {
      throw error("an integer may not begin with 0", at: start)
    }
    if position < bytes.count, [0x2E, 0x65, 0x45].contains(bytes[position]) {
      throw error("an integer expected, a fraction or exponent met", at: start)
    }
    return UInt32(value)
  }

  /// The byte at the current position, white space included.
  func peekRaw() -> UInt8? { position < bytes.count ? bytes[position] : nil }

  /// Goes on at `offset`, up to which another reader has taken the text.
  mutating func resume(at offset: Int) { position = offset }

  /// Passes over one byte that `peekRaw` has shown.
  mutating func advance() { position += 1 }

  /// Whether all bytes are valid UTF-8.
  func isValidUTF8() -> Bool {
    (try? UTF8Span(validating: bytes.span)) != nil
  }
}

extension Unicode.UTF8.EncodedScalar? {
  /// The code units; a valid scalar always has some.
  fileprivate var unsafelyUnwrappedElements: Unicode.UTF8.EncodedScalar {
    self ?? Unicode.UTF8.encodedReplacementCharacter
  }
}
