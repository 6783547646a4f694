extension Span where Element == UInt8 {
  /// The bytes of a range as text; bad sequences become U+FFFD. For messages and small files.
  func string(in range: Range<Int>) -> String {
    String(decoding: array(in: range), as: UTF8.self)
  }

  /// Whether both hold the same bytes.
  func elementsEqual(_ other: Span<UInt8>) -> Bool {
    guard count == other.count else { return false }
    for position in indices where self[position] != other[position] { return false }
    return true
  }

  /// A copy of the bytes of a range.
  func array(in range: Range<Int>) -> [UInt8] {
    let part = extracting(range)
    return unsafe [UInt8](unsafeUninitializedCapacity: range.count) { buffer, initialized in
      // Both are `range.count` bytes long.
      unsafe part.withUnsafeBufferPointer { source in
        initialized = unsafe buffer.initialize(fromContentsOf: source)
      }
    }
  }
}
