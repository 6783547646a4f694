/// How ids are written in a file.
public enum TokenFileFormat: String, CaseIterable, Sendable {
  /// Decimal numbers between white space.
  case ids
  /// One JSON object a line, with the member `ids`.
  case jsonl
  /// Two bytes each, low byte first, no header: nanoGPT's.
  case u16
  /// Four bytes each, low byte first, no header.
  case u32
  /// NumPy's array of one dimension and of integers without sign.
  case npy
  /// llm.c's: 256 32-bit integers, then ids of two or four bytes.
  case llmc
}

/// Reads ids from bytes that come in pieces of any size, strictly.
///
///     var reader = TokenFileReader(.ids)
///     var ids: [TokenID] = []
///     try reader.append("31373 99".utf8Span.span, to: &ids)    // 31373
///     try reader.append("5\n".utf8Span.span, to: &ids)         // 995
///     try reader.finish(&ids)
///
/// Whether a vocabulary holds the ids is for the decoder to say. Memory is constant, but for `jsonl`, where
/// it is that of the longest line.
public struct TokenFileReader {
  private let format: TokenFileFormat
  /// How many bytes have been taken.
  private var offset = 0
  /// What has come of an id or a header.
  private var partial: [UInt8] = []
  private var value: UInt64 = 0
  private var digits = 0
  private var line = 1
  /// Bytes of an id, once that is known.
  private var width: Int?
  /// Ids that are still to come, where a header says so.
  private var remaining: Int?

  /// A reader at the beginning of a file.
  public init(_ format: TokenFileFormat) {
    self.format = format
    switch format {
    case .u16: width = 2
    case .u32: width = 4
    case .ids, .jsonl, .npy, .llmc: width = nil
    }
  }

  /// Takes the next bytes of the file and appends the ids that are whole.
  ///
  /// - Throws: `FormatError` with the place of what is not as it should be; ids before it have been
  ///   appended.
  public mutating func append(_ bytes: Span<UInt8>, to ids: inout [TokenID]) throws(FormatError) {
    switch format {
    case .ids: try appendText(bytes, &ids)
    case .jsonl: try appendLines(bytes, &ids)
    case .u16, .u32, .npy, .llmc: try appendRaw(bytes, &ids)
    }
  }

  /// Ends the file: an id that nothing followed is whole now, and what is not is an error.
  public mutating func finish(_ ids: inout [TokenID]) throws(FormatError) {
    switch format {
    case .ids: if digits > 0 { ids.append(TokenID(UInt32(value))) }
    case .jsonl: if !partial.isEmpty { try readLine(&ids) }
    case .u16, .u32, .npy, .llmc:
      guard let width else {
        throw fail(
          "the file ends inside of its \(format.rawValue) header (is it \(format.rawValue)?)")
      }
      if !partial.isEmpty {
        throw fail(
          "the file ends after \(partial.count) of the \(width) bytes of an id (is it"
            + " \(format.rawValue)?)")
      }
      if let remaining, remaining > 0 {
        throw fail("the file is cut short: its header promises \(remaining) more ids")
      }
    }
    self = TokenFileReader(format)
  }

  private func fail(_ message: String) -> FormatError {
    FormatError(place: .byte(offset), message: message)
  }

  // MARK: Decimal numbers

  private mutating func appendText(
    _ bytes: Span<UInt8>, _ ids: inout [TokenID]
  ) throws(FormatError) {
    for position in bytes.indices {
      let byte = bytes[position]
      switch byte {
      case 0x30...0x39:
        value = value * 10 + UInt64(byte - 0x30)
        digits += 1
        if value > UInt64(UInt32.max) {
          offset += position
          throw fail("the number is larger than 4294967295, the largest id there can be")
        }
      case 0x20, 0x09...0x0D:
        if digits > 0 {
          ids.append(TokenID(UInt32(value)))
          (value, digits) = (0, 0)
        }
      default:
        offset += position
        throw fail("ids as decimal numbers between white space expected, \(Self.visible(byte)) met")
      }
    }
    offset += bytes.count
  }

  private static func visible(_ byte: UInt8) -> String {
    if (0x21...0x7E).contains(byte) { return "'\(Unicode.Scalar(byte))'" }
    return "byte 0x" + String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
  }

  // MARK: JSON lines

  private mutating func appendLines(
    _ bytes: Span<UInt8>, _ ids: inout [TokenID]
  ) throws(FormatError) {
    var start = 0
    for position in bytes.indices where bytes[position] == 0x0A {
      partial += bytes.array(in: start..<position)
      try readLine(&ids)
      start = position + 1
    }
    partial += bytes.array(in: start..<bytes.count)
  }

  private mutating func readLine(_ ids: inout [TokenID]) throws(FormatError) {
    let text = partial
    partial = []
    do {
      try Self.read(text, &ids)
    } catch {
      var message = error.message
      if case .byte(let column) = error.place { message = "column \(column + 1): \(message)" }
      throw FormatError(place: .line(line), message: message)
    }
    line += 1
  }

  private static func read(_ text: [UInt8], _ ids: inout [TokenID]) throws(FormatError) {
    var scanner = JSONScanner(text)
    guard scanner.isValidUTF8() else {
      throw FormatError(place: .file, message: "the line is not valid UTF-8")
    }
    // A blank line is no document.
    if scanner.peek() == nil { return }
    try scanner.expect(UInt8(ascii: "{"), "an object, '{',")
    var hasIDs = false
    if !scanner.take(UInt8(ascii: "}")) {
      repeat {
        var name: [UInt8] = []
        try scanner.scanString(into: &name)
        try scanner.expect(UInt8(ascii: ":"), "':'")
        if name.elementsEqual("ids".utf8) {
          if hasIDs { throw scanner.error("'ids' stands twice in the object") }
          hasIDs = true
          try scanner.scanIDs(&ids)
        } else {
          try scanner.skipValue()
        }
      } while scanner.take(UInt8(ascii: ","))
      try scanner.expect(UInt8(ascii: "}"), "',' or '}'")
    }
    try scanner.expectEnd()
    if !hasIDs { throw FormatError(place: .file, message: "the object has no member 'ids'") }
  }

  // MARK: Raw numbers

  private mutating func appendRaw(
    _ bytes: Span<UInt8>, _ ids: inout [TokenID]
  ) throws(FormatError) {
    var position = 0
    if width == nil {
      while position < bytes.count, width == nil {
        partial.append(bytes[position])
        position += 1
        offset += 1
        try readHeader()
      }
    }
    guard let width else { return }
    ids.reserveCapacity(ids.count + (bytes.count - position) / width + 1)
    while position < bytes.count {
      if remaining == 0 { throw fail("more bytes than the header's number of ids") }
      if partial.isEmpty, position + width <= bytes.count {
        var value = UInt32(bytes[position]) | UInt32(bytes[position + 1]) << 8
        if width == 4 {
          value |= UInt32(bytes[position + 2]) << 16 | UInt32(bytes[position + 3]) << 24
        }
        ids.append(TokenID(value))
        position += width
        offset += width
      } else {
        partial.append(bytes[position])
        position += 1
        offset += 1
        if partial.count < width { continue }
        ids.append(TokenID(Self.number(partial[...])))
        partial = []
      }
      if let left = remaining { remaining = left - 1 }
    }
  }

  /// Reads the header once all of it has come, and knows `width` and `remaining` then.
  private mutating func readHeader() throws(FormatError) {
    if format == .llmc {
      guard partial.count == 1024 else { return }
      let fields = stride(from: 0, to: 12, by: 4).map { Self.number(partial[$0..<$0 + 4]) }
      switch (fields[0], fields[1]) {
      case (20_240_520, 1): width = 2
      case (20_240_801, 7): width = 4
      default:
        throw FormatError(
          place: .byte(0),
          message:
            "llm.c's magic number 20240520 with version 1, or 20240801 with version 7, expected,"
            + " \(fields[0]) with \(fields[1]) met")
      }
      guard fields[2] <= UInt32(Int32.max) else {
        throw FormatError(place: .byte(8), message: "the number of ids is negative")
      }
      remaining = Int(fields[2])
      partial = []
      return
    }
    // npy: six bytes of magic, two of version, two (four from version 2 on) of length, the text.
    let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
    if partial.count <= 6, partial.last != magic[partial.count - 1] {
      throw FormatError(
        place: .byte(0), message: "a NumPy file begins with \\x93NUMPY; this one does not")
    }
    guard partial.count >= 10 else { return }
    let lengthBytes = partial[6] == 1 ? 2 : 4
    guard (1...3).contains(partial[6]) else {
      throw FormatError(
        place: .byte(6), message: "NumPy's format 1, 2 or 3 expected, \(partial[6]) met")
    }
    guard partial.count >= 8 + lengthBytes else { return }
    let length = Int(Self.number(partial[8..<8 + lengthBytes]))
    guard length <= 1 << 16 else {
      throw FormatError(place: .byte(8), message: "a header of \(length) bytes is no array of ids")
    }
    guard partial.count == 8 + lengthBytes + length else { return }
    let text = String(decoding: partial[(8 + lengthBytes)...], as: UTF8.self)
    (width, remaining) = try NumpyDescription.read(text)
    partial = []
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }
}

/// The Python dictionary in the header of a NumPy file, as far as arrays of ids need it.
private enum NumpyDescription {
  /// Bytes of an id, and how many there are.
  static func read(_ text: String) throws(FormatError) -> (width: Int, count: Int) {
    func fail(_ message: String) -> FormatError {
      FormatError(place: .file, message: "NumPy header: \(message)")
    }
    let packed = text.unicodeScalars.filter { $0 != " " && $0 != "\n" && $0 != "\"" && $0 != "'" }
    let plain = String(String.UnicodeScalarView(packed))
    func value(_ name: String, upTo end: Character) -> Substring? {
      guard let range = plain.firstRange(of: name + ":") else { return nil }
      return plain[range.upperBound...].prefix { $0 != end }
    }
    let width: Int
    switch value("descr", upTo: ",") {
    case "<u2": width = 2
    case "<u4": width = 4
    case let other:
      throw fail(
        "integers of type <u2 or <u4 expected, \(other.map(String.init) ?? "no type") met")
    }
    guard let shape = value("shape", upTo: ")"), shape.hasPrefix("(") else {
      throw fail("no shape met")
    }
    let dimensions = shape.dropFirst().split(separator: ",")
    guard dimensions.count == 1, let count = Int(dimensions[0]), count >= 0 else {
      throw fail("an array of one dimension expected, shape \(shape)) met")
    }
    return (width, count)
  }
}
