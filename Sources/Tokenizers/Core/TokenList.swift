/// A vocabulary's tokens: their bytes in one arena in the order of the ids, so that it is a few arrays however many
/// tokens there are.
///
/// A class, so that copies of a vocabulary share it. Immutable.
final class TokenList: Sendable {
  /// Bytes of all tokens, one after another, in ascending order of id.
  let arena: [UInt8]
  /// Where each token's bytes begin in `arena`, and its end: one more than there are tokens.
  let offsets: [UInt32]
  /// Ids in ascending order.
  let ids: [UInt32]
  /// How many ids, from 0 on, are their own positions in `ids`.
  private let denseCount: UInt32
  /// Position in `ids` of each id from `denseCount` on, `UInt32.max` for a hole; empty if they are too
  /// sparse for a table.
  private let positionOfID: [UInt32]
  /// Bytes of the longest token.
  private let longestLength: Int
  /// Position in `ids` by the bytes.
  private let index: TokenIndex

  /// Takes tokens that lie in the order of their ids.
  ///
  /// - Parameter areDistinct: No two have the same bytes: the index, which would find that out, waits until
  ///   someone looks for a token.
  init(
    arena: [UInt8], offsets: [UInt32], ids: [UInt32], areDistinct: Bool = false
  ) throws(VocabularyError) {
    self.arena = arena
    self.offsets = offsets
    self.ids = ids
    let count = ids.count
    // From 0 on without a hole as long as they equal their positions: nearly always all of them, which is told without
    // a branch for each.
    var dense = Self.areOwnPositions(ids) ? count : 0
    if dense < count {
      for position in 1..<max(1, count) where ids[position - 1] >= ids[position] {
        throw .duplicateID(TokenID(ids[position]))
      }
      while ids[dense] == dense { dense += 1 }
    }
    denseCount = UInt32(dense)
    let largest = Int(ids.last ?? 0)
    if count > dense, largest < 4 * count + 4096 {
      var table = [UInt32](repeating: .max, count: largest + 1 - dense)
      for position in dense..<count { table[Int(ids[position]) - dense] = UInt32(position) }
      positionOfID = table
    } else {
      positionOfID = []
    }

    let lengths = Self.lengths(offsets)
    if lengths.lowerBound == 0, count > 0 {
      let position = (0..<count).first { offsets[$0] == offsets[$0 + 1] } ?? 0
      throw .emptyToken(TokenID(ids[position]))
    }
    longestLength = Int(lengths.upperBound)
    index = TokenIndex()
    if areDistinct { return }
    do {
      try index.make(arena: arena.span, offsets: offsets.span)
    } catch {
      let range = Int(offsets[error.first])..<Int(offsets[error.first + 1])
      throw .duplicateToken(
        Array(arena[range]), TokenID(ids[error.first]), TokenID(ids[error.second]))
    }
  }

  private static func areOwnPositions(_ ids: [UInt32]) -> Bool {
    var difference: UInt32 = 0
    for (position, id) in ids.enumerated() {
      difference |= id ^ UInt32(truncatingIfNeeded: position)
    }
    return difference == 0
  }

  /// The least and the greatest distance between neighbours, which ascend; 0 if there are none.
  private static func lengths(_ offsets: [UInt32]) -> ClosedRange<UInt32> {
    unsafe offsets.withUnsafeBufferPointer { offsets in
      guard offsets.count > 1 else { return 0...0 }
      var (least, greatest): (UInt32, UInt32) = (.max, 0)
      // A neighbour is there. Pointers: checks of indices would keep it from being done by vectors.
      for position in 1..<offsets.count {
        let length = unsafe offsets[position] &- offsets[position &- 1]
        least = min(least, length)
        greatest = max(greatest, length)
      }
      return least...greatest
    }
  }

  /// The position among the ids of the token with exactly these bytes, or nothing if there is none.
  func position(of bytes: Span<UInt8>) -> Int? {
    if bytes.isEmpty || bytes.count > longestLength { return nil }
    return unsafe withLookup { lookup in
      // The span's own bytes, which it holds for the length of the call.
      unsafe bytes.withUnsafeBufferPointer { bytes in
        guard let start = bytes.baseAddress else { return nil }
        return unsafe lookup.position(of: start, count: bytes.count)
      }
    }
  }

  /// Calls `body` with the tables for looking many tokens up.
  @inline(__always)
  func withLookup<Value, Failure: Error>(
    _ body: (TokenIndexStorage.Lookup) throws(Failure) -> Value
  ) throws(Failure) -> Value {
    try unsafe index.made(arena: arena, offsets: offsets)
      .withLookup(arena: arena, offsets: offsets, body)
  }

  /// Where the bytes of the token at a position lie in `arena`.
  @inline(__always)
  func range(at position: Int) -> Range<Int> {
    Int(offsets[position])..<Int(offsets[position + 1])
  }

  /// Where the bytes of a token lie in `arena`.
  @inline(__always)
  func range(of id: TokenID) -> Range<Int>? { position(of: id).map { range(at: $0) } }

  /// The bytes of a token, or nothing if there is none.
  func bytes(of id: TokenID) -> [UInt8]? { range(of: id).map { Array(arena[$0]) } }

  /// Position of an id among the ids.
  @inline(__always)
  func position(of id: TokenID) -> Int? {
    if id.rawValue < denseCount { return Int(id.rawValue) }
    if !positionOfID.isEmpty {
      let offset = id.rawValue &- denseCount
      guard offset < UInt32(positionOfID.count) else { return nil }
      let position = positionOfID[Int(offset)]
      return position == .max ? nil : Int(position)
    }
    var low = 0
    var high = ids.count
    while low < high {
      let middle = (low + high) / 2
      if ids[middle] < id.rawValue { low = middle + 1 } else { high = middle }
    }
    return low < ids.count && ids[low] == id.rawValue ? low : nil
  }
}
