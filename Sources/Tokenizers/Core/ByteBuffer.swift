/// Bytes that are written over and over: room is kept from use to use, and grows without being filled.
@safe package struct ByteBuffer: ~Copyable {
  private var memory: UnsafeMutableBufferPointer<UInt8>
  /// How many bytes there are.
  package private(set) var count = 0

  /// No bytes.
  package init() { unsafe memory = UnsafeMutableBufferPointer(start: nil, count: 0) }

  deinit { unsafe memory.deallocate() }

  /// Forgets the bytes and keeps the room.
  package mutating func removeAll() { count = 0 }

  /// Makes room for so many more bytes.
  package mutating func reserve(_ room: Int) {
    precondition(room >= 0)
    if unsafe count + room <= memory.count { return }
    let size = unsafe max(count + room, memory.count * 2, 4096)
    let grown = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: size)
    // The old bytes fit, and the two do not overlap.
    _ = unsafe grown.update(fromContentsOf: memory[..<count])
    unsafe memory.deallocate()
    unsafe memory = grown
  }

  /// Lets `body` write behind the bytes that there are.
  ///
  /// - Parameters:
  ///   - room: How many bytes `body` may write at the most.
  ///   - body: Returns how many it has written, from the address that it is given.
  @unsafe @inline(__always)
  package mutating func append(room: Int, _ body: (UnsafeMutableRawPointer) -> Int) {
    reserve(room)
    guard let base = unsafe memory.baseAddress else { return }
    let written = unsafe body(UnsafeMutableRawPointer(base + count))
    precondition(written >= 0 && written <= room)
    count += written
  }

  /// Appends bytes.
  package mutating func append(_ bytes: Span<UInt8>) {
    // A buffer without memory has no address to copy none to.
    if bytes.isEmpty { return }
    reserve(bytes.count)
    // There is room for all of them.
    _ = unsafe bytes.withUnsafeBufferPointer { bytes in
      unsafe memory[count...].update(fromContentsOf: bytes)
    }
    count += bytes.count
  }

  /// Lets `body` read the bytes.
  package func withSpan<Value>(_ body: (Span<UInt8>) throws -> Value) rethrows -> Value {
    // The bytes below `count` were written, and the buffer is borrowed for the length of the call.
    try body(unsafe UnsafeBufferPointer(rebasing: memory[..<count]).span)
  }
}
