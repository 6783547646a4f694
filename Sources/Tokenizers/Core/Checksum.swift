/// A sum of bytes that tells damage: 64 bytes a step, in eight lanes, so that it costs a fraction of reading them.
///
/// Any change within one word of eight bytes is found for certain, since each step, and the end, is a bijection
/// of the word; of other changes all but one in 2^64. It does not protect from people, who can make it too.
struct Checksum {
  private static let factor: UInt64 = 0x9E37_79B9_7F4A_7C15
  /// Bytes a step takes.
  private static let stepSize = 64

  private var lanes = Lanes(1, 2, 3, 4, 5, 6, 7, 8)
  private var count: UInt64 = 0

  private typealias Lanes = (
    UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64
  )

  /// Of the bytes so far. Those of a call whose number is not a multiple of 64 count as if zeros followed them.
  var value: UInt64 {
    var value = count
    let (a, b, c, d, e, f, g, h) = lanes
    for lane in [a, b, c, d, e, f, g, h] { value = Self.step(value, lane) }
    return value
  }

  /// Takes more bytes.
  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    count &+= UInt64(truncatingIfNeeded: bytes.count)
    let whole = bytes.count / Self.stepSize * Self.stepSize
    unsafe addSteps(UnsafeRawBufferPointer(rebasing: bytes[..<whole]))
    if whole == bytes.count { return }
    var rest = unsafe [UInt8](bytes[whole...])
    rest += [UInt8](repeating: 0, count: Self.stepSize - rest.count)
    unsafe rest.withUnsafeBytes { unsafe addSteps($0) }
  }

  /// Takes a multiple of the bytes of a step.
  private mutating func addSteps(_ bytes: UnsafeRawBufferPointer) {
    // Eight variables and not a vector: 64-bit products are made one by one.
    var (a, b, c, d, e, f, g, h) = lanes
    @inline(__always)
    func word(_ offset: Int) -> UInt64 {
      // In bounds by the condition of the loop.
      unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }
    var offset = 0
    while offset &+ Self.stepSize <= bytes.count {
      a = Self.step(a, word(offset))
      b = Self.step(b, word(offset &+ 8))
      c = Self.step(c, word(offset &+ 16))
      d = Self.step(d, word(offset &+ 24))
      e = Self.step(e, word(offset &+ 32))
      f = Self.step(f, word(offset &+ 40))
      g = Self.step(g, word(offset &+ 48))
      h = Self.step(h, word(offset &+ 56))
      offset &+= Self.stepSize
    }
    lanes = (a, b, c, d, e, f, g, h)
  }

  /// A bijection of each of the two where the other stays.
  @inline(__always)
  private static func step(_ sum: UInt64, _ word: UInt64) -> UInt64 {
    let product = (sum ^ word) &* factor
    return product ^ (product &>> 29)
  }
}
