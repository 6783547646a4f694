/// The tokens of a tokenizer with their ids: bytes of an id, id of bytes. Special tokens are entries too.
///
/// Bytes lie in one arena in the order of the ids, so that a vocabulary is a few arrays however many
/// tokens it holds. Ids may have holes, and may be any 32-bit number without costing memory for it.
public struct Vocabulary: Sendable {
  /// Bytes of all tokens, one after another, in ascending order of id.
  let arena: [UInt8]
  /// Where each token's bytes begin in `arena`, and its end: one more than there are tokens.
  let offsets: [UInt32]
  /// Ids in ascending order.
  let ids: [UInt32]
  /// How many ids, from 0 on, are their own positions in `ids`.
  let denseCount: UInt32
  /// Position in `ids` of each id from `denseCount` on, `UInt32.max` for a hole; empty if they are too
  /// sparse for a table.
  private let positionOfID: [UInt32]
  /// Bytes of the longest token.
  private let longestLength: Int
  /// Position in `ids` by the bytes.
  private let index: TokenIndex

  /// Collects tokens under their ids.
  ///
  /// - Parameter tokens: Bytes and id of each token, in any order.
  /// - Throws: `VocabularyError` if two tokens share an id or their bytes, or one is empty.
  /// - Complexity: O(n log n) in the number of tokens, and linear in their bytes.
  public init(_ tokens: [(bytes: [UInt8], id: TokenID)]) throws(VocabularyError) {
    let sorted = tokens.sorted { $0.id < $1.id }
    var arena: [UInt8] = []
    arena.reserveCapacity(sorted.reduce(0) { $0 + $1.bytes.count })
    var offsets: [UInt32] = [0]
    offsets.reserveCapacity(sorted.count + 1)
    for token in sorted {
      arena += token.bytes
      guard let end = UInt32(exactly: arena.count) else { throw .tooLarge }
      offsets.append(end)
    }
    try self.init(arena: arena, offsets: offsets, ids: sorted.map(\.id.rawValue))
  }

  /// Takes tokens whose bytes lie anywhere in `arena`, ids ascending.
  init(arena: [UInt8], ranges: [Range<Int>], ids: [UInt32]) throws(VocabularyError) {
    guard UInt32(exactly: arena.count) != nil else { throw .tooLarge }
    var ordered: [UInt8] = []
    var offsets: [UInt32] = [0]
    offsets.reserveCapacity(ids.count + 1)
    var end = 0
    for range in ranges {
      if range.lowerBound != end || !ordered.isEmpty {
        // Not in the order of the ids: copied together.
        if ordered.isEmpty { ordered = Array(arena[..<end]) }
        ordered += arena[range]
      }
      end += range.count
      offsets.append(UInt32(end))
    }
    try self.init(arena: ordered.isEmpty ? arena : ordered, offsets: offsets, ids: ids)
  }

  /// The same vocabulary with other bytes for some of its tokens.
  func replacing(_ entries: [SpecialTokens.Entry]) throws(VocabularyError) -> Vocabulary {
    var texts: [TokenID: [UInt8]] = [:]
    for entry in entries { texts[entry.id] = Array(entry.text.utf8) }
    return try Vocabulary(tokenIDs.map { (texts[$0] ?? bytes(of: $0) ?? [], $0) })
  }

  /// Takes tokens that already lie in the order of their ids.
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

  /// Number of tokens, special tokens included.
  public var count: Int { ids.count }

  /// The largest id, or nothing for an empty vocabulary. With holes it is not `count - 1`.
  public var largestID: TokenID? { ids.last.map { TokenID($0) } }

  /// All ids in ascending order.
  public var tokenIDs: [TokenID] { ids.map { TokenID($0) } }

  /// The bytes of the token with this id, or nothing if there is none.
  public func bytes(of id: TokenID) -> [UInt8]? {
    range(of: id).map { Array(arena[$0]) }
  }

  /// The id of the token with exactly these bytes, or nothing if there is none. O(length).
  public func id(of bytes: [UInt8]) -> TokenID? { id(of: bytes.span) }

  /// The id of the token with exactly these bytes, or nothing if there is none. O(length).
  public func id(of bytes: Span<UInt8>) -> TokenID? {
    position(of: bytes).map { TokenID(ids[$0]) }
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
    try unsafe index.made(arena: arena.span, offsets: offsets.span)
      .withLookup(arena: arena.span, offsets: offsets.span, body)
  }

  /// Where the bytes of a token lie in `arena`.
  @inline(__always)
  func range(of id: TokenID) -> Range<Int>? {
    guard let position = position(of: id) else { return nil }
    return Int(offsets[position])..<Int(offsets[position + 1])
  }

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

/// Why tokens do not make a vocabulary.
public enum VocabularyError: Error, Hashable, Sendable {
  /// Two tokens have this id.
  case duplicateID(TokenID)
  /// Two ids have these bytes.
  case duplicateToken([UInt8], TokenID, TokenID)
  /// The token with this id has no bytes.
  case emptyToken(TokenID)
  /// No token stands for this byte alone, so that not every text could be encoded.
  case missingByte(UInt8)
  /// The tokens take more than 4 GiB.
  case tooLarge
  /// A merge names a token, or makes one, that is not in the vocabulary: its rank.
  case unknownTokenInMerge(rank: Int)
  /// The same pair stands twice among the merges: the rank of the second.
  case duplicateMerge(rank: Int)
  /// More merges, or tokens in merges, than 2,097,150, which is what fits in the table of merges.
  case tooManyMerges
}

extension VocabularyError: CustomStringConvertible {
  /// One sentence that says what does not fit.
  public var description: String {
    switch self {
    case .duplicateID(let id): "id \(id) is given to two tokens"
    case .duplicateToken(let bytes, let first, let second):
      "ids \(first) and \(second) are both '\(ByteAlphabet.spelling(of: bytes))'"
    case .emptyToken(let id): "the token with id \(id) is empty"
    case .missingByte(let byte): "no token stands for byte \(byte) alone"
    case .tooLarge: "the tokens take more than 4 GiB"
    case .unknownTokenInMerge(let rank):
      "merge \(rank) names a token, or makes one, that the vocabulary does not hold"
    case .duplicateMerge(let rank): "merge \(rank) repeats an earlier pair"
    case .tooManyMerges: "there are more than 2,097,150 merges, or tokens in them"
    }
  }
}
