/// The checksum CRC-64/XZ (ECMA-182, reflected), as `xz` uses it: of "123456789" it is 995DC9BBDF1939FA.
struct CRC64 {
  /// Eight tables, so that eight bytes are taken in a step (Kounavis and Berry 2005).
  private static let tables: [UInt64] = {
    var tables = [UInt64](repeating: 0, count: 8 * 256)
    for byte in 0..<256 {
      var value = UInt64(byte)
      for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0xC96C_5795_D787_0F42 : value >> 1 }
      tables[byte] = value
    }
    for index in 256..<8 * 256 {
      let before = tables[index - 256]
      tables[index] = before >> 8 ^ tables[Int(before & 0xFF)]
    }
    return tables
  }()

  private var state: UInt64 = .max

  /// The checksum of all bytes so far.
  var value: UInt64 { ~state }

  /// Takes the next bytes.
  mutating func update(_ bytes: Span<UInt8>) {
    let tables = Self.tables.span
    let raw = unsafe bytes.bytes
    var state = state
    var offset = 0
    while offset + 8 <= bytes.count {
      // In bounds by the condition of the loop; eight bytes are any UInt64.
      let word = unsafe raw.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
      state ^= UInt64(littleEndian: word)
      var next: UInt64 = 0
      for index in 0..<8 {
        next ^= tables[(7 - index) * 256 + Int(state >> UInt64(8 * index) & 0xFF)]
      }
      state = next
      offset += 8
    }
    while offset < bytes.count {
      state = state >> 8 ^ tables[Int((state ^ UInt64(bytes[offset])) & 0xFF)]
      offset += 1
    }
    self.state = state
  }
}
