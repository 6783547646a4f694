/// A pre-token of at most 15 bytes as two words: its bytes, zero-padded, and its length in the last byte.
///
/// Nearly all pre-tokens of a text are as short as that. Two are equal if both words are, so that
/// comparing them needs neither a loop nor their bytes.
struct ShortPreToken: Equatable {
  /// bytes 0...7, the first in the lowest bits
  var low: UInt64
  /// bytes 8...14, the length in the highest byte; never 0
  var high: UInt64

  /// Longest pre-token that fits, in bytes.
  static let longest = 15

  /// A key to be written over.
  init() {
    low = 0
    high = 0
  }

  /// The key of `length` bytes, 1...15, at `start`.
  ///
  /// - Parameter available: How many bytes may be read from `start` on, at least `length`.
  @inline(__always)
  init(_ start: UnsafePointer<UInt8>, length: Int, available: Int) {
    var low: UInt64 = 0
    var high: UInt64 = 0
    if available >= 16 {
      // 16 bytes may be read: what lies past the pre-token is masked off.
      let raw = unsafe UnsafeRawPointer(start)
      low = unsafe UInt64(littleEndian: raw.loadUnaligned(as: UInt64.self))
      high = unsafe UInt64(
        littleEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
      let bits = UInt64(truncatingIfNeeded: length) &* 8
      // A shift by 64 or more wraps around; what it gives is not chosen then.
      low &= length >= 8 ? .max : (1 &<< bits) &- 1
      high &= length > 8 ? (1 &<< (bits &- 64)) &- 1 : 0
    } else {
      for offset in 0..<length {
        // Below `length`, which may be read.
        let byte = UInt64(unsafe start[offset])
        if offset < 8 {
          low |= byte << UInt64(8 * offset)
        } else {
          high |= byte << UInt64(8 * (offset - 8))
        }
      }
    }
    self.low = low
    self.high = high | UInt64(truncatingIfNeeded: length) << 56
  }

  /// Number of bytes.
  @inline(__always)
  var length: Int { Int(truncatingIfNeeded: high >> 56) }

  /// Spreads both words over all bits; the top ones choose a slot.
  @inline(__always)
  var hash: UInt64 {
    let mixed = (low ^ (high &* 0x9E37_79B9_7F4A_7C15)) &* 0xD6E8_FEB8_6659_FD93
    return (mixed ^ (mixed >> 32)) &* 0x9E37_79B9_7F4A_7C15
  }

  /// Whether the bytes come before those of `other`, a prefix before what it begins.
  ///
  /// With its first byte in the highest bits a key is a number that orders as the bytes do; where they are
  /// equal up to zeros, the length decides, which is the lowest byte then.
  @inline(__always)
  func precedes(_ other: ShortPreToken) -> Bool {
    low == other.low
      ? high.byteSwapped < other.high.byteSwapped : low.byteSwapped < other.low.byteSwapped
  }
}
