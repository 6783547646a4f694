/// Counts of pre-tokens over 15 bytes: their bytes in one arena, and a table that says where.
struct LongPreTokenCounts {
  /// A distinct pre-token.
  struct Entry {
    var hash: UInt64
    var start: Int
    var length: Int
    /// 0 where the slot is free
    var count: Int
    /// where in the corpus it was met first
    var first: Int

    /// where its bytes lie in the arena
    var range: Range<Int> { start..<start + length }
  }

  private static let free = Entry(hash: 0, start: 0, length: 0, count: 0, first: 0)

  /// Bytes of all pre-tokens, one behind the other.
  private(set) var arena: [UInt8] = []
  private var table: [Entry] = []
  /// Number of distinct pre-tokens.
  private(set) var count = 0

  /// Bytes of memory that arena and table take.
  var memorySize: Int { arena.capacity + table.count * MemoryLayout<Entry>.stride }

  /// Adds occurrences of a pre-token. Amortised O(length).
  mutating func add(_ preToken: Span<UInt8>, count: Int, first: Int) {
    add(preToken, hash: Self.hash(preToken), count: count, first: first)
  }

  /// Adds all that `other` has counted.
  mutating func add(_ other: LongPreTokenCounts) {
    let bytes = other.arena.span
    for entry in other.table where entry.count != 0 {
      add(bytes.extracting(entry.range), hash: entry.hash, count: entry.count, first: entry.first)
    }
  }

  /// Calls `body` with each pre-token, its count, and where it was met first, in no particular order.
  func forEach<Failure>(
    _ body: (Span<UInt8>, Int, Int) throws(Failure) -> Void
  ) throws(Failure) {
    let bytes = arena.span
    for entry in table where entry.count != 0 {
      try body(bytes.extracting(entry.range), entry.count, entry.first)
    }
  }

  /// The pre-tokens in the order of their bytes.
  func sorted() -> [Entry] {
    var entries = table.filter { $0.count != 0 }
    entries.sort { one, other in
      let bytes = arena.span
      return bytes.extracting(one.range).precedes(bytes.extracting(other.range))
    }
    return entries
  }

  private mutating func add(_ preToken: Span<UInt8>, hash: UInt64, count: Int, first: Int) {
    if self.count * 2 >= table.count { grow() }
    let mask = table.count - 1
    var position = Int(truncatingIfNeeded: hash >> 32) & mask
    while true {
      let entry = table[position]
      if entry.count == 0 { break }
      if entry.hash == hash, arena.span.extracting(entry.range).elementsEqual(preToken) {
        table[position].count += count
        table[position].first = min(entry.first, first)
        return
      }
      position = (position + 1) & mask
    }
    table[position] = Entry(
      hash: hash, start: arena.count, length: preToken.count, count: count, first: first)
    // The pointer is not kept.
    unsafe preToken.withUnsafeBufferPointer { unsafe arena.append(contentsOf: $0) }
    self.count += 1
  }

  private mutating func grow() {
    var larger = [Entry](repeating: Self.free, count: max(256, table.count * 2))
    let mask = larger.count - 1
    for entry in table where entry.count != 0 {
      var position = Int(truncatingIfNeeded: entry.hash >> 32) & mask
      while larger[position].count != 0 { position = (position + 1) & mask }
      larger[position] = entry
    }
    table = larger
  }

  /// Of more than 15 bytes: eight at a step, the last eight overlapping those before.
  private static func hash(_ preToken: Span<UInt8>) -> UInt64 {
    var hash = UInt64(truncatingIfNeeded: preToken.count) &* 0x9E37_79B9_7F4A_7C15
    let raw = unsafe preToken.bytes
    var offset = 0
    while true {
      // In bounds: the last load ends at the end; eight bytes are any UInt64.
      let word = unsafe raw.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
      hash = (hash ^ word) &* 0xD6E8_FEB8_6659_FD93
      hash ^= hash >> 32
      if offset == preToken.count - 8 { break }
      offset = min(offset + 8, preToken.count - 8)
    }
    return hash &* 0x9E37_79B9_7F4A_7C15
  }
}

extension Span where Element == UInt8 {
  /// Whether these bytes come before those of `other`, a prefix before what it begins.
  func precedes(_ other: Span<UInt8>) -> Bool {
    let shared = Swift.min(count, other.count)
    for offset in 0..<shared where self[offset] != other[offset] {
      return self[offset] < other[offset]
    }
    return count < other.count
  }
}
