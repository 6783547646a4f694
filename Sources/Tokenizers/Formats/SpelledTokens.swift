/// The tokens of a vocabulary of which a prepared form holds the merges: each is what its merge joins. Spelled when
/// someone asks for one.
///
/// Bytes have the ids below 256, the token of the merge of rank *r* has 256 + *r*, and both parts of a merge have
/// lower ids. Tokens that no merge makes have ids beyond those.
enum SpelledTokens {
  /// Whether bytes have the ids below 256.
  static func areInOrder(_ idOfByte: [TokenID]) -> Bool {
    var isTaken = [Bool](repeating: false, count: 256)
    for id in idOfByte {
      guard id.rawValue < 256, !isTaken[Int(id.rawValue)] else { return false }
      isTaken[Int(id.rawValue)] = true
    }
    return idOfByte.count == 256
  }

  /// The vocabulary of a table whose merges are in order, and of other tokens.
  ///
  /// - Parameter byteCount: Bytes of all tokens together. Where the merges join other than that, as they do only if
  ///   someone has made them up, each makes a token of one byte.
  static func vocabulary(
    of table: MergeTableStorage, _ idOfByte: [TokenID], _ others: TokenList, byteCount: Int
  ) -> Vocabulary {
    let made = 256 + table.mergeCount
    return Vocabulary(
      count: made + others.ids.count, largestID: TokenID(others.ids.last ?? UInt32(made - 1)),
      known: others
    ) { spell(table, idOfByte, others, byteCount) }
  }

  /// - Complexity: Linear in the table and in the bytes of all tokens.
  private static func spell(
    _ table: MergeTableStorage, _ idOfByte: [TokenID], _ others: TokenList, _ byteCount: Int
  ) -> TokenList {
    var parts = [(left: UInt32, right: UInt32)](repeating: (0, 0), count: table.mergeCount)
    table.forEachMerge { rank, left, right, lookup in
      parts[Int(rank)] = (lookup.token(left).rawValue, lookup.token(right).rawValue)
    }
    let limit = byteCount - others.arena.count
    var arena: [UInt8] = []
    arena.reserveCapacity(byteCount)
    var offsets: [UInt32] = [0]
    offsets.reserveCapacity(257 + parts.count + others.ids.count)
    arena += [UInt8](repeating: 0, count: 256)
    for (byte, id) in idOfByte.enumerated() { arena[Int(id.rawValue)] = UInt8(byte) }
    offsets += 1...256
    for part in parts {
      // Both parts are there: their ids are lower.
      for id in [Int(part.left), Int(part.right)] {
        let range = Int(offsets[id])..<Int(offsets[id + 1])
        if arena.count + range.count > limit { break }
        arena += arena[range]
      }
      offsets.append(UInt32(arena.count))
    }
    if arena.count != limit || zip(offsets, offsets.dropFirst()).contains(where: { $0 == $1 }) {
      arena.removeLast(arena.count - 256)
      arena += [UInt8](repeating: 0, count: parts.count)
      offsets = (0...UInt32(arena.count)).map { $0 }
    }
    let end = UInt32(arena.count)
    arena += others.arena
    offsets += others.offsets.dropFirst().map { $0 + end }
    let ids = (0..<UInt32(256 + parts.count)) + others.ids
    guard
      let list = try? TokenList(arena: arena, offsets: offsets, ids: Array(ids), areDistinct: true)
    else { preconditionFailure("tokens that have bytes and ascending ids are refused") }
    return list
  }
}
