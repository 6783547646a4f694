import Tokenizers

/// `u16` and `u32`: ids of two or four bytes, low byte first, nothing between and nothing before.
final class RawWriter: TokenWriter {
  private let output: OutputFile
  private let width: Int
  private var bytes = IDBytes()

  init(_ output: OutputFile, width: Int) {
    self.output = output
    self.width = width
  }

  var formatter: IDFormatter? { width == 2 ? .u16 : .u32 }

  func write(formatted bytes: Span<UInt8>) throws { try output.write(bytes) }

  func write(_ ids: [TokenID]) throws {
    try bytes.write(ids, width: width) { try output.write($0) }
  }

  func endDocument() {}
}

/// Turns ids into their bytes, low byte first.
struct IDBytes {
  private static let chunk = 1 << 14
  private var bytes = [UInt8](repeating: 0, count: chunk * 4)

  /// Gives `output` the bytes of `ids`, which `width` (2 or 4) bytes can hold.
  mutating func write(
    _ ids: [TokenID], width: Int, to output: (Span<UInt8>) throws -> Void
  ) rethrows {
    var start = 0
    while start < ids.count {
      let end = min(ids.count, start + Self.chunk)
      fill(ids.span.extracting(start..<end), width)
      try output(bytes.span.extracting(0..<(end - start) * width))
      start = end
    }
  }

  private mutating func fill(_ ids: Span<TokenID>, _ width: Int) {
    var span = bytes.mutableSpan
    if width == 2 {
      for index in ids.indices {
        let value = ids[index].rawValue
        span[2 * index] = UInt8(truncatingIfNeeded: value)
        span[2 * index + 1] = UInt8(truncatingIfNeeded: value >> 8)
      }
    } else {
      for index in ids.indices {
        let value = ids[index].rawValue
        for byte in 0..<4 {
          span[4 * index + byte] = UInt8(truncatingIfNeeded: value >> (8 * UInt32(byte)))
        }
      }
    }
  }
}
