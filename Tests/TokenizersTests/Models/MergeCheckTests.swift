import CKernels
import TestSupport
import Testing

@testable import Tokenizers

/// What a table of merges that was read from a file is held to.
struct MergeCheckTests {
  private static let rankBits = UInt64(MERGE_RANK_BITS)
  private static let symbolBits = UInt64(MERGE_SYMBOL_BITS)

  private static func slot(_ left: UInt64, _ right: UInt64, _ rank: UInt64) -> UInt64 {
    (left << symbolBits | right) << rankBits | rank
  }

  /// The definition, for one slot.
  private static func isSound(_ slot: UInt64, _ merges: UInt64) -> Bool {
    if slot == .max { return true }
    let rank = slot % (1 << rankBits)
    let right = slot >> rankBits % (1 << symbolBits)
    let left = slot >> (rankBits + symbolBits)
    return rank < merges && left < 256 + rank && right < 256 + rank
  }

  private static func check(_ slots: [UInt64], _ merges: UInt64) -> [(isSound: Bool, taken: UInt64)]
  {
    [false, true].map { isPortable in
      var taken: UInt64 = 0
      // All of the array.
      let isSound = unsafe slots.withUnsafeBufferPointer { slots in
        isPortable
          ? unsafe merges_are_sound_portable(slots.baseAddress, slots.count, merges, &taken)
          : unsafe merges_are_sound(slots.baseAddress, slots.count, merges, &taken)
      }
      return (isSound != 0, taken)
    }
  }

  /// The edges of each field, alone among free slots, at each place of a vector.
  @Test func edges() {
    let greatest = (UInt64(1) << Self.symbolBits - 1, UInt64(1) << Self.rankBits - 1)
    for merges in [1, 300, 50_000, greatest.1] as [UInt64] {
      var slots = [Self.slot(greatest.0, greatest.0, greatest.1 - 1), 0, UInt64.max - 1, 1 << 63]
      for rank in [0, 1, 299, merges - 1, merges, merges + 1] where rank < greatest.1 {
        for symbol in [0, 255, 254 + rank, 255 + rank, 256 + rank, 257 + rank]
        where symbol < greatest.0 {
          slots += [Self.slot(symbol, 0, rank), Self.slot(0, symbol, rank)]
        }
      }
      for slot in slots {
        for place in 0..<9 {
          var table = [UInt64](repeating: .max, count: 9)
          table[place] = slot
          for result in Self.check(table, merges) {
            #expect(result.isSound == Self.isSound(slot, merges), "\(slot) of \(merges)")
            #expect(result.taken == (slot == .max ? 0 : 1))
          }
        }
      }
    }
  }

  @Test(.tags(.property), arguments: 0..<20 as Range<UInt64>)
  func asTheDefinition(_ seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let merges = UInt64(1 + random.below(5_000))
    var slots = (0..<random.below(300)).map { _ -> UInt64 in
      if random.below(2) == 0 { return .max }
      let rank = UInt64(random.below(Int(merges)))
      return Self.slot(
        UInt64(random.below(256 + Int(rank))), UInt64(random.below(256 + Int(rank))), rank)
    }
    if random.below(2) == 0, !slots.isEmpty {
      slots[random.below(slots.count)] ^= 1 << UInt64(random.below(64))
    }
    let expected = slots.allSatisfy { Self.isSound($0, merges) }
    let taken = slots.count { $0 != .max }
    for result in Self.check(slots, merges) {
      #expect(result.isSound == expected)
      #expect(result.taken == taken)
    }
  }

  @Test func ranksOfPairsOfBytes() {
    let none = UInt32(1) << UInt32(MERGE_RANK_BITS) - 1
    for (ranks, merges, expected) in [
      ([none], 0, true), ([0], 0, false), ([0, 5, none, 9], 10, true),
      ([0, 5, none, 10], 10, false),
      ([UInt32](repeating: none, count: 40) + [.max], 10, false), ([], 0, true),
    ] as [([UInt32], UInt32, Bool)] {
      for isPortable in [false, true] {
        // All of the array.
        let isSound = unsafe ranks.withUnsafeBufferPointer { ranks in
          isPortable
            ? unsafe merge_ranks_are_sound_portable(ranks.baseAddress, ranks.count, merges)
            : unsafe merge_ranks_are_sound(ranks.baseAddress, ranks.count, merges)
        }
        #expect((isSound != 0) == expected, "\(ranks)")
      }
    }
  }
}
