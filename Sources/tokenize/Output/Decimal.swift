import Tokenizers

/// Writes ids as decimal digits without a `String` for each.
struct DecimalBuffer {
  /// Ids that are written at once; each takes ten digits and a separator at most.
  private static let chunk = 1 << 13
  private var bytes = [UInt8](repeating: 0, count: chunk * 11)

  /// Gives `output` the digits of `ids`, a separator before each but the first, and before that one too
  /// if `leading`.
  mutating func write(
    _ ids: [TokenID], separator: UInt8, leading: Bool, to output: (Span<UInt8>) throws -> Void
  ) rethrows {
    var start = 0
    var leading = leading
    while start < ids.count {
      let end = min(ids.count, start + Self.chunk)
      let length = fill(ids.span.extracting(start..<end), separator, leading)
      try output(bytes.span.extracting(0..<length))
      leading = true
      start = end
    }
  }

  private mutating func fill(_ ids: Span<TokenID>, _ separator: UInt8, _ leading: Bool) -> Int {
    var span = bytes.mutableSpan
    var position = 0
    for index in ids.indices {
      if index > 0 || leading {
        span[position] = separator
        position += 1
      }
      var value = ids[index].rawValue
      let end = position + Self.digitCount(value)
      position = end
      // From the last digit to the first.
      repeat {
        position -= 1
        span[position] = UInt8(truncatingIfNeeded: value % 10) + 0x30
        value /= 10
      } while value > 0
      position = end
    }
    return position
  }

  @inline(__always)
  private static func digitCount(_ value: UInt32) -> Int {
    if value < 10_000 { return value < 100 ? (value < 10 ? 1 : 2) : (value < 1000 ? 3 : 4) }
    if value < 1_000_000 { return value < 100_000 ? 5 : 6 }
    if value < 100_000_000 { return value < 10_000_000 ? 7 : 8 }
    return value < 1_000_000_000 ? 9 : 10
  }
}
