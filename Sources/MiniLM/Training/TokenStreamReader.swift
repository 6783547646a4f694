/// How token ids are written as bytes.
public enum TokenStreamFormat: String, CaseIterable, Sendable {
  /// Two bytes each, low byte first, no header: nanoGPT's.
  case u16
  /// Four bytes each, low byte first, no header.
  case u32
  /// Decimal numbers between blanks or line ends.
  case ids
}

/// Reads token ids from bytes that come in pieces of any size, and checks each.
///
///     var reader = try TokenStreamReader(format: .u16, vocabularySize: 50257)
///     while let piece = nextPiece() { try reader.append(piece) }
///     let stream = try reader.finish()
///
/// Memory beyond the ids themselves is constant; after an error the reader is of no further use.
public struct TokenStreamReader: Sendable {
  private let format: TokenStreamFormat
  private let vocabularySize: Int
  private var narrow: [UInt16] = []
  private var wide: [UInt32] = []
  private var count = 0
  /// Bytes taken so far.
  private var offset = 0
  /// What there is of an unfinished id: its value and how many bytes or digits it has.
  private var partial: UInt64 = 0
  private var partialLength = 0

  /// A reader; `vocabularySize` is at least 1.
  public init(format: TokenStreamFormat, vocabularySize: Int) throws(MiniLMError) {
    guard vocabularySize > 0 else {
      throw .invalidOption(
        name: "vocabulary size", value: "\(vocabularySize)", expected: "1 or more")
    }
    self.format = format
    self.vocabularySize = vocabularySize
  }

  /// Takes the next piece of the stream.
  public mutating func append(_ bytes: [UInt8]) throws(MiniLMError) {
    switch format {
    case .u16: try appendRaw(bytes, width: 2)
    case .u32: try appendRaw(bytes, width: 4)
    case .ids: try appendText(bytes)
    }
  }

  /// The whole stream, once the last id is whole.
  public mutating func finish() throws(MiniLMError) -> TokenStream {
    if partialLength > 0 {
      switch format {
      case .ids: try store(partial)
      case .u16, .u32:
        let width = format == .u16 ? 2 : 4
        throw .malformedTokens(
          offset: offset, found: "the end after \(partialLength) of the \(width) bytes of an id",
          expected: "a whole number of ids (is it really \(format.rawValue)?)")
      }
      partialLength = 0
    }
    let stream = TokenStream(narrow: narrow, wide: wide, vocabularySize: vocabularySize)
    (narrow, wide) = ([], [])
    return stream
  }

  /// A stream from bytes that are all there.
  public static func read(
    _ bytes: [UInt8], format: TokenStreamFormat, vocabularySize: Int
  ) throws(MiniLMError) -> TokenStream {
    var reader = try TokenStreamReader(format: format, vocabularySize: vocabularySize)
    try reader.append(bytes)
    return try reader.finish()
  }

  private mutating func appendRaw(_ bytes: [UInt8], width: Int) throws(MiniLMError) {
    reserve(bytes.count / width + 1)
    for byte in bytes {
      partial |= UInt64(byte) << UInt64(8 * partialLength)
      partialLength += 1
      offset += 1
      if partialLength == width {
        try store(partial)
        (partial, partialLength) = (0, 0)
      }
    }
  }

  private mutating func appendText(_ bytes: [UInt8]) throws(MiniLMError) {
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        // Held below 2^60, whatever follows: more digits only keep it out of range.
        partial = Swift.min(partial * 10 + UInt64(byte - UInt8(ascii: "0")), 1 << 56)
        partialLength += 1
      case UInt8(ascii: " "), 0x09...0x0D:
        if partialLength > 0 {
          try store(partial)
          (partial, partialLength) = (0, 0)
        }
      default:
        throw .malformedTokens(
          offset: offset, found: Self.visible(byte),
          expected: "decimal ids between blanks (is it text, or raw u16?)")
      }
      offset += 1
    }
  }

  private mutating func reserve(_ more: Int) {
    // Grown by halves again, not to the exact size each time, so that pieces stay cheap.
    if vocabularySize <= 1 << 16 {
      if narrow.capacity < narrow.count + more {
        narrow.reserveCapacity(narrow.count + Swift.max(more, narrow.count / 2))
      }
    } else if wide.capacity < wide.count + more {
      wide.reserveCapacity(wide.count + Swift.max(more, wide.count / 2))
    }
  }

  private mutating func store(_ id: UInt64) throws(MiniLMError) {
    guard id < vocabularySize else {
      throw .tokenOutOfRange(id: id, position: count, vocabularySize: vocabularySize)
    }
    if vocabularySize <= 1 << 16 {
      narrow.append(UInt16(id))
    } else {
      wide.append(UInt32(id))
    }
    count += 1
  }

  private static func visible(_ byte: UInt8) -> String {
    if (0x21...0x7E).contains(byte) { return "\"\(Character(UnicodeScalar(byte)))\"" }
    let hex = String(byte, radix: 16, uppercase: true)
    return "byte 0x" + (hex.count == 1 ? "0" : "") + hex
  }
}
