import TestSupport
import Testing

@testable import Tokenizers

/// Memory is the same whatever pages it gets, and when.
@Suite struct RoomAheadTests {
  @Test(.tags(.property), arguments: UInt64(1)...20)
  func idsStayAsTheyAre(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var ids = (0..<random.below(5000)).map { TokenID(UInt32($0)) }
    var ahead = RoomAhead(ids)
    ids.reserve(1 + random.below(3 << 20))
    for _ in 0..<20 {
      ahead.provide(random.below(300_000), behind: &ids)
      for _ in 0..<random.below(100_000) { ids.append(TokenID(UInt32(ids.count))) }
    }
    #expect(ids.indices.allSatisfy { ids[$0].rawValue == UInt32($0) })
  }

  @Test func anArrayWithoutRoomIsLeftAlone() {
    var ids: [TokenID] = []
    var ahead = RoomAhead(ids)
    ahead.provide(1000, behind: &ids)
    #expect(ids.isEmpty)
  }

  /// Ranges that begin and end anywhere, in memory that holds something.
  @Test(arguments: [0, 1, 4095, 4096, 1 << 16, 2 << 20, 5 << 20])
  func whatIsThereStays(offset: Int) {
    let memory = ZeroedMemory(byteCount: 9 << 20, isSparse: true)
    // In bounds: of nine mebibytes.
    unsafe memory.base.storeBytes(of: 0xAB, toByteOffset: offset, as: UInt8.self)
    unsafe HugePages.populateHuge(
      UnsafeMutableRawBufferPointer(start: memory.base + offset, count: (9 << 20) - offset - 3))
    unsafe HugePages.populateHuge(UnsafeMutableRawBufferPointer(start: memory.base, count: 9 << 20))
    for place in stride(from: 0, to: 9 << 20, by: 511) where place != offset {
      #expect(unsafe memory.base.load(fromByteOffset: place, as: UInt8.self) == 0)
    }
    #expect(unsafe memory.base.load(fromByteOffset: offset, as: UInt8.self) == 0xAB)
  }
}
