internal import CKernels

/// Remembers the ids of short pre-tokens: at most 15 bytes and at most 4 ids, which is nearly all of them.
///
/// One slot of 32 bytes holds key and ids, so that a hit costs one cache line. The key is the pre-token's
/// bytes, zero-padded to 16, with its length in the low half of the last byte; a filled slot has the
/// number of its ids (1...4) in the high half of that byte. The table grows while it may, and starts anew
/// when it is full at its largest: memory is bounded whatever the text.
@safe struct PreTokenCacheStorage: ~Copyable {
  struct Slot {
    /// bytes 0...7 of the key, the first in the lowest bits
    var low: UInt64
    /// bytes 8...14, the length in bits 56...59, the number of ids in bits 60...63; 0 where free
    var high: UInt64
    var ids: SIMD4<UInt32>
  }

  /// A pre-token as a key of the table.
  struct Key {
    var low: UInt64
    var high: UInt64

    /// Spreads both words over all bits; the top ones choose the slot.
    @inline(__always)
    var hash: UInt64 {
      let mixed = (low ^ (high &* 0x9E37_79B9_7F4A_7C15)) &* 0xD6E8_FEB8_6659_FD93
      return (mixed ^ (mixed >> 32)) &* 0x9E37_79B9_7F4A_7C15
    }
  }

  /// Longest pre-token that fits in a key, in bytes.
  static let longestKey = 15
  /// 2^14 slots take 512 KiB; a text of a page touches little of them.
  private static let initialBits = 14
  /// 2^20 slots take 32 MiB and hold the 335,000 distinct pre-tokens of 100 MB of English.
  private static let largestBits = 20

  private var memory: ZeroedMemory
  private var slots: UnsafeMutablePointer<Slot>
  private var bits: Int
  private var filled = 0

  init() {
    bits = Self.initialBits
    memory = Self.allocate(bits: bits)
    unsafe slots = memory.base.assumingMemoryBound(to: Slot.self)
  }

  /// Zeroed memory is a table of free slots.
  private static func allocate(bits: Int) -> ZeroedMemory {
    ZeroedMemory(byteCount: MemoryLayout<Slot>.stride << bits)
  }

  /// The key of `length` bytes at `start`; zero if they are more than a key can hold.
  ///
  /// - Parameter available: How many bytes may be read from `start` on, at least `length`.
  @inline(__always)
  static func key(_ start: UnsafePointer<UInt8>, length: Int, available: Int) -> Key {
    if length > longestKey { return Key(low: 0, high: 0) }
    var low: UInt64
    var high: UInt64
    let raw = unsafe UnsafeRawPointer(start)
    if available >= 16 {
      // 16 bytes may be read: what lies past the pre-token is masked off.
      low = unsafe raw.loadUnaligned(as: UInt64.self)
      high = unsafe raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
    } else {
      low = 0
      high = 0
      for offset in 0..<length {
        let byte = UInt64(unsafe start[offset])
        if offset < 8 {
          low |= byte << UInt64(8 * offset)
        } else {
          high |= byte << UInt64(8 * (offset - 8))
        }
      }
    }
    if length < 8 {
      low &= (1 &<< UInt64(8 &* length)) &- 1
      high = 0
    } else {
      high &= (1 &<< UInt64(8 &* (length &- 8))) &- 1
    }
    return Key(
      low: UInt64(littleEndian: low), high: UInt64(littleEndian: high) | UInt64(length) << 56)
  }

  /// Prepares keys for pre-tokens that `find` is asked for soon, and has their slots brought near.
  ///
  /// Looking a slot up is a wait for memory, unless it was asked for some hundred instructions before:
  /// so keys are made for a whole batch first, then all are looked up.
  ///
  /// - Parameters:
  ///   - text: What the pre-tokens are ranges of.
  ///   - start: Where the first of them begins.
  ///   - ends: Where they end.
  ///   - keys: Has room for as many elements as `ends` has. A pre-token that is too long for a key gets
  ///     one whose `high` is zero, which no slot holds.
  func prepare(
    _ text: Span<UInt8>, from start: Int, _ ends: Span<Int>, keys: UnsafeMutablePointer<Key>
  ) {
    unsafe text.withUnsafeBufferPointer { text in
      guard let base = text.baseAddress else { return }
      let slots = unsafe slots
      let shift = UInt64(64 &- bits)
      var start = start
      for index in ends.indices {
        let end = ends[index]
        // start..<end lie in the text, as the caller's contract says.
        let key = unsafe Self.key(
          base + start, length: end &- start, available: text.count &- start)
        unsafe keys[index] = key
        unsafe prefetch_line(slots + Int(truncatingIfNeeded: key.hash >> shift))
        start = end
      }
    }
  }

  /// Writes the ids of pre-tokens to `output` for as many keys in a row as the table holds.
  ///
  /// - Parameters:
  ///   - keys: Keys that `prepare` made.
  ///   - range: Which of them.
  ///   - output: Has room for four ids for each of them from `count` on.
  ///   - count: How many ids `output` holds; raised by those written.
  /// - Returns: The index of the first key that the table does not hold, or the end of `range`.
  @inline(__always)
  func find(
    _ keys: UnsafePointer<Key>, _ range: Range<Int>, into output: UnsafeMutablePointer<TokenID>,
    count: inout Int
  ) -> Int {
    let slots = unsafe slots
    let mask = (1 &<< bits) &- 1
    let shift = UInt64(64 &- bits)
    var written = count
    var index = range.lowerBound
    while index < range.upperBound {
      let key = unsafe keys[index]
      if key.high == 0 {
        // Too long for this table.
        count = written
        return index
      }
      var position = Int(truncatingIfNeeded: key.hash >> shift)
      while true {
        // In bounds: masked. A walk ends because part of the slots are always free.
        let slot = unsafe slots + position
        let difference = unsafe slot.pointee.high ^ key.high
        if unsafe slot.pointee.low == key.low, difference &<< 4 == 0, difference != 0 {
          // Four are written whatever their number: there is room, and no branch.
          unsafe UnsafeMutableRawPointer(output + written).storeBytes(
            of: slot.pointee.ids, as: SIMD4<UInt32>.self)
          written &+= Int(truncatingIfNeeded: difference >> 60)
          break
        }
        if unsafe slot.pointee.high == 0 {
          count = written
          return index
        }
        position = (position &+ 1) & mask
      }
      index &+= 1
    }
    count = written
    return index
  }

  /// Adds a pre-token that `find` did not find, with its 1...4 ids.
  mutating func insert(_ key: Key, _ ids: SIMD4<UInt32>, count: Int) {
    if filled * 5 >= (1 << bits) * 3 { makeRoom() }
    unsafe Self.place(
      Slot(low: key.low, high: key.high | UInt64(count) << 60, ids: ids), hash: key.hash,
      in: slots, bits: bits)
    filled += 1
  }

  private mutating func makeRoom() {
    let old = unsafe slots
    let oldCount = 1 << bits
    if bits == Self.largestBits {
      unsafe old.update(repeating: Slot(low: 0, high: 0, ids: .zero), count: oldCount)
      filled = 0
      return
    }
    bits += 1
    let larger = Self.allocate(bits: bits)
    unsafe slots = larger.base.assumingMemoryBound(to: Slot.self)
    for position in 0..<oldCount {
      // In bounds of the old table, which lives until `memory` is replaced below.
      let slot = unsafe old[position]
      if slot.high == 0 { continue }
      let key = Key(low: slot.low, high: slot.high & 0x0FFF_FFFF_FFFF_FFFF)
      unsafe Self.place(slot, hash: key.hash, in: slots, bits: bits)
    }
    memory = larger
  }

  private static func place(
    _ slot: Slot, hash: UInt64, in slots: UnsafeMutablePointer<Slot>, bits: Int
  ) {
    var position = Int(truncatingIfNeeded: hash >> UInt64(64 - bits))
    while unsafe slots[position].high != 0 { position = (position + 1) & ((1 << bits) - 1) }
    unsafe slots[position] = slot
  }
}
