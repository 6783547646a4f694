/// Remembers the ids of pre-tokens that the short cache cannot hold: over 15 bytes or over 4 ids.
///
/// Bytes and ids lie in two arenas; the table holds where. When the arenas reach their bound everything
/// is forgotten and collected anew.
struct LongPreTokenCache: ~Copyable {
  /// Longest pre-token that is worth remembering, in bytes. Longer ones hardly ever come back.
  static let longestKey = 256
  /// Bytes of text kept before the cache starts anew; the ids take up to four times that.
  private static let largestArena = 4 << 20

  private struct Entry {
    var hash: UInt64
    var start: UInt32
    var length: UInt32
    var idsStart: UInt32
    /// 0 where free
    var idsCount: UInt32
  }

  private var table = [Entry](repeating: Self.free, count: 1 << 10)
  private var filled = 0
  private var bytes: [UInt8] = []
  private var ids: [TokenID] = []

  private static let free = Entry(hash: 0, start: 0, length: 0, idsStart: 0, idsCount: 0)

  /// Eight bytes at a step, each multiplied in.
  @inline(__always)
  static func hash(_ key: Span<UInt8>) -> UInt64 {
    var hash = UInt64(truncatingIfNeeded: key.count) &* 0x9E37_79B9_7F4A_7C15
    let raw = unsafe key.bytes
    var offset = 0
    while offset &+ 8 <= key.count {
      // In bounds by the condition of the loop; eight bytes are any UInt64.
      let word = unsafe raw.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
      hash = (hash ^ word) &* 0xD6E8_FEB8_6659_FD93
      hash ^= hash >> 32
      offset &+= 8
    }
    while offset < key.count {
      hash = (hash ^ UInt64(key[offset])) &* 0x100_0000_01B3
      offset &+= 1
    }
    hash ^= hash >> 32
    return hash &* 0x9E37_79B9_7F4A_7C15
  }

  /// Where the ids of a pre-token lie, or nothing if it is not remembered.
  func find(_ key: Span<UInt8>, hash: UInt64) -> Range<Int>? {
    let mask = table.count - 1
    var position = Int(truncatingIfNeeded: hash >> 40) & mask
    let entries = table.span
    while entries[position].idsCount != 0 {
      let entry = entries[position]
      if entry.hash == hash, Int(entry.length) == key.count, equals(key, at: Int(entry.start)) {
        return Int(entry.idsStart)..<Int(entry.idsStart + entry.idsCount)
      }
      position = (position + 1) & mask
    }
    return nil
  }

  /// Writes ids that `find` found to `output`, from `count` on.
  func copy(_ range: Range<Int>, to output: inout [TokenID], at count: Int) {
    let stored = ids.span
    for offset in 0..<range.count { output[count + offset] = stored[range.lowerBound + offset] }
  }

  /// Remembers a pre-token that `find` did not find, with its ids.
  mutating func insert(_ key: Span<UInt8>, hash: UInt64, ids newIDs: [TokenID]) {
    if bytes.count + key.count > Self.largestArena {
      bytes.removeAll(keepingCapacity: true)
      ids.removeAll(keepingCapacity: true)
      table = [Entry](repeating: Self.free, count: table.count)
      filled = 0
    }
    if filled * 2 >= table.count { grow() }
    let entry = Entry(
      hash: hash, start: UInt32(bytes.count), length: UInt32(key.count),
      idsStart: UInt32(ids.count), idsCount: UInt32(newIDs.count))
    for position in key.indices { bytes.append(key[position]) }
    ids += newIDs
    Self.place(entry, in: &table)
    filled += 1
  }

  private mutating func grow() {
    var larger = [Entry](repeating: Self.free, count: table.count * 4)
    for entry in table where entry.idsCount != 0 { Self.place(entry, in: &larger) }
    table = larger
  }

  private static func place(_ entry: Entry, in table: inout [Entry]) {
    var position = Int(truncatingIfNeeded: entry.hash >> 40) & (table.count - 1)
    while table[position].idsCount != 0 { position = (position + 1) & (table.count - 1) }
    table[position] = entry
  }

  private func equals(_ key: Span<UInt8>, at start: Int) -> Bool {
    let stored = bytes.span
    for position in key.indices where stored[start + position] != key[position] { return false }
    return true
  }
}
