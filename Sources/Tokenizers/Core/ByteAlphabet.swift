/// GPT-2's byte-level alphabet: 256 visible characters that stand for the 256 bytes in its files.
///
/// Printable bytes of Latin-1 stand for themselves; the others, space first among those that people
/// meet, are moved to U+0100 and up in byte order (`Ġ` is the space). See `bytes_to_unicode` of GPT-2.
public enum ByteAlphabet {
  /// The bytes in the order of GPT-2's ids 0...255, which is the order of their characters.
  public static let bytesInOrder: [UInt8] = {
    let visible = (0...255).filter(isVisible)
    let moved = (0...255).filter { !isVisible($0) }
    return (visible + moved).map { UInt8($0) }
  }()

  /// The id, 0...255, that GPT-2's layout gives to each byte.
  public static let orderOfByte: [UInt8] = {
    var order = [UInt8](repeating: 0, count: 256)
    for (id, byte) in bytesInOrder.enumerated() { order[Int(byte)] = UInt8(id) }
    return order
  }()

  /// The code point of the character that stands for each byte, at most U+0143.
  static let scalarOfByte: [UInt16] = {
    var scalars = [UInt16](repeating: 0, count: 256)
    var next: UInt16 = 256
    for byte in 0...255 {
      if isVisible(byte) {
        scalars[byte] = UInt16(byte)
      } else {
        scalars[byte] = next
        next += 1
      }
    }
    return scalars
  }()

  /// The byte that each code point below U+0144 stands for; 256 where it stands for none.
  static let byteOfScalar: [UInt16] = {
    var bytes = [UInt16](repeating: 256, count: 0x144)
    for (byte, scalar) in scalarOfByte.enumerated() { bytes[Int(scalar)] = UInt16(byte) }
    return bytes
  }()

  /// The visible spelling of a token: one character a byte.
  ///
  ///     ByteAlphabet.spelling(of: Array(" the".utf8))  // "Ġthe"
  public static func spelling(of bytes: some Sequence<UInt8>) -> String {
    var text = String.UnicodeScalarView()
    for byte in bytes {
      text.append(Unicode.Scalar(scalarOfByte[Int(byte)]) ?? "\u{FFFD}")
    }
    return String(text)
  }

  /// The bytes that a visible spelling stands for, or nothing if it holds any other character.
  public static func bytes(ofSpelling spelling: String) -> [UInt8]? {
    var bytes: [UInt8] = []
    for scalar in spelling.unicodeScalars {
      guard let byte = byte(ofScalar: scalar.value) else { return nil }
      bytes.append(byte)
    }
    return bytes
  }

  /// The byte that one code point stands for.
  static func byte(ofScalar scalar: UInt32) -> UInt8? {
    guard scalar < 0x144 else { return nil }
    let byte = byteOfScalar[Int(scalar)]
    return byte < 256 ? UInt8(byte) : nil
  }

  private static func isVisible(_ byte: Int) -> Bool {
    (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || (0xAE...0xFF).contains(byte)
  }
}
