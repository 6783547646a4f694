/// Merges short pre-tokens without the table of merges: each pair's joined bytes are looked up among the
/// tokens. Slower than the table, which takes longer to make than some thousand look-ups.
///
/// It gives the ids that the table gives. Where merges are known, a pair has the rank of the merge that
/// makes the token of its joined bytes if that merge is of this pair, and none otherwise; no other merge
/// could be of this pair, since a merge's token has the bytes of both parts and no two tokens have the same.
///
/// In a rank table (OpenAI's tiktoken) any pair whose joined bytes are a token may merge, lowest rank first,
/// leftmost of equals; the table knows one pair for each token, the two parts that are left before the last
/// merge of the token's own bytes (`TiktokenFile.merges`). Suppose that up to some step both have made the same
/// merges, and that here a pair comes next, making *t*. All merges made so far between *t*'s ends have stayed
/// between them, and were each the lowest and leftmost there: they are the merges of *t*'s own bytes. So the
/// pair is the one that the table knows for *t*. Each pair that the table knows is one here, of the same
/// rank, so none that is lower comes before it there either. And where nothing merges here, nothing does
/// there.
struct LookupMerger {
  /// Longest pre-token, in bytes: steps grow with the square of the length.
  static let longest = 256
  private static let noRank = UInt32.max

  private let tokens: TokenList
  private let order: BPEMerges.Order
  /// Where each part begins, and the end of the last.
  private var bounds: [Int] = []
  /// Position of each part in the vocabulary.
  private var parts: [Int] = []
  /// Rank of the pair that each part but the last begins, and the position of the token it would become.
  private var pairs: [(rank: UInt32, joined: Int)] = []

  init(_ vocabulary: Vocabulary, _ order: BPEMerges.Order) {
    tokens = vocabulary.tokens
    self.order = order
  }

  /// Merges one pre-token of at most `longest` bytes, and calls `body` with each of its ids.
  mutating func merge(_ bytes: Span<UInt8>, _ body: (TokenID) -> Void) {
    precondition(bytes.count <= Self.longest)
    if bytes.isEmpty { return }
    bounds.removeAll(keepingCapacity: true)
    parts.removeAll(keepingCapacity: true)
    pairs.removeAll(keepingCapacity: true)
    for start in bytes.indices {
      guard let position = tokens.position(of: bytes.extracting(start..<start + 1)) else {
        preconditionFailure("a model has a token for each byte")
      }
      bounds.append(start)
      parts.append(position)
    }
    bounds.append(bytes.count)
    for part in 0..<parts.count - 1 { pairs.append(pair(at: part, bytes)) }
    while !pairs.isEmpty {
      var best = 0
      for index in pairs.indices where pairs[index].rank < pairs[best].rank { best = index }
      if pairs[best].rank == Self.noRank { break }
      parts[best] = pairs[best].joined
      parts.remove(at: best + 1)
      bounds.remove(at: best + 1)
      pairs.remove(at: best)
      if best > 0 { pairs[best - 1] = pair(at: best - 1, bytes) }
      if best < pairs.count { pairs[best] = pair(at: best, bytes) }
    }
    for part in parts { body(TokenID(tokens.ids[part])) }
  }

  /// The pair that a part begins.
  private func pair(at part: Int, _ bytes: Span<UInt8>) -> (rank: UInt32, joined: Int) {
    let none = (rank: Self.noRank, joined: 0)
    guard let joined = tokens.position(of: bytes.extracting(bounds[part]..<bounds[part + 2]))
    else { return none }
    let id = TokenID(tokens.ids[joined])
    switch order {
    case .positions(let special):
      return special.contains(id) ? none : (UInt32(joined), joined)
    case .merges(let merges):
      // Ids of the tokens made ascend.
      var low = 0
      var high = merges.count
      while low < high {
        let middle = (low + high) / 2
        if merges[middle].merged < id { low = middle + 1 } else { high = middle }
      }
      guard low < merges.count, merges[low].merged == id,
        merges[low].left == TokenID(tokens.ids[parts[part]]),
        merges[low].right == TokenID(tokens.ids[parts[part + 1]])
      else { return none }
      return (UInt32(low), joined)
    }
  }
}
