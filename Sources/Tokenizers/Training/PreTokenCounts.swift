internal import CKernels

// `@unchecked`: the memory belongs to a value alone, which cannot be copied.

/// How often each distinct pre-token occurs in a corpus: all that a BPE trainer needs to know of it.
///
/// Short pre-tokens are keys of one table with 32 bytes a slot, half a cache line; the few over 15 bytes
/// lie in an arena with a table of their own (`LongPreTokenCounts`). Counts are 64-bit.
@safe public struct PreTokenCounts: ~Copyable, @unchecked Sendable {
  /// A distinct pre-token of the short table.
  struct Slot {
    /// `high` is 0 where the slot is free
    var key: ShortPreToken
    var count: Int
    /// where in the corpus it was met first
    var first: Int
  }

  /// 2^12 slots take 128 KiB.
  private static let initialBits = 12

  private var memory: ZeroedMemory
  private var slots: UnsafeMutablePointer<Slot>
  private var bits: Int
  private var filled = 0
  private var long = LongPreTokenCounts()
  /// Number of pre-tokens, each as often as it occurs.
  public private(set) var totalCount = 0

  /// No pre-tokens yet.
  public init() {
    bits = Self.initialBits
    memory = Self.allocate(bits: bits)
    unsafe slots = memory.base.assumingMemoryBound(to: Slot.self)
  }

  /// Zeroed memory is a table of free slots.
  private static func allocate(bits: Int) -> ZeroedMemory {
    ZeroedMemory(byteCount: MemoryLayout<Slot>.stride << bits)
  }

  /// Number of distinct pre-tokens.
  public var distinctCount: Int { filled + long.count }

  /// Bytes of memory that the tables take.
  var memorySize: Int { MemoryLayout<Slot>.stride << bits + long.memorySize }

  /// Bytes of memory that the tables may take once `more` further distinct pre-tokens have come.
  func memorySize(afterAdding more: Int) -> Int {
    var size = bits
    // While a table grows, the old one is still there.
    while (filled + more) * 4 > 3 << size { size += 1 }
    let short = MemoryLayout<Slot>.stride << size
    return (size > bits ? short + short / 2 : short) + long.memorySize * 2
  }

  /// Adds occurrences of a pre-token. Amortised O(length).
  ///
  /// - Parameters:
  ///   - preToken: At least one byte.
  ///   - count: How many.
  ///   - first: Where in the corpus the first of them stands; of several the smallest is kept.
  public mutating func add(_ preToken: Span<UInt8>, count: Int = 1, first: Int = 0) {
    precondition(preToken.count > 0, "a pre-token has at least one byte")
    totalCount += count
    if preToken.count > ShortPreToken.longest {
      long.add(preToken, count: count, first: first)
      return
    }
    let key = unsafe preToken.withUnsafeBufferPointer { bytes in
      // At least one byte, so there is an address; all that may be read is the span.
      unsafe ShortPreToken(
        bytes.baseAddress.unsafelyUnwrapped, length: bytes.count, available: bytes.count)
    }
    add(key, count: count, first: first)
  }

  /// Adds all that `other` has counted. O(distinct pre-tokens of `other`).
  ///
  /// Slots lie in the order of their hashes. Taken in that order they would fill a smaller table from one
  /// end, and each would walk past all before it, in quadratic time; so they are taken with long strides.
  public mutating func add(_ other: borrowing PreTokenCounts) {
    totalCount += other.totalCount
    for index in 0..<(1 << other.bits) {
      // In bounds of the other table.
      let slot = unsafe other.slots[Self.spread(index, bits: other.bits)]
      if slot.key.high != 0 { add(slot.key, count: slot.count, first: slot.first) }
    }
    long.add(other.long)
  }

  /// The numbers below 2^bits, each once, in strides of the golden section: at any time about as many of each
  /// part of them have come as of any other.
  static func spread(_ index: Int, bits: Int) -> Int {
    let golden: UInt64 = 0x9E37_79B9_7F4A_7C15
    // Odd, so that each number comes once.
    let stride = Int(truncatingIfNeeded: golden >> UInt64(64 - bits)) | 1
    return (index &* stride) & (1 << bits - 1)
  }

  /// Adds one occurrence of each of several pre-tokens that stand one behind the other.
  ///
  /// Looking a slot up is a wait for memory, unless it was asked for some hundred instructions before: so
  /// keys are made for a whole batch first, then all are looked up.
  ///
  /// - Parameters:
  ///   - text: What the pre-tokens are ranges of.
  ///   - start: Where the first of them begins.
  ///   - ends: Where they end, ascending.
  ///   - base: Where `text` begins in the corpus.
  ///   - scratch: Room for as many keys as there are ends.
  mutating func add(
    _ text: Span<UInt8>, from start: Int, _ ends: Span<Int>, base: Int,
    scratch: UnsafeMutableBufferPointer<ShortPreToken>
  ) {
    totalCount += ends.count
    precondition(ends.count <= scratch.count)
    unsafe text.withUnsafeBufferPointer { bytes in
      guard let bytes = bytes.baseAddress, let keys = scratch.baseAddress else { return }
      let shift = UInt64(64 &- bits)
      var begin = start
      for index in ends.indices {
        let end = ends[index]
        if end &- begin > ShortPreToken.longest {
          unsafe keys[index].high = 0
        } else {
          // begin..<end lie in the text, as the pre-tokenizer's contract says.
          let key = unsafe ShortPreToken(
            bytes + begin, length: end &- begin, available: text.count &- begin)
          unsafe keys[index] = key
          unsafe prefetch_line(slots + Int(truncatingIfNeeded: key.hash >> shift))
        }
        begin = end
      }
      begin = start
      for index in ends.indices {
        let key = unsafe keys[index]
        if key.high == 0 {
          long.add(text.extracting(begin..<ends[index]), count: 1, first: base + begin)
        } else {
          add(key, count: 1, first: base &+ begin)
        }
        begin = ends[index]
      }
    }
  }

  @inline(__always)
  private mutating func add(_ key: ShortPreToken, count: Int, first: Int) {
    let mask = (1 &<< bits) &- 1
    var position = Int(truncatingIfNeeded: key.hash >> UInt64(64 &- bits))
    while true {
      // In bounds: masked. A walk ends because a quarter of the slots are always free.
      let slot = unsafe slots + position
      if unsafe slot.pointee.key == key {
        unsafe slot.pointee.count += count
        if unsafe slot.pointee.first > first { unsafe slot.pointee.first = first }
        return
      }
      if unsafe slot.pointee.key.high == 0 { break }
      position = (position &+ 1) & mask
    }
    unsafe slots[position] = Slot(key: key, count: count, first: first)
    filled += 1
    if filled * 4 > 3 << bits { grow() }
  }

  private mutating func grow() {
    let old = unsafe slots
    let oldCount = 1 << bits
    bits += 1
    let mask = 1 << bits - 1
    let larger = Self.allocate(bits: bits)
    unsafe slots = larger.base.assumingMemoryBound(to: Slot.self)
    for index in 0..<oldCount {
      // In bounds of the old table, which lives until `memory` is replaced below, and of the new one.
      let slot = unsafe old[index]
      if slot.key.high == 0 { continue }
      var position = Int(truncatingIfNeeded: slot.key.hash >> UInt64(64 - bits))
      while unsafe slots[position].key.high != 0 { position = (position + 1) & mask }
      unsafe slots[position] = slot
    }
    memory = larger
  }

  /// Calls `body` with each distinct pre-token, its count, and where it was met first, in no particular
  /// order.
  public func forEach<Failure>(
    _ body: (_ preToken: Span<UInt8>, _ count: Int, _ first: Int) throws(Failure) -> Void
  ) throws(Failure) {
    for position in 0..<(1 << bits) {
      // In bounds of the table.
      let slot = unsafe slots[position]
      if slot.key.high != 0 { try Self.withBytes(of: slot, body) }
    }
    try long.forEach(body)
  }

  /// Calls `body` with each distinct pre-token in the order of the bytes, and forgets them all.
  ///
  /// The table is sorted where it lies: no further memory is needed.
  mutating func drainSorted<Failure>(
    _ body: (_ preToken: Span<UInt8>, _ count: Int, _ first: Int) throws(Failure) -> Void
  ) throws(Failure) {
    var filled = 0
    for position in 0..<(1 << bits) {
      // In bounds; what is written lies before what is read next.
      let slot = unsafe slots[position]
      if slot.key.high == 0 { continue }
      unsafe slots[filled] = slot
      filled += 1
    }
    var sorted = unsafe UnsafeMutableBufferPointer(start: slots, count: filled)
    unsafe sorted.sort { $0.key.precedes($1.key) }
    let longOnes = long.sorted()
    let arena = long.arena
    defer { self = PreTokenCounts() }
    let bytes = arena.span
    var next = 0
    for entry in longOnes {
      let preToken = bytes.extracting(entry.range)
      while next < filled, unsafe Self.precedes(sorted[next].key, preToken) {
        try unsafe Self.withBytes(of: sorted[next], body)
        next += 1
      }
      try body(preToken, entry.count, entry.first)
    }
    while next < filled {
      try unsafe Self.withBytes(of: sorted[next], body)
      next += 1
    }
  }

  /// Whether a short pre-token comes before one of more than 15 bytes.
  private static func precedes(_ key: ShortPreToken, _ other: Span<UInt8>) -> Bool {
    let prefix = unsafe other.withUnsafeBufferPointer { bytes in
      // More than 15 bytes, of which 15 are taken.
      unsafe ShortPreToken(
        bytes.baseAddress.unsafelyUnwrapped, length: ShortPreToken.longest, available: bytes.count)
    }
    // A short one that begins the long one comes first.
    return !prefix.precedes(key)
  }

  @inline(__always)
  private static func withBytes<Failure>(
    of slot: Slot, _ body: (Span<UInt8>, Int, Int) throws(Failure) -> Void
  ) throws(Failure) {
    // Two words are sixteen bytes, of which the length says how many are the pre-token's.
    let bytes = unsafe unsafeBitCast(
      (slot.key.low.littleEndian, slot.key.high.littleEndian), to: InlineArray<16, UInt8>.self)
    try body(bytes.span.extracting(first: slot.key.length), slot.count, slot.first)
  }
}

extension BPEModel {
  /// How many tokens this model makes of texts with these pre-tokens.
  ///
  /// - Complexity: O(n log n) in the bytes of the distinct pre-tokens.
  public func tokenCount(of counts: borrowing PreTokenCounts) -> Int {
    var merger = BPEMerger(self)
    var ids: [TokenID] = []
    var total = 0
    counts.forEach { preToken, count, _ in
      ids.removeAll(keepingCapacity: true)
      merger.merge(preToken, into: &ids)
      total += ids.count * count
    }
    return total
  }
}
