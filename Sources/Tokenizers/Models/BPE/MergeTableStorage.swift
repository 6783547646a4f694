/// The merges of a BPE model: an ordered pair of ids gives the rank of the merge and the id it makes.
///
/// Open addressing with linear probing in one block of 16-byte slots, at most half full. Immutable once
/// made, hence shared by the encoders of all threads; they read it through `Lookup`, a plain copy of its
/// address, and keep this object alive.
@safe final class MergeTableStorage: @unchecked Sendable {
  struct Slot {
    /// left id in the high half, right id in the low half
    var pair: UInt64
    /// lower merges first; `noRank` marks a free slot
    var rank: UInt32
    var merged: UInt32
  }

  /// What `Lookup` gives for a pair that no merge joins: greater than any rank.
  static let noRank = UInt32.max

  private let slots: UnsafeMutablePointer<Slot>
  private let slotCount: Int
  /// The id of each byte: what merging begins with lies beside what it goes on with.
  private let idOfByte: UnsafeMutablePointer<UInt32>

  /// - Throws: `VocabularyError.duplicateMerge` if a pair stands twice.
  init(_ merges: [BPEModel.Merge], idOfByte ids: [UInt32]) throws(VocabularyError) {
    precondition(ids.count == 256)
    var count = 16
    while count < merges.count * 2 { count *= 2 }
    slotCount = count
    unsafe idOfByte = .allocate(capacity: 256)
    for byte in 0..<256 { unsafe (idOfByte + byte).initialize(to: ids[byte]) }
    // Freed in deinit, which also runs where this initialiser throws below.
    unsafe slots = .allocate(capacity: count)
    unsafe slots.initialize(
      repeating: Slot(pair: 0, rank: Self.noRank, merged: 0), count: count)
    for (rank, merge) in merges.enumerated() {
      let pair = Self.pack(merge.left.rawValue, merge.right.rawValue)
      var position = Self.position(of: pair, in: count)
      // In bounds: positions are masked by `count - 1`, and half of the slots stay free.
      while unsafe slots[position].rank != Self.noRank {
        if unsafe slots[position].pair == pair { throw .duplicateMerge(rank: rank) }
        position = (position + 1) & (count - 1)
      }
      unsafe slots[position] = Slot(
        pair: pair, rank: UInt32(rank), merged: merge.merged.rawValue)
    }
  }

  deinit {
    unsafe slots.deallocate()
    unsafe idOfByte.deallocate()
  }

  var lookup: Lookup {
    unsafe Lookup(
      slots: UnsafePointer(slots), mask: slotCount - 1, idOfByte: UnsafePointer(idOfByte))
  }

  /// The table's address for a hot loop. Valid while the `MergeTableStorage` lives.
  @safe struct Lookup {
    private let slots: UnsafePointer<Slot>
    private let mask: Int
    private let idOfByte: UnsafePointer<UInt32>

    init(slots: UnsafePointer<Slot>, mask: Int, idOfByte: UnsafePointer<UInt32>) {
      unsafe self.slots = slots
      self.mask = mask
      unsafe self.idOfByte = idOfByte
    }

    /// The id of a byte.
    @inline(__always)
    func id(of byte: UInt8) -> UInt32 {
      // 256 ids, one for each value that a byte can have.
      unsafe idOfByte[Int(byte)]
    }

    /// Rank and made id of a pair; the rank is `noRank` if no merge joins it.
    @inline(__always)
    func callAsFunction(_ left: UInt32, _ right: UInt32) -> (rank: UInt32, merged: UInt32) {
      let pair = MergeTableStorage.pack(left, right)
      var position = MergeTableStorage.position(of: pair, in: mask &+ 1)
      while true {
        // In bounds: masked, and a free slot ends every walk.
        let slot = unsafe slots[position]
        if slot.pair == pair || slot.rank == MergeTableStorage.noRank {
          return (slot.rank, slot.merged)
        }
        position = (position &+ 1) & mask
      }
    }
  }

  @inline(__always)
  private static func pack(_ left: UInt32, _ right: UInt32) -> UInt64 {
    UInt64(left) << 32 | UInt64(right)
  }

  /// Fibonacci hashing of the pair; the high half of the product is the well-mixed one.
  @inline(__always)
  private static func position(of pair: UInt64, in count: Int) -> Int {
    let mixed = (pair ^ (pair >> 29)) &* 0x9E37_79B9_7F4A_7C15
    return Int(truncatingIfNeeded: mixed >> 32) & (count &- 1)
  }
}
