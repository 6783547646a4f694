extension Span where Element == UInt8 {
  /// The bytes of a range as text; bad sequences become U+FFFD. For messages and small files.
  func string(in range: Range<Int>) -> String {
    String(decoding: array(in: range), as: UTF8.self)
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
