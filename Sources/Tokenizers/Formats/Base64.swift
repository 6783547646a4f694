/// Standard Base64 (RFC 4648, section 4), strictly: full padding, no white space, no stray bits.
enum Base64 {
  private static let alphabet = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  /// The six bits that each byte of Base64 stands for; 255 for bytes that stand for none.
  static let valueOfByte: [UInt8] = {
    var values = [UInt8](repeating: 255, count: 256)
    for (value, byte) in alphabet.enumerated() { values[Int(byte)] = UInt8(value) }
    return values
  }()

  /// Appends the decoded bytes to `output`; false if `text` is not Base64, `output` then as before.
  static func decode(_ text: Span<UInt8>, into output: inout [UInt8]) -> Bool {
    guard text.count % 4 == 0, !text.isEmpty else { return false }
    let before = output.count
    let equals = UInt8(ascii: "=")
    var length = text.count
    while length > text.count - 2, text[length - 1] == equals { length -= 1 }
    var bits: UInt32 = 0
    var bitCount = 0
    for position in 0..<length {
      let value = valueOfByte[Int(text[position])]
      if value == 255 {
        output.removeSubrange(before...)
        return false
      }
      bits = bits << 6 | UInt32(value)
      bitCount += 6
      if bitCount >= 8 {
        bitCount -= 8
        output.append(UInt8(truncatingIfNeeded: bits >> UInt32(bitCount)))
        bits &= (1 << UInt32(bitCount)) - 1
      }
    }
    // The bits that padding leaves over must be zero, or two spellings would mean the same bytes.
    if bits != 0 {
      output.removeSubrange(before...)
      return false
    }
    return true
  }

  /// The Base64 of `bytes`.
  static func encode(_ bytes: some Collection<UInt8>) -> [UInt8] {
    var output: [UInt8] = []
    var bits: UInt32 = 0
    var bitCount = 0
    for byte in bytes {
      bits = (bits & 0xFF) << 8 | UInt32(byte)
      bitCount += 8
      while bitCount >= 6 {
        bitCount -= 6
        output.append(alphabet[Int(bits >> UInt32(bitCount)) & 63])
      }
    }
    if bitCount > 0 { output.append(alphabet[Int(bits << UInt32(6 - bitCount)) & 63]) }
    while output.count % 4 != 0 { output.append(UInt8(ascii: "=")) }
    return output
  }
}
