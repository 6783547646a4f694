internal import CKernels

/// Finds tokens by their bytes: open addressing over the positions of a vocabulary's tokens.
///
/// A slot is 32 bits: the token's position plus one in the low bits, and above them as many bits of the
/// hash as are left, so that a token that is not there is hardly ever compared with one that is. At most
/// half of the slots are taken. Immutable once made, hence shared by threads.
@safe final class TokenIndexStorage: @unchecked Sendable {
  private let memory: ZeroedMemory
  private let mask: Int
  /// How many low bits of a slot hold the position.
  private let positionBits: UInt64

  /// Two tokens with the same bytes, by their positions.
  struct Duplicate: Error {
    let first: Int
    let second: Int
  }

  /// Collects tokens that lie one after another in `arena`, none of them empty.
  ///
  /// - Parameters:
  ///   - offsets: Where each token begins, ascending, and the end of the last.
  ///   - passingOver: Of tokens with the same bytes the first is found, and none is an error.
  /// - Throws: `Duplicate` for the first token that repeats an earlier one.
  init(
    arena: Span<UInt8>, offsets: Span<UInt32>, passingOver: Bool = false
  ) throws(Duplicate) {
    let count = offsets.count - 1
    var slotCount = 16
    while slotCount < count * 2 { slotCount *= 2 }
    mask = slotCount - 1
    var bits: UInt64 = 1
    while count >> bits != 0 { bits += 1 }
    positionBits = bits
    // Zeroed memory is a table of free slots.
    let byteCount = slotCount * MemoryLayout<UInt32>.stride
    memory = ZeroedMemory(byteCount: byteCount, isSparse: true)
    // Hashes fall on all of its pages.
    unsafe HugePages.populateHuge(
      UnsafeMutableRawBufferPointer(start: memory.base, count: byteCount))
    let duplicate = unsafe arena.withUnsafeBufferPointer { arena in
      unsafe offsets.withUnsafeBufferPointer { offsets -> Duplicate? in
        guard let start = arena.baseAddress, let offsets = offsets.baseAddress else { return nil }
        return unsafe fill(
          Lookup(self, arena: start, arena.count, offsets: offsets), count, passingOver)
      }
    }
    if let duplicate { throw duplicate }
  }

  private func fill(_ lookup: Lookup, _ count: Int, _ passingOver: Bool) -> Duplicate? {
    let slots = unsafe memory.base.assumingMemoryBound(to: UInt32.self)
    // Hashes of some tokens first, so that their slots come near before they are looked at.
    let batch = 16
    return unsafe withUnsafeTemporaryAllocation(of: UInt64.self, capacity: batch) { hashes in
      var start = 0
      while start < count {
        let end = min(count, start + batch)
        for position in start..<end {
          // In bounds: a token of the vocabulary, and a batch of hashes.
          let hash = unsafe lookup.hash(ofTokenAt: position)
          unsafe hashes[position &- start] = hash
          unsafe prefetch_line(slots + (Int(truncatingIfNeeded: hash) & mask))
        }
        for position in start..<end {
          let hash = unsafe hashes[position &- start]
          let tag = Self.tag(hash, UInt32(positionBits))
          var slot = Int(truncatingIfNeeded: hash) & mask
          // In bounds: masked; free slots end every walk.
          while unsafe slots[slot] != 0 {
            let other = unsafe lookup.position(in: slots[slot], ifTagged: tag)
            if !passingOver, let other, unsafe lookup.areEqual(other, position) {
              return Duplicate(first: other, second: position)
            }
            slot = (slot &+ 1) & mask
          }
          unsafe slots[slot] = tag | UInt32(truncatingIfNeeded: position &+ 1)
        }
        start = end
      }
      return nil
    }
  }

  /// The tables' addresses for a hot loop. Valid while the index and both arrays live.
  @unsafe struct Lookup {
    let arena: UnsafePointer<UInt8>
    let offsets: UnsafePointer<UInt32>
    private let arenaCount: Int
    private let slots: UnsafePointer<UInt32>
    private let mask: Int
    private let positionBits: UInt32

    fileprivate init(
      _ index: TokenIndexStorage, arena: UnsafePointer<UInt8>, _ arenaCount: Int,
      offsets: UnsafePointer<UInt32>
    ) {
      unsafe self.arena = unsafe arena
      unsafe self.arenaCount = arenaCount
      unsafe self.offsets = unsafe offsets
      unsafe slots = UnsafePointer(index.memory.base.assumingMemoryBound(to: UInt32.self))
      unsafe mask = index.mask
      unsafe positionBits = UInt32(index.positionBits)
    }

    /// Where the token at a position of the vocabulary begins in the arena.
    @inline(__always)
    func start(_ position: Int) -> Int { Int(unsafe offsets[position]) }

    /// How many bytes the token at a position has.
    @inline(__always)
    func length(_ position: Int) -> Int {
      Int(unsafe offsets[position &+ 1] &- offsets[position])
    }

    /// The position of the token with these bytes, of which there is at least one; nil if there is none.
    @inline(__always)
    func position(of bytes: UnsafePointer<UInt8>, count: Int) -> Int? {
      unsafe position(of: bytes, count: count, hash: TokenHash(bytes, count).value)
    }

    /// The same, the bytes' hash known.
    @inline(__always)
    func position(of bytes: UnsafePointer<UInt8>, count: Int, hash: UInt64) -> Int? {
      unsafe position(hash: hash) { unsafe isToken(at: $0, bytes, count) }
    }

    /// The same for bytes behind which there are at least 16 more that may be read.
    @inline(__always)
    func position(ofPadded bytes: UnsafePointer<UInt8>, count: Int, hash: UInt64) -> Int? {
      unsafe position(hash: hash) { unsafe isToken(at: $0, padded: bytes, count) }
    }

    @inline(__always)
    private func position(hash: UInt64, _ isSought: (Int) -> Bool) -> Int? {
      let tag = unsafe TokenIndexStorage.tag(hash, positionBits)
      var slot = unsafe Int(truncatingIfNeeded: hash) & mask
      while true {
        // In bounds: masked; free slots end every walk.
        let entry = unsafe slots[slot]
        if entry == 0 { return nil }
        if let other = unsafe position(in: entry, ifTagged: tag), isSought(other) { return other }
        slot = unsafe (slot &+ 1) & mask
      }
    }

    /// Has the slot for a hash brought near.
    @inline(__always)
    func prefetch(_ hash: UInt64) {
      unsafe prefetch_line(slots + (Int(truncatingIfNeeded: hash) & mask))
    }

    /// Whether the token at a position has these bytes.
    @inline(__always)
    func isToken(at position: Int, _ bytes: UnsafePointer<UInt8>, _ count: Int) -> Bool {
      unsafe length(position) == count
        && TokenIndexStorage.areEqual(arena + start(position), bytes, count)
    }

    /// The same for bytes behind which there are at least 16 more that may be read: short tokens are compared
    /// without a branch on their length.
    @inline(__always)
    func isToken(at position: Int, padded bytes: UnsafePointer<UInt8>, _ count: Int) -> Bool {
      let start = unsafe start(position)
      if unsafe count > 16 || start &+ 16 > arenaCount {
        return unsafe isToken(at: position, bytes, count)
      }
      // Sixteen bytes of both may be read; those behind the tokens are masked off.
      let one = unsafe UnsafeRawPointer(arena + start)
      let other = unsafe UnsafeRawPointer(bytes)
      let low =
        unsafe one.loadUnaligned(as: UInt64.self) ^ other.loadUnaligned(as: UInt64.self)
      let high =
        unsafe one.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        ^ other.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
      // Shifts by 64 and more leave nothing.
      let lowBits = UInt64(littleEndian: low) << UInt64(64 &- 8 &* min(count, 8))
      let highBits = UInt64(littleEndian: high) << UInt64(64 &- 8 &* (max(count, 8) &- 8))
      return unsafe length(position) == count && lowBits | highBits == 0
    }

    /// The position that a taken slot holds, if the bits of its hash are those of `tag`.
    @inline(__always)
    fileprivate func position(in entry: UInt32, ifTagged tag: UInt32) -> Int? {
      let difference = entry ^ tag
      guard unsafe difference &>> positionBits == 0 else { return nil }
      return Int(difference) &- 1
    }

    @inline(__always)
    fileprivate func hash(ofTokenAt position: Int) -> UInt64 {
      let start = unsafe start(position)
      let length = unsafe length(position)
      return unsafe start &+ 16 <= arenaCount
        ? TokenHash(padded: arena + start, length).value : TokenHash(arena + start, length).value
    }

    @inline(__always)
    fileprivate func areEqual(_ one: Int, _ other: Int) -> Bool {
      let count = unsafe length(one)
      return unsafe length(other) == count
        && TokenIndexStorage.areEqual(arena + start(one), arena + start(other), count)
    }
  }

  /// Calls `body` with the tables of a vocabulary, whose arrays these are.
  @inline(__always)
  func withLookup<Value, Failure: Error>(
    arena: [UInt8], offsets: [UInt32], _ body: (Lookup) throws(Failure) -> Value
  ) throws(Failure) -> Value {
    try unsafe arena.withUnsafeBufferPointer { (arena) throws(Failure) -> Value in
      try unsafe offsets.withUnsafeBufferPointer { (offsets) throws(Failure) -> Value in
        // An empty vocabulary has no slot taken, so that nothing is read at these addresses.
        let none = unsafe UnsafeRawPointer(memory.base)
        let lookup = unsafe Lookup(
          self, arena: arena.baseAddress ?? none.assumingMemoryBound(to: UInt8.self), arena.count,
          offsets: offsets.baseAddress ?? none.assumingMemoryBound(to: UInt32.self))
        return try unsafe body(lookup)
      }
    }
  }

  /// The part of a hash that a slot keeps above the position. (There are fewer than 2^31 tokens: as many
  /// that differ take more than the 4 GiB of an arena.)
  @inline(__always)
  private static func tag(_ hash: UInt64, _ positionBits: UInt32) -> UInt32 {
    UInt32(truncatingIfNeeded: hash >> 32) & (~0 &<< positionBits)
  }

  @inline(__always)
  static func areEqual(
    _ one: UnsafePointer<UInt8>, _ other: UnsafePointer<UInt8>, _ count: Int
  ) -> Bool {
    let left = unsafe UnsafeRawPointer(one)
    let right = unsafe UnsafeRawPointer(other)
    // Each load lies in the bytes of both: the last one ends with them.
    if count >= 8 {
      var offset = 0
      while offset &+ 8 < count {
        let same =
          unsafe left.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
          == right.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        if !same { return false }
        offset &+= 8
      }
      return unsafe left.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
        == right.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
    }
    if count >= 4 {
      return unsafe left.loadUnaligned(as: UInt32.self) == right.loadUnaligned(as: UInt32.self)
        && left.loadUnaligned(fromByteOffset: count &- 4, as: UInt32.self)
          == right.loadUnaligned(fromByteOffset: count &- 4, as: UInt32.self)
    }
    for offset in 0..<count where unsafe one[offset] != other[offset] { return false }
    return true
  }
}

/// The hash of bytes, which can be continued byte by byte, and of which that of any part of a text follows
/// from those of its beginnings: a polynomial in `base`, modulo 2^64.
struct TokenHash {
  /// Odd, and any other bits alike.
  static let base: UInt64 = 0x9E37_79B9_7F4A_7C15

  /// The polynomial.
  var sum: UInt64 = 0

  /// Of no bytes.
  @inline(__always)
  init() {}

  @inline(__always)
  init(sum: UInt64) { self.sum = sum }

  /// Of `count` bytes.
  @inline(__always)
  init(_ bytes: UnsafePointer<UInt8>, _ count: Int) {
    // The caller's bytes.
    for offset in 0..<count { append(unsafe bytes[offset]) }
  }

  /// Of `count` bytes behind which there are at least 16 that may be read: eight at a time, without a branch on
  /// how many they are, where they are at most 16.
  @inline(__always)
  init(padded bytes: UnsafePointer<UInt8>, _ count: Int) {
    if count > 16 {
      unsafe self.init(bytes, count)
      return
    }
    self.init()
    let raw = unsafe UnsafeRawPointer(bytes)
    let first = min(count, 8)
    // Sixteen bytes may be read.
    sum = Self.sum(
      ofEight: unsafe UInt64(littleEndian: raw.loadUnaligned(as: UInt64.self)), count: first)
    if count > 8 {
      let rest = unsafe UInt64(
        littleEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
      sum = sum &* Self.power(count &- 8) &+ Self.sum(ofEight: rest, count: count &- 8)
    }
  }

  /// `base` to the power of `exponent`, which is at most 8; a table of the compiler's.
  @inline(__always)
  private static func power(_ exponent: Int) -> UInt64 {
    let square = base &* base
    let fourth = square &* square
    switch exponent {
    case 0: return 1
    case 1: return base
    case 2: return square
    case 3: return square &* base
    case 4: return fourth
    case 5: return fourth &* base
    case 6: return fourth &* square
    case 7: return fourth &* square &* base
    default: return fourth &* fourth
    }
  }

  /// The polynomial of `count` zero bytes, at most 8.
  @inline(__always)
  private static func sum(ofZeros count: Int) -> UInt64 {
    let two = base &+ 1
    let square = base &* base
    let four = two &* square &+ two
    switch count {
    case 0: return 0
    case 1: return 1
    case 2: return two
    case 3: return two &* base &+ 1
    case 4: return four
    case 5: return four &* base &+ 1
    case 6: return four &* square &+ two
    case 7: return (four &* square &+ two) &* base &+ 1
    default: return four &* square &* square &+ four
    }
  }

  /// The polynomial of the first `count` bytes, at most eight, of a word, the first of them lowest.
  @inline(__always)
  private static func sum(ofEight word: UInt64, count: Int) -> UInt64 {
    // The last byte highest; zeros in the place of bytes before the first. Shifts by 64 leave nothing.
    let word = word << UInt64(64 &- 8 &* count)
    let square = base &* base
    @inline(__always)
    func two(_ shift: UInt64) -> UInt64 {
      (word &>> shift & 0xFF) &* base &+ (word &>> (shift &+ 8) & 0xFF)
    }
    let first = two(0) &* square &+ two(16)
    let last = two(32) &* square &+ two(48)
    return first &* (square &* square) &+ last &+ sum(ofZeros: count)
  }

  @inline(__always)
  mutating func append(_ byte: UInt8) {
    // One more than the byte, so that zeros in front count.
    sum = sum &* Self.base &+ UInt64(byte) &+ 1
  }

  /// All bits mixed, for use as the hash of a table.
  @inline(__always)
  var value: UInt64 {
    let product = (sum ^ (sum >> 32)) &* 0xD6E8_FEB8_6659_FD93
    return product ^ (product >> 32)
  }
}
