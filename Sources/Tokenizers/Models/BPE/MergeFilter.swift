/// Says of most pairs of symbols that no merge joins them, without a look into the table of merges.
///
/// A pair has three bits of one word (Bloom 1970, blocked as by Putze, Sanders and Singler 2007). There are 12 to 24 bits
/// for each merge; at the 21 of 50,000, 100,000 and 200,000 merges one of 230 random pairs that no merge joins is taken for
/// one that may be joined. The words fit in a second-level cache where the table does not, and, which matters as much, a
/// branch on the answer is nearly always foreseen: asking whether two tokens stay side by side is mostly asking about
/// pairs that no merge joins.
@safe final class MergeFilter: @unchecked Sendable {
  private static let bitsPerPair = 12

  private let memory: ZeroedMemory
  private let shift: UInt64

  /// A filter of no pairs yet, for about so many.
  init(pairCount: Int) {
    var wordBits: UInt64 = 0
    while 64 << wordBits < pairCount * Self.bitsPerPair { wordBits += 1 }
    shift = 63 - wordBits
    memory = ZeroedMemory(byteCount: 8 << Int(wordBits))
  }

  /// Takes a pair in.
  func insert(_ left: UInt32, _ right: UInt32) {
    let hash = Self.hash(left, right)
    // In bounds: the hash has as many bits as there are words.
    unsafe words[Int(truncatingIfNeeded: (hash &>> 1) &>> shift)] |= Self.mask(hash)
  }

  private var words: UnsafeMutablePointer<UInt64> {
    unsafe memory.base.assumingMemoryBound(to: UInt64.self)
  }

  /// Its address for a hot loop, valid as long as it lives.
  var lookup: Lookup { unsafe Lookup(words: UnsafePointer(words), shift: shift) }

  @safe struct Lookup {
    fileprivate let words: UnsafePointer<UInt64>
    fileprivate let shift: UInt64

    /// Whether the pair may have been inserted; true of all that were.
    @inline(__always)
    func mayHold(_ left: UInt32, _ right: UInt32) -> Bool {
      let hash = MergeFilter.hash(left, right)
      let mask = MergeFilter.mask(hash)
      // In bounds, as above.
      return unsafe words[Int(truncatingIfNeeded: (hash &>> 1) &>> shift)] & mask == mask
    }
  }

  /// Fibonacci hashing: the highest bits, which choose a word, depend on all of both symbols.
  @inline(__always)
  private static func hash(_ left: UInt32, _ right: UInt32) -> UInt64 {
    (UInt64(left) << 32 | UInt64(right)) &* 0x9E37_79B9_7F4A_7C15
  }

  /// Three bits, by parts of the hash that say nothing about the word: two of them may be the same.
  @inline(__always)
  private static func mask(_ hash: UInt64) -> UInt64 {
    1 &<< (hash &>> 20 & 63) | 1 &<< (hash &>> 26 & 63) | 1 &<< (hash &>> 32 & 63)
  }
}
