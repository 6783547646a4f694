internal import CKernels
internal import Synchronization

/// Remembers the ids of pre-tokens of up to 256 bytes.
///
/// One slot of 32 bytes holds the key (`PreTokenKey`: nearly always the pre-token itself) and the ids, if
/// they are few, so that a hit costs one cache line. The highest four bits of a filled slot's `high` say
/// how many ids there are, or that ids, and bytes that the key does not hold, lie in an arena. Nearly all that is in the
/// table is in the cache line where its hash says: a line that was not asked for in time costs as much as twenty that
/// were, so much of the table stays free, and both slots of a line are tried before another line is. Which of the two to
/// compare is chosen by the first word of the key.
///
/// Who looks pre-tokens up claims a slot for each that is not there (`reserve` has made sure that there are enough), and
/// `fill` puts its ids there when they are known: neither is the slot searched again, nor is a pre-token that comes
/// twice in the meantime merged twice.
///
/// The table grows while it may, and starts anew when it or the arena is full at its largest: memory is bounded
/// whatever the text.
///
/// Several threads may look up and fill at the same time (`pre_token_slot` says why that goes well), as long as none of
/// them changes the table in another way: whatever is `mutating` here is done alone (`PreTokenCache`).
@safe struct PreTokenCacheStorage: ~Copyable {
  /// Its key's words are 0 where it is free. The payload is ids, or where they are: the offset in the arena in the low
  /// half of the first word, their number in its high half.
  typealias Slot = pre_token_slot

  /// The code of a slot, the highest four bits of its `high`, where the payload is a place in the arena.
  static let inArena = UInt64(SLOT_IN_ARENA)
  /// The same where ids are not known yet.
  static let claimed = UInt64(SLOT_CLAIMED)

  /// How far the table grows.
  struct Bounds {
    /// 2^13 slots take 256 KiB; a text of a page touches little of them.
    var initialBits = 13
    /// 2^19 slots take 16 MiB and hold the 335,000 distinct pre-tokens of 100 MB of English.
    var largestBits = 19
    /// In bytes.
    var largestArena = 8 << 20
  }

  let hash: PreTokenHash
  private static let stride = MemoryLayout<Slot>.stride

  private let bounds: Bounds
  /// Room for the largest table and, behind it, the arena, of which what is not used yet was never touched: a table grows
  /// where it is, since memory that is new to the process is dear. Zeroed memory is a table of free slots.
  private let memory: ZeroedMemory
  let slots: UnsafeMutablePointer<Slot>
  let arena: UnsafeMutableRawPointer
  private(set) var bits: Int
  /// How many slots are claimed or filled, or reserved for who may claim them.
  private let taken = Atomic<Int>(0)
  /// How many bytes of the arena are used, or more than it has.
  private let arenaCount = Atomic<Int>(0)

  init(hash: PreTokenHash, bounds: Bounds = Bounds()) {
    // A line has two slots.
    precondition(bounds.initialBits > 0 && bounds.largestBits >= bounds.initialBits)
    self.hash = hash
    self.bounds = bounds
    bits = bounds.initialBits
    memory = Self.memory(for: bounds)
    unsafe slots = memory.base.assumingMemoryBound(to: Slot.self)
    unsafe arena = memory.base + Self.stride << bounds.largestBits
  }

  private static func memory(for bounds: Bounds) -> ZeroedMemory {
    ahead.take(byteCount(of: bounds))
      ?? ZeroedMemory(byteCount: byteCount(of: bounds), isSparse: true)
  }

  private static func byteCount(of bounds: Bounds) -> Int {
    // Who copies ids reads up to three too many.
    stride << bounds.largestBits + bounds.largestArena + 16
  }

  /// What `getMemory` has got, for the first that needs it.
  private static let ahead = MemoryAhead()

  /// Gets the memory of the next storage of usual bounds, and the pages with which it will begin if it is told to expect
  /// so many bytes. For those who have a thread with nothing else to do before they know what to encode with.
  static func getMemory(forAbout byteCount: Int) {
    let bounds = Bounds()
    let memory = ZeroedMemory(byteCount: Self.byteCount(of: bounds), isSparse: true)
    // At its beginning, and not larger than the largest table.
    unsafe HugePages.populateHuge(
      UnsafeMutableRawBufferPointer(
        start: memory.base, count: stride << bits(forAbout: byteCount, bounds)))
    ahead.put(memory)
  }

  /// Gives back what nobody has needed.
  static func dropMemory() { ahead.put(nil) }

  /// A cache that knows the same.
  init(copying other: borrowing PreTokenCacheStorage) {
    self.init(hash: other.hash, bounds: other.bounds)
    bits = other.bits
    let arenaBytes = other.arenaCount.load(ordering: .relaxed)
    taken.store(other.taken.load(ordering: .relaxed), ordering: .relaxed)
    arenaCount.store(arenaBytes, ordering: .relaxed)
    unsafe arena.copyMemory(from: other.arena, byteCount: min(arenaBytes, bounds.largestArena))
    populate(0..<1 << bits)
    unsafe slots.update(from: other.slots, count: 1 << bits)
  }

  /// Whether there is nothing in it.
  var isEmpty: Bool { taken.load(ordering: .relaxed) == 0 }

  /// Gives slots that will be used at random their pages.
  private func populate(_ slots: Range<Int>) {
    // In bounds of the memory.
    unsafe HugePages.populateHuge(
      UnsafeMutableRawBufferPointer(
        start: memory.base + slots.lowerBound * Self.stride, count: slots.count * Self.stride))
  }

  /// How many slots all users together may reserve at a time, whatever is in the table.
  var mostClaims: Int { 1 << bounds.largestBits / 4 }

  /// The table as the kernels see it, until it changes.
  ///
  /// - Parameter isShared: Whether other threads use it at the same time.
  @inline(__always)
  func view(isShared: Bool) -> pre_token_cache {
    unsafe pre_token_cache(
      slots: slots, bits: UInt32(truncatingIfNeeded: bits),
      arena: arena.assumingMemoryBound(to: UInt8.self),
      is_shared: isShared ? 1 : 0)
  }

  /// Makes keys for pre-tokens that are looked up soon, says where their slots are, and has these brought near.
  ///
  /// Looking a slot up is a wait for memory, unless it was asked for some hundred instructions before:
  /// so keys are made for a whole batch first, then all are looked up.
  ///
  /// - Parameters:
  ///   - batch: The pre-tokens.
  ///   - first: Those before it are left out.
  ///   - keys: Has room for as many elements as there are pre-tokens, and `KEY_SLACK`.
  ///   - places: The same. Where their homes, the lines that are tried first, are, in bytes from the first slot.
  func prepare(
    _ batch: pre_token_batch, from first: Int = 0, keys: UnsafeMutablePointer<PreTokenKey>,
    places: UnsafeMutablePointer<UInt32>
  ) {
    if let kernel = hash.kernel {
      // The kernel reads the text, and writes an element for each end.
      unsafe withUnsafePointer(to: batch) { batch in
        unsafe withUnsafePointer(to: view(isShared: false)) { view in
          unsafe keys_fill(kernel, batch, view, first, keys, places)
        }
      }
      return
    }
    let slots = UnsafeRawPointer(unsafe slots)
    var start = unsafe first == 0 ? batch.start : batch.ends[first &- 1]
    for index in first..<(unsafe batch.n) {
      let end = unsafe batch.ends[index]
      // start..<end lie in the text, as the caller's contract says.
      let key = unsafe PreTokenKey(
        batch.text + start, length: end &- start, available: batch.count &- start)
      let place = UInt32(Self.line(key.hash, bits) &* 2 &* Self.stride)
      unsafe keys[index] = key
      unsafe places[index] = place
      unsafe prefetch_line(slots + Int(place))
      start = end
    }
  }

  /// Gives an empty table about the size that a text of so many bytes is likely to need.
  ///
  /// - Parameter threads: On how many of them its memory gets its pages.
  mutating func begin(forAbout byteCount: Int, threads: Int) {
    bits = max(bits, Self.bits(forAbout: byteCount, bounds))
    let share = (1 << bits) / threads
    if share * Self.stride < HugePages.size { return populate(0..<1 << bits) }
    _ = ParallelWork.map(threads) { thread in
      populate(thread * share..<(thread + 1) * share)
    }
  }

  /// Of the number of slots that a text of so many bytes is likely to need.
  private static func bits(forAbout byteCount: Int, _ bounds: Bounds) -> Int {
    // Prose of 1, 30 and 100 MB has 15,000, 190,000 and 335,000 distinct pre-tokens.
    // Of a few megabytes a larger part is new; 2^16 slots are a huge page.
    let wanted = max(byteCount >> 6, min(byteCount >> 5, 1 << 16))
    var bits = bounds.initialBits
    while bits < bounds.largestBits, wanted > 1 << bits { bits += 1 }
    return bits
  }

  /// Grows to its largest size at once.
  mutating func growFully() {
    while bits < bounds.largestBits { grow() }
  }

  /// Sees to it that so many slots can be claimed: at most a user's part of `mostClaims`.
  ///
  /// - Returns: Whether there are so many. If not, `makeRoom` is to be called.
  func reserve(_ count: Int) -> Bool {
    let wanted = taken.add(count, ordering: .relaxed).newValue
    let isArenaFull = arenaCount.load(ordering: .relaxed) > bounds.largestArena
    if wanted <= mostTaken, !isArenaFull { return true }
    release(count)
    return false
  }

  /// Gives back what was reserved and not claimed.
  func release(_ count: Int) { taken.subtract(count, ordering: .relaxed) }

  /// Makes sure that `reserve` can give so many, while nobody has reserved any.
  mutating func makeRoom(for count: Int) {
    if arenaCount.load(ordering: .relaxed) > bounds.largestArena { forget() }
    while taken.load(ordering: .relaxed) + count > mostTaken {
      if bits == bounds.largestBits { return forget() }
      grow()
    }
  }

  private var mostTaken: Int { Self.mostTaken(bits, isLargest: bits == bounds.largestBits) }

  /// How many of 2^bits slots are taken at most: beyond, lines other than the first are tried too often; where the
  /// table cannot grow that is better than to forget all.
  private static func mostTaken(_ bits: Int, isLargest: Bool) -> Int {
    isLargest ? 1 << bits * 3 / 4 : 1 << bits * 45 / 100
  }

  /// Puts ids into the slot that was claimed for a pre-token.
  ///
  /// - Parameters:
  ///   - place: The slot, in bytes from the first.
  ///   - key: The pre-token's key.
  ///   - bytes: Its bytes.
  ///   - inline: Its ids as a payload, nil if they do not fit.
  ///   - ids: Its ids, at least one.
  func fill(
    _ place: UInt32, _ key: PreTokenKey, _ bytes: UnsafeRawBufferPointer, inline: SIMD2<UInt64>?,
    _ ids: UnsafeBufferPointer<TokenID>
  ) {
    // Claimed, and so in bounds.
    let slot = unsafe slots + Int(place) / Self.stride
    if let inline, !key.isHashed {
      unsafe slot_fill(slot, key.high, UInt64(ids.count - 1), inline[0], inline[1])
      return
    }
    let offset = unsafe keep(
      key.isHashed ? bytes : UnsafeRawBufferPointer(start: nil, count: 0), ids)
    if let offset {
      unsafe slot_fill(
        slot, key.high, Self.inArena, UInt64(offset) | UInt64(ids.count) << 32, 0)
    } else {
      unsafe slot_abandon(slot)
    }
  }

  /// Puts bytes, padded to a multiple of four, and ids into the arena; returns where they begin, nil if it is full: then
  /// all is forgotten soon.
  private func keep(
    _ bytes: UnsafeRawBufferPointer, _ ids: UnsafeBufferPointer<TokenID>
  ) -> Int? {
    let padded = (bytes.count + 3) & ~3
    let needed = padded + ids.count * MemoryLayout<TokenID>.stride
    let place = arenaCount.add(needed, ordering: .relaxed).oldValue
    if place + needed > bounds.largestArena { return nil }
    if let source = bytes.baseAddress {
      unsafe (arena + place).copyMemory(from: source, byteCount: bytes.count)
    }
    if let source = ids.baseAddress {
      unsafe (arena + place + padded).copyMemory(
        from: source, byteCount: ids.count * MemoryLayout<TokenID>.stride)
    }
    return place
  }

  private mutating func forget() {
    unsafe slots.update(repeating: Slot(), count: 1 << bits)
    taken.store(0, ordering: .relaxed)
    arenaCount.store(0, ordering: .relaxed)
  }

  /// Doubles the table.
  ///
  /// What was in line l goes to line 2l or 2l + 1, or behind: so lines are emptied from the last to the first, and
  /// what is met is at its new place or free. The few keys that have walked so far that theirs are in front of the line
  /// at hand, or that would walk past the end, wait until all lines are empty.
  private mutating func grow() {
    let oldCount = 1 << bits
    bits += 1
    populate(oldCount..<2 * oldCount)
    var late: [Slot] = []
    for line in (0..<oldCount / 2).reversed() {
      // In bounds of the old table, as `line` is.
      let (first, second) = unsafe (slots[2 * line], slots[2 * line + 1])
      unsafe slots[2 * line].key = PreTokenKey(low: 0, high: 0)
      unsafe slots[2 * line + 1].key = PreTokenKey(low: 0, high: 0)
      if first.key.high != 0, !move(first, from: line) { late.append(first) }
      if second.key.high != 0, !move(second, from: line) { late.append(second) }
    }
    for slot in late {
      // There is one: part of the slots are always free.
      unsafe slots[freePosition(in: home(of: slot), canPassEnd: true).unsafelyUnwrapped] = slot
    }
  }

  /// Puts a slot of an emptied line where it belongs, if lines from that one on are all that is to be met.
  @inline(__always)
  private func move(_ slot: Slot, from line: Int) -> Bool {
    let home = home(of: slot)
    guard home >= line, let position = freePosition(in: home, canPassEnd: false) else {
      return false
    }
    unsafe slots[position] = slot
    return true
  }

  /// The number of the line where the search for a slot's key begins.
  @inline(__always)
  private func home(of slot: Slot) -> Int {
    let key = PreTokenKey(low: slot.key.low, high: slot.key.high & ~(15 << 60))
    return Self.line(hash(key), bits)
  }

  /// The line of a table of 2^bits slots, two a line, that a hash chooses.
  @inline(__always)
  private static func line(_ hash: UInt32, _ bits: Int) -> Int {
    Int(UInt64(hash) >> UInt64(33 &- bits))
  }

  /// The first free slot from a line on; nil where it would lie behind the end.
  @inline(__always)
  private func freePosition(in line: Int, canPassEnd: Bool) -> Int? {
    var place = line * 2 * Self.stride
    // In bounds: masked.
    while unsafe slots[place / Self.stride].key.high != 0 {
      let next = slot_after(place, Self.stride << bits - 1)
      if !canPassEnd, next < place { return nil }
      place = next
    }
    return place / Self.stride
  }
}

/// How ids lie in the sixteen bytes of a slot.
protocol InlineIDs {
  /// How many there can be, at most eight. `write` writes as many.
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
