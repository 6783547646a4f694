/// A sum of bytes that tells damage: 32 bytes a step, in four lanes, so that it costs a fraction of reading
/// them.
///
/// Any change within one word of eight bytes is found for certain, since each step, and the end, is a bijection
/// of the word; of other changes all but one in 2^64. It does not protect from people, who can make it too.
struct Checksum {
  private static let factor: UInt64 = 0x9E37_79B9_7F4A_7C15

  /// Of the bytes so far, and where one call ended and the next began.
  private(set) var value: UInt64 = 0

  /// Takes more bytes.
  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    // Four variables and not a vector: 64-bit products are made one by one.
    var (a, b, c, d) = (value, ~value, value &+ 1, ~value &+ 1)
    @inline(__always)
    func word(_ offset: Int) -> UInt64 {
      // In bounds by the condition of the loop.
      unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }
    var offset = 0
    while offset &+ 32 <= bytes.count {
      a = Self.step(a, word(offset))
      b = Self.step(b, word(offset &+ 8))
      c = Self.step(c, word(offset &+ 16))
      d = Self.step(d, word(offset &+ 24))
      offset &+= 32
    }
    var rest = unsafe [UInt8](bytes[offset...])
    rest += [UInt8](repeating: 0, count: 32 - rest.count)
    unsafe rest.withUnsafeBytes { rest in
      // 32 bytes.
      a = unsafe Self.step(a, rest.loadUnaligned(fromByteOffset: 0, as: UInt64.self))
      b = unsafe Self.step(b, rest.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
      c = unsafe Self.step(c, rest.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
      d = unsafe Self.step(d, rest.loadUnaligned(fromByteOffset: 24, as: UInt64.self))
    }
    value = UInt64(truncatingIfNeeded: bytes.count)
    for lane in [a, b, c, d] { value = Self.step(value, lane) }
  }

  /// A bijection of each of the two where the other stays.
  @inline(__always)
  private static func step(_ sum: UInt64, _ word: UInt64) -> UInt64 {
    let product = (sum ^ word) &* factor
    return product ^ (product &>> 29)
  }
}
