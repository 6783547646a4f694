internal import CKernels

/// Remembers the ids of pre-tokens of up to 256 bytes.
///
/// One slot of 32 bytes holds the key (`PreTokenKey`: nearly always the pre-token itself) and the ids, if
/// they are few, so that a hit costs one cache line. The highest four bits of a filled slot's `high` say
/// how many ids there are, or that ids, and bytes that the key does not hold, lie in an arena. The table
/// grows while it may, and starts anew when it or the arena is full at its largest: memory is bounded
/// whatever the text.
@safe struct PreTokenCacheStorage: ~Copyable {
  struct Slot {
    /// the key; both words are 0 where the slot is free
    var key: PreTokenKey
    /// ids, or where they are: the offset in the arena in the low half of the first word, their number in
    /// its high half
    var payload: SIMD2<UInt64>
  }

  /// The highest bits of a slot's `high` where the payload is a place in the arena.
  static let inArena = UInt64(SLOT_IN_ARENA)

  /// How far the table grows.
  struct Bounds {
    /// 2^13 slots take 256 KiB; a text of a page touches little of them.
    var initialBits = 13
    /// 2^20 slots take 32 MiB and hold the 335,000 distinct pre-tokens of 100 MB of English.
    var largestBits = 20
    /// In bytes.
    var largestArena = 8 << 20
  }

  let hash: PreTokenHash
  private let bounds: Bounds
  private var memory: ZeroedMemory
  private(set) var slots: UnsafeMutablePointer<Slot>
  private var bits: Int
  private var filled = 0
  private var arenaMemory: ZeroedMemory
  private(set) var arena: UnsafeMutableRawPointer
  private var arenaCapacity = 1 << 16
  private var arenaCount = 0

  init(hash: PreTokenHash, bounds: Bounds = Bounds()) {
    self.hash = hash
    self.bounds = bounds
    bits = bounds.initialBits
    memory = Self.allocate(bits: bits)
    unsafe slots = memory.base.assumingMemoryBound(to: Slot.self)
    // Who copies ids reads up to three too many.
    arenaMemory = ZeroedMemory(byteCount: arenaCapacity + 16)
    unsafe arena = arenaMemory.base
  }

  /// Zeroed memory is a table of free slots.
  private static func allocate(bits: Int) -> ZeroedMemory {
    ZeroedMemory(byteCount: MemoryLayout<Slot>.stride << bits)
  }

  /// One less than the number of slots: what of a hash chooses the slot.
  @inline(__always)
  var mask: Int { 1 &<< bits &- 1 }

  /// The table as the kernels see it, until it changes.
  @inline(__always)
  var view: pre_token_cache {
    // A slot here and there are the same 32 bytes.
    unsafe pre_token_cache(
      slots: UnsafeRawPointer(slots).assumingMemoryBound(to: pre_token_slot.self),
      mask: UInt32(truncatingIfNeeded: mask), arena: arena.assumingMemoryBound(to: UInt8.self))
  }

  /// Makes keys for pre-tokens that are looked up soon, says where their slots are, and has these brought near.
  ///
  /// Looking a slot up is a wait for memory, unless it was asked for some hundred instructions before:
  /// so keys are made for a whole batch first, then all are looked up.
  ///
  /// - Parameters:
  ///   - batch: The pre-tokens.
  ///   - first: Those before it are left out.
  ///   - keys: Has room for as many elements as there are pre-tokens.
  ///   - places: The same. Where their slots are, in bytes from the first.
  func prepare(
    _ batch: pre_token_batch, from first: Int = 0, keys: UnsafeMutablePointer<PreTokenKey>,
    places: UnsafeMutablePointer<UInt32>
  ) {
    if let kernel = hash.kernel {
      // The kernel reads the text, and writes an element for each end.
      unsafe withUnsafePointer(to: batch) { batch in
        unsafe withUnsafePointer(to: view) { view in
          unsafe keys_fill(kernel, batch, view, first, keys, places)
        }
      }
      return
    }
    let slots = unsafe slots
    let mask = mask
    var start = unsafe first == 0 ? batch.start : batch.ends[first &- 1]
    for index in first..<(unsafe batch.n) {
      let end = unsafe batch.ends[index]
      // start..<end lie in the text, as the caller's contract says.
      let key = unsafe PreTokenKey(
        batch.text + start, length: end &- start, available: batch.count &- start)
      let position = Int(key.hash) & mask
      unsafe keys[index] = key
      unsafe places[index] = UInt32(truncatingIfNeeded: position &* MemoryLayout<Slot>.stride)
      unsafe prefetch_line(slots + position)
      start = end
    }
  }

  /// Adds a pre-token, unless its key is there.
  ///
  /// - Parameters:
  ///   - key: Its key, not one that is too long.
  ///   - bytes: Its bytes.
  ///   - inline: Its ids as a payload, nil if they do not fit.
  ///   - ids: Its ids, at least one.
  mutating func insert(
    _ key: PreTokenKey, _ bytes: UnsafeRawBufferPointer, inline: SIMD2<UInt64>?,
    _ ids: UnsafeBufferPointer<TokenID>
  ) {
    if filled * 4 >= (1 << bits) * 3 { makeRoom() }
    let home = Int(hash(key)) & mask
    var position = home
    while true {
      // In bounds: masked. A walk ends because part of the slots are always free.
      let there = unsafe slots[position].key
      if there.high == 0 { break }
      // The same pre-token may be new twice in a group.
      if (there.low ^ key.low) | (there.high ^ key.high) << 4 == 0 { return }
      position = (position &+ 1) & mask
    }
    var slot = Slot(key: key, payload: .zero)
    if let inline, !key.isHashed {
      slot.payload = inline
      slot.key.high |= UInt64(ids.count) << 60
    } else {
      let offset = unsafe keep(
        key.isHashed ? bytes : UnsafeRawBufferPointer(start: nil, count: 0), ids)
      // A full arena is emptied, and the table with it.
      if filled == 0 { position = home }
      slot.payload[0] = UInt64(offset) | UInt64(ids.count) << 32
      slot.key.high |= Self.inArena << 60
    }
    unsafe slots[position] = slot
    filled += 1
  }

  /// Puts bytes, padded to a multiple of four, and ids into the arena; returns where they begin.
  private mutating func keep(
    _ bytes: UnsafeRawBufferPointer, _ ids: UnsafeBufferPointer<TokenID>
  ) -> Int {
    let padded = (bytes.count + 3) & ~3
    let needed = padded + ids.count * MemoryLayout<TokenID>.stride
    if arenaCount + needed > bounds.largestArena { forget() }
    if arenaCount + needed > arenaCapacity {
      // `needed` is at most 5 * 256 bytes: doubling once is enough.
      arenaCapacity *= 2
      let larger = ZeroedMemory(byteCount: arenaCapacity + 16)
      unsafe larger.base.copyMemory(from: arena, byteCount: arenaCount)
      unsafe arena = larger.base
      arenaMemory = larger
    }
    let place = arenaCount
    if let source = bytes.baseAddress {
      unsafe (arena + place).copyMemory(from: source, byteCount: bytes.count)
    }
    if let source = ids.baseAddress {
      unsafe (arena + place + padded).copyMemory(
        from: source, byteCount: ids.count * MemoryLayout<TokenID>.stride)
    }
    arenaCount += needed
    return place
  }

  private mutating func forget() {
    unsafe slots.update(
      repeating: Slot(key: PreTokenKey(), payload: .zero), count: 1 << bits)
    filled = 0
    arenaCount = 0
  }

  private mutating func makeRoom() {
    if bits == bounds.largestBits { return forget() }
    let old = unsafe slots
    let oldCount = 1 << bits
    bits += 1
    let larger = Self.allocate(bits: bits)
    unsafe slots = larger.base.assumingMemoryBound(to: Slot.self)
    for position in 0..<oldCount {
      // In bounds of the old table, which lives until `memory` is replaced below.
      let slot = unsafe old[position]
      if slot.key.high == 0 { continue }
      let key = PreTokenKey(low: slot.key.low, high: slot.key.high & ~(15 << 60))
      unsafe Self.place(slot, hash(key), in: slots, bits: bits)
    }
    memory = larger
  }

  private static func place(
    _ slot: Slot, _ hash: UInt32, in slots: UnsafeMutablePointer<Slot>, bits: Int
  ) {
    let mask = 1 << bits - 1
    var position = Int(hash) & mask
    while unsafe slots[position].key.high != 0 { position = (position + 1) & mask }
    unsafe slots[position] = slot
  }
}

/// How ids lie in the sixteen bytes of a slot.
protocol InlineIDs {
  /// How many there can be, below `PreTokenCacheStorage.inArena`. `write` writes as many.
  static var limit: Int { get }
  /// The first `limit` of some ids as a payload, what lies behind them too if they are fewer.
  static func pack(_ ids: UnsafePointer<TokenID>) -> SIMD2<UInt64>
  /// Writes all that a payload has room for: no branch depends on how many there are.
  static func write(_ payload: SIMD2<UInt64>, to output: UnsafeMutableRawPointer)
}

/// Four ids of 32 bits.
enum WideIDs: InlineIDs {
  static var limit: Int { 4 }

  @inline(__always)
  static func pack(_ ids: UnsafePointer<TokenID>) -> SIMD2<UInt64> {
    unsafe UnsafeRawPointer(ids).loadUnaligned(as: SIMD2<UInt64>.self)
  }

  @inline(__always)
  static func write(_ payload: SIMD2<UInt64>, to output: UnsafeMutableRawPointer) {
    unsafe output.storeBytes(of: payload, as: SIMD2<UInt64>.self)
  }
}

/// Eight ids of 16 bits, for vocabularies that need no more: a word in a script that the vocabulary does
/// not know well takes an id for nearly each byte.
enum NarrowIDs: InlineIDs {
  static var limit: Int { 8 }

  @inline(__always)
  static func pack(_ ids: UnsafePointer<TokenID>) -> SIMD2<UInt64> {
    let eight = unsafe UnsafeRawPointer(ids).loadUnaligned(as: SIMD8<UInt32>.self)
    return unsafe unsafeBitCast(
      SIMD8<UInt16>(truncatingIfNeeded: eight), to: SIMD2<UInt64>.self)
  }

  @inline(__always)
  static func write(_ payload: SIMD2<UInt64>, to output: UnsafeMutableRawPointer) {
    let eight = unsafe unsafeBitCast(payload, to: SIMD8<UInt16>.self)
    unsafe output.storeBytes(
      of: SIMD8<UInt32>(truncatingIfNeeded: eight), as: SIMD8<UInt32>.self)
  }
}
