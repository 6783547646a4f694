internal import CKernels

/// Remembers the ids of pre-tokens that the short cache cannot hold: over 15 bytes or over 4 ids.
///
/// Bytes and ids lie in two arenas; the table holds where. When the arenas reach their bound everything
/// is forgotten and collected anew.
@safe struct LongPreTokenCacheStorage: ~Copyable {
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

  private var memory: ZeroedMemory
  private var table: UnsafeMutablePointer<Entry>
  private var slotCount = 1 << 10
  private var filled = 0
  private var bytes: [UInt8] = []
  private var ids: [TokenID] = []

  init() {
    memory = ZeroedMemory(byteCount: slotCount * MemoryLayout<Entry>.stride)
    unsafe table = memory.base.assumingMemoryBound(to: Entry.self)
  }

  /// Eight bytes at a step, the last eight overlapping those before; shorter keys byte by byte.
  @inline(__always)
  static func hash(_ key: Span<UInt8>) -> UInt64 {
    var hash = UInt64(truncatingIfNeeded: key.count) &* 0x9E37_79B9_7F4A_7C15
    let raw = unsafe key.bytes
    if key.count < 8 {
      for offset in key.indices { hash = (hash ^ UInt64(key[offset])) &* 0x100_0000_01B3 }
    } else {
      var offset = 0
      while offset &+ 8 < key.count {
        // In bounds by the condition of the loop; eight bytes are any UInt64.
        hash = mixed(
          hash, unsafe raw.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
        offset &+= 8
      }
      // At least eight bytes long, checked above.
      hash = mixed(
        hash, unsafe raw.unsafeLoadUnaligned(fromByteOffset: key.count &- 8, as: UInt64.self))
    }
    hash ^= hash >> 32
    return hash &* 0x9E37_79B9_7F4A_7C15
  }

  @inline(__always)
  private static func mixed(_ hash: UInt64, _ word: UInt64) -> UInt64 {
    let product = (hash ^ word) &* 0xD6E8_FEB8_6659_FD93
    return product ^ (product >> 32)
  }

  @inline(__always)
  private func position(of hash: UInt64) -> Int {
    Int(truncatingIfNeeded: hash >> 32) & (slotCount &- 1)
  }

  /// Has the slot of a pre-token brought near that `find` is asked for soon.
  @inline(__always)
  func prefetch(_ hash: UInt64) {
    unsafe prefetch_line(table + position(of: hash))
  }

  /// Writes the ids of a pre-token to `output`, which has room for as many as the pre-token has bytes.
  ///
  /// - Returns: How many there are; 0 if the pre-token is not remembered.
  func find(
    _ key: Span<UInt8>, hash: UInt64, into output: UnsafeMutablePointer<TokenID>
  ) -> Int {
    var position = position(of: hash)
    while true {
      // In bounds: masked; half of the slots stay free and end every walk.
      let entry = unsafe table[position]
      if entry.idsCount == 0 { return 0 }
      if entry.hash == hash, Int(entry.length) == key.count, equals(key, at: Int(entry.start)) {
        let count = Int(entry.idsCount)
        unsafe ids.withUnsafeBufferPointer { ids in
          // An entry's ids lie in the arena, and are at most as many as its bytes.
          unsafe Self.copy(
            ids.baseAddress.unsafelyUnwrapped + Int(entry.idsStart), count, to: output)
        }
        return count
      }
      position = (position &+ 1) & (slotCount &- 1)
    }
  }

  /// Copies ids; most are five to eight, for which a call of memmove would cost more than the copy.
  @inline(__always)
  private static func copy(
    _ source: UnsafePointer<TokenID>, _ count: Int, to output: UnsafeMutablePointer<TokenID>
  ) {
    if count < 4 {
      for index in 0..<count { unsafe output[index] = source[index] }
      return
    }
    let from = unsafe UnsafeRawPointer(source)
    let to = UnsafeMutableRawPointer(output)
    let last = (count &- 4) &* MemoryLayout<TokenID>.stride
    // The first four and the last four, which overlap or meet where there are at most eight.
    unsafe to.storeBytes(
      of: from.loadUnaligned(as: SIMD4<UInt32>.self), as: SIMD4<UInt32>.self)
    unsafe to.storeBytes(
      of: from.loadUnaligned(fromByteOffset: last, as: SIMD4<UInt32>.self), toByteOffset: last,
      as: SIMD4<UInt32>.self)
    if count > 8 { unsafe (output + 4).update(from: source + 4, count: count &- 8) }
  }

  /// Remembers a pre-token that `find` did not find, with its ids.
  mutating func insert(_ key: Span<UInt8>, hash: UInt64, ids newIDs: [TokenID]) {
    if bytes.count + key.count > Self.largestArena {
      bytes.removeAll(keepingCapacity: true)
      ids.removeAll(keepingCapacity: true)
      unsafe table.update(
        repeating: Entry(hash: 0, start: 0, length: 0, idsStart: 0, idsCount: 0), count: slotCount)
      filled = 0
    }
    if filled * 2 >= slotCount { grow() }
    let entry = Entry(
      hash: hash, start: UInt32(bytes.count), length: UInt32(key.count),
      idsStart: UInt32(ids.count), idsCount: UInt32(newIDs.count))
    for position in key.indices { bytes.append(key[position]) }
    ids += newIDs
    place(entry)
    filled += 1
  }

  private mutating func grow() {
    let old = unsafe table
    let oldCount = slotCount
    slotCount *= 2
    let larger = ZeroedMemory(byteCount: slotCount * MemoryLayout<Entry>.stride)
    unsafe table = larger.base.assumingMemoryBound(to: Entry.self)
    for position in 0..<oldCount {
      // The old table lives until `memory` is replaced below.
      let entry = unsafe old[position]
      if entry.idsCount != 0 { place(entry) }
    }
    memory = larger
  }

  private func place(_ entry: Entry) {
    var position = position(of: entry.hash)
    while unsafe table[position].idsCount != 0 { position = (position + 1) & (slotCount - 1) }
    unsafe table[position] = entry
  }

  /// Whether the bytes at `start` of the arena are those of `key`, which has as many as the entry.
  @inline(__always)
  private func equals(_ key: Span<UInt8>, at start: Int) -> Bool {
    let stored = bytes.span.extracting(start..<start &+ key.count)
    if key.count < 8 { return stored.elementsEqual(key) }
    let left = unsafe stored.bytes
    let right = unsafe key.bytes
    var offset = 0
    while true {
      // In bounds of both, which are equally long: the last load ends at their end.
      let one = unsafe left.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
      let other = unsafe right.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
      if one != other { return false }
      if offset &+ 8 == key.count { return true }
      offset = min(offset &+ 8, key.count &- 8)
    }
  }
}
