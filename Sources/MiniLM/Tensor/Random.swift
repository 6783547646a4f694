/// Pseudo-random numbers that are the same on every platform for the same seed.
///
/// xoshiro256** (Blackman and Vigna), its state filled by splitmix64. Everything drawn from it uses
/// integer arithmetic and the operations IEEE 754 defines exactly, no libm. Not for secrets.
///
///     var random = RandomGenerator(seed: 1337)
///     let die = random.integer(below: 6) + 1
public struct RandomGenerator: RandomNumberGenerator, Equatable, Sendable {
  private var a: UInt64
  private var b: UInt64
  private var c: UInt64
  private var d: UInt64

  /// The four words a generator is continued from.
  public var state: [UInt64] { [a, b, c, d] }

  /// A generator for `seed`; generators of one seed and different streams are independent.
  public init(seed: UInt64, stream: UInt64 = 0) {
    // splitmix64: a counter with the golden ratio's step, mixed twice.
    var counter = seed &+ stream &* 0xD134_2543_DE82_EF95
    func mixed() -> UInt64 {
      counter &+= 0x9E37_79B9_7F4A_7C15
      var word = counter
      word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
      word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
      return word ^ (word >> 31)
    }
    (a, b, c, d) = (mixed(), mixed(), mixed(), mixed())
  }

  /// A generator that goes on from a saved `state`: four words, not all zero, or nil.
  public init?(state: [UInt64]) {
    guard state.count == 4, state.contains(where: { $0 != 0 }) else { return nil }
    (a, b, c, d) = (state[0], state[1], state[2], state[3])
  }

  /// The next 64 bits.
  public mutating func next() -> UInt64 {
    func rotate(_ x: UInt64, _ by: UInt64) -> UInt64 { (x << by) | (x >> (64 - by)) }
    let result = rotate(b &* 5, 7) &* 9
    let shifted = b << 17
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    d = rotate(d, 45)
    return result
  }

  /// A number in 0 ..< 1, a multiple of 2^-53.
  public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// An integer in 0 ..< `bound`, each as likely as any other; `bound` is at least 1.
  public mutating func integer(below bound: Int) -> Int {
    precondition(bound > 0)
    let bound = UInt64(bound)
    // The high half of a product is even over 0 ..< bound once the few low halves that would
    // give some results one chance more (2^64 mod bound of them) are drawn again.
    var product = next().multipliedFullWidth(by: bound)
    if product.low < bound {
      let surplus = (0 &- bound) % bound
      while product.low < surplus { product = next().multipliedFullWidth(by: bound) }
    }
    return Int(product.high)
  }

  /// A draw from the normal distribution with mean 0 and deviation 1 (Marsaglia's polar method).
  public mutating func normal() -> Double {
    while true {
      let x = 2 * uniform() - 1
      let y = 2 * uniform() - 1
      let square = x * x + y * y
      if square > 0, square < 1 {
        return x * (-2 * Self.naturalLogarithm(square) / square).squareRoot()
      }
    }
  }

  /// Puts `items` in random order, each order as likely as any other (Fisher and Yates).
  public mutating func shuffle<Item>(_ items: inout [Item]) {
    var remaining = items.count
    while remaining > 1 {
      let picked = integer(below: remaining)
      remaining -= 1
      items.swapAt(picked, remaining)
    }
  }

  /// ln x for x > 0 by exact operations only: x = 2^e m, ln m = 2 artanh((m - 1) / (m + 1)).
  package static func naturalLogarithm(_ x: Double) -> Double {
    var exponent = Double(x.exponent)
    var significand = x.significand
    if significand > 1.4142135623730951 {
      significand /= 2
      exponent += 1
    }
    let s = (significand - 1) / (significand + 1)
    let square = s * s
    var term = s
    var sum = 0.0
    var divisor = 1.0
    // |s| <= 0.1716, so that 0.1716^24 < 2^-60: twelve terms are enough.
    for _ in 0..<12 {
      sum += term / divisor
      term *= square
      divisor += 2
    }
    return 2 * sum + exponent * 0.6931471805599453
  }
}
