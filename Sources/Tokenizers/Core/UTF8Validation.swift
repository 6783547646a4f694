internal import CKernels

/// What stands at one place of bytes that claim to be UTF-8.
struct UTF8Sequence {
  enum Kind { case scalar, illFormed, incomplete }

  /// The scalar, or U+FFFD for what is not one.
  var scalar: UInt32
  /// Bytes, at least 1; of an ill-formed sequence the maximal subpart that U+FFFD replaces.
  var length: Int
  var kind: Kind
}

/// Checks of UTF-8 on raw bytes.
///
///     UTF8Validation.isValid(bytes)                       // false for [0x61, 0xFF]
///     UTF8Validation.firstInvalidSequence(in: bytes)      // 1..<2
public enum UTF8Validation {
  /// Whether `bytes` are well-formed UTF-8.
  ///
  /// - Complexity: O(*n*); ASCII is passed over 32 bytes at a time.
  public static func isValid(_ bytes: Span<UInt8>) -> Bool {
    firstInvalidSequence(in: bytes) == nil
  }

  /// The first maximal ill-formed sequence at `start` or after it, nil if there is none.
  ///
  /// Sequences are delimited as Unicode ("U+FFFD substitution of maximal subparts") and the WHATWG
  /// encoding standard do: a truncated sequence is one, a byte that can begin none is one by
  /// itself. A sequence that the end of `bytes` cuts off counts as ill-formed.
  ///
  /// - Parameter start: Where a sequence begins.
  /// - Complexity: O(*n*) to the sequence found.
  public static func firstInvalidSequence(
    in bytes: Span<UInt8>, from start: Int = 0
  ) -> Range<Int>? {
    precondition(start >= 0 && start <= bytes.count)
    // The kernel reads from `start` up to `count`, inside of the buffer, and keeps nothing.
    let end = unsafe bytes.withUnsafeBufferPointer { buffer -> Int in
      guard let base = buffer.baseAddress else { return 0 }
      return unsafe utf8_well_formed_end(base, start, buffer.count)
    }
    return end == bytes.count ? nil : end..<end + bytes.utf8Sequence(at: end).length
  }

  /// Where the well-formed part ends by either kernel: for tests.
  static func wellFormedEnds(
    in bytes: Span<UInt8>, from start: Int
  ) -> (vectors: Int, portable: Int) {
    // The kernels read from `start` up to `count`.
    unsafe bytes.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return (0, 0) }
      return unsafe (
        utf8_well_formed_end(base, start, buffer.count),
        utf8_well_formed_end_portable(base, start, buffer.count)
      )
    }
  }

  /// How many bytes at the end of `bytes`, 0 to 3, are the beginning of a sequence that more bytes
  /// could complete.
  ///
  /// Who reads a stream in blocks keeps that many bytes for the next block.
  public static func incompleteSuffixLength(of bytes: Span<UInt8>) -> Int {
    var length = 1
    while length <= min(3, bytes.count) {
      let position = bytes.count - length
      let byte = bytes[position]
      if byte < 0x80 { return 0 }
      if byte >= 0xC0 { return bytes.utf8Sequence(at: position).kind == .incomplete ? length : 0 }
      length += 1
    }
    return 0
  }
}

extension Span<UInt8> {
  /// The sequence that begins at `position`, which must be in bounds.
  @inline(__always)
  func utf8Sequence(at position: Int) -> UTF8Sequence {
    let lead = self[position]
    if lead < 0x80 { return UTF8Sequence(scalar: UInt32(lead), length: 1, kind: .scalar) }
    guard lead >= 0xC2, lead <= 0xF4 else {
      return UTF8Sequence(scalar: 0xFFFD, length: 1, kind: .illFormed)
    }
    let length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
    // The second byte is what rules out overlong forms, surrogates and values beyond U+10FFFF.
    let low: UInt8 = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80
    let high: UInt8 = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF
    var scalar = UInt32(lead) & (0x7F >> UInt32(length))
    var index = 1
    while index < length {
      guard position + index < count else {
        return UTF8Sequence(scalar: 0xFFFD, length: index, kind: .incomplete)
      }
      let byte = self[position + index]
      let inRange = index == 1 ? byte >= low && byte <= high : byte & 0xC0 == 0x80
      guard inRange else { return UTF8Sequence(scalar: 0xFFFD, length: index, kind: .illFormed) }
      scalar = scalar << 6 | UInt32(byte & 0x3F)
      index += 1
    }
    return UTF8Sequence(scalar: scalar, length: length, kind: .scalar)
  }
}
