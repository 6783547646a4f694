/// Merges the bytes of one token by the rank of joined bytes, up to the last merge.
struct RankedParts {
  /// Where each part begins, and the end of the last.
  private var bounds: [Int] = []
  /// Rank of the pair that begins at each part.
  private var ranks: [UInt32] = []

  /// The two parts that are left before the last merge; nothing if merging gets stuck before.
  mutating func lastMerge(
    of token: Range<Int>, in vocabulary: Vocabulary, except special: Set<TokenID>
  ) -> (TokenID, TokenID)? {
    let arena = vocabulary.arena.span
    func rank(_ range: Range<Int>) -> UInt32 {
      guard let id = vocabulary.id(of: arena.extracting(range)), !special.contains(id) else {
        return .max
      }
      return id.rawValue
    }
    bounds.removeAll(keepingCapacity: true)
    ranks.removeAll(keepingCapacity: true)
    for bound in token.lowerBound...token.upperBound { bounds.append(bound) }
    for part in 0..<max(0, bounds.count - 2) { ranks.append(rank(bounds[part]..<bounds[part + 2])) }
    while bounds.count > 3 {
      var best = 0
      for part in ranks.indices where ranks[part] < ranks[best] { best = part }
      if ranks[best] == .max { return nil }
      bounds.remove(at: best + 1)
      ranks.remove(at: best)
      if best < ranks.count { ranks[best] = rank(bounds[best]..<bounds[best + 2]) }
      if best > 0 { ranks[best - 1] = rank(bounds[best - 1]..<bounds[best + 1]) }
    }
    return (
      TokenID(rank(bounds[0]..<bounds[1])), TokenID(rank(bounds[1]..<bounds[2]))
    )
  }
}
