/// How merging makes each token, for models in which that is a tree: every token is made by one merge, of
/// parts that are bytes or made by merges of lower rank.
///
/// # What follows from it
///
/// Write *T(s)* for what merging makes of bytes *s*. Joining the leftmost pair of the lowest rank again and
/// again is then the same as going through the ranks once, in order, and joining all pairs of each rank
/// from left to right: a merge makes a token that only merges of higher rank take further, so that no pair
/// of a rank that is done with comes back. From that:
///
/// 1. *A boundary that no merge crosses cuts the text.* If *T(xy)* has a boundary between *x* and *y*, it is
///    *T(x)* followed by *T(y)*: at each rank the left-to-right walk does in *x* what it does there alone,
///    and enters *y* with no byte of it taken.
/// 2. *Neighbours decide.* Let *t₁ … tₙ* be tokens with *T(tᵢ) = tᵢ* each (bytes of a token written as the
///    token) and *T(tᵢtᵢ₊₁) = tᵢtᵢ₊₁* for all neighbours. Then *T(t₁…tₙ) = t₁…tₙ*. For assume that up to some
///    rank no merge has crossed any boundary; then each stretch *tᵢ* is in the state in which it is when it
///    is merged alone, and also when it is merged with its neighbour only. At the next rank the walk enters
///    *t₁* afresh. What it does in *tᵢ*, entered afresh, and whether it joins the last part of *tᵢ* with the
///    first of *tᵢ₊₁*, depends on these two stretches alone: it does what it does in *tᵢtᵢ₊₁* merged by
///    itself, and there it never crosses. So it enters *tᵢ₊₁* afresh too.
/// 3. By 1, *T(s)* has the property that 2 asks for, in all its neighbours. So *T(s)* is the only sequence
///    of tokens, each merged to itself, that spells *s* and whose neighbours all stand when merged alone.
///
/// # When two neighbours stand
///
/// Merged alone, *l* and *r* stay side by side unless some merge crosses. While nothing has crossed, the
/// part left of the boundary is some token on the right edge of *l*'s tree, and the part right of it one on
/// the left edge of *r*'s. Part *x* with the rank *R(x)* (of the merge that makes it; bytes are there from
/// the beginning) is there when the walk of rank *k* reaches the boundary if *R(x) ≤ k* and its parent's rank
/// is above *k*: the walk has passed over *l* already. Part *y* is there if *R(y) < k* and its parent's rank
/// is at least *k*: the walk is yet to come to *r*. So a merge of *x* and *y* crosses if its rank *m* is
/// below the rank of *x*'s parent and at most that of *y*'s; above *R(x)* and *R(y)* it is anyway. Those
/// pairs that are there at the same time are met by undoing the merges of both sides from the last one back,
/// which is what `isBoundary` does: the right side's merge of rank *k* counts as if it came at *k + ½*.
struct MergeTree: Sendable {
  /// A token that takes part in merges; tokens are numbered as in `MergeTableStorage`.
  struct Node {
    /// Rank of the merge that makes it plus one; 0 for single bytes; `unmade` if merging its own bytes does
    /// not make it.
    var order: UInt32 = MergeTree.unmade
    /// The symbols of its parts.
    var left: UInt32 = 0
    var right: UInt32 = 0
    /// Where its bytes lie in the vocabulary's arena.
    var start: UInt32 = 0
    var length: UInt32 = 0
    /// The longest token that this one begins with; `none` for single bytes.
    var prefix: UInt32 = MergeTree.none

    var range: Range<Int> { Int(start)..<Int(start + length) }
  }

  static let unmade = UInt32.max
  static let none = UInt32.max

  /// One for each symbol.
  var nodes: [Node]
  /// The pairs that merges join.
  let filter: MergeFilter

  /// The tree of a model; nil if merging does not make its tokens in this orderly way.
  ///
  /// - Complexity: O(n) in the size of the vocabulary.
  init?(_ vocabulary: Vocabulary, _ merges: [BPEModel.Merge], _ mergeTable: MergeTableStorage) {
    var nodes = [Node](repeating: Node(), count: mergeTable.symbolCount)
    let filter = MergeFilter(pairCount: merges.count)
    let isTree = mergeTable.withLookup { lookup in
      Self.fill(&nodes, vocabulary, merges, lookup, filter)
    }
    guard isTree else { return nil }
    self.nodes = nodes
    self.filter = filter
  }

  private static func fill(
    _ nodes: inout [Node], _ vocabulary: Vocabulary, _ merges: [BPEModel.Merge],
    _ lookup: MergeTableStorage.Lookup, _ filter: MergeFilter
  ) -> Bool {
    let tokens = vocabulary.tokens
    var symbols = [UInt32](repeating: none, count: vocabulary.count)
    for symbol in nodes.indices {
      guard let position = tokens.position(of: lookup.token(UInt32(symbol))) else {
        return false
      }
      symbols[position] = UInt32(symbol)
      nodes[symbol].start = tokens.offsets[position]
      nodes[symbol].length = tokens.offsets[position + 1] - tokens.offsets[position]
      // Symbols below 256 are the bytes.
      if symbol < 256 { nodes[symbol].order = 0 }
    }
    func symbol(_ id: TokenID) -> Int? {
      tokens.position(of: id).map { Int(symbols[$0]) }
    }
    // First whether there is a tree at all: every part is made before it is used, and once.
    for (rank, merge) in merges.enumerated() {
      guard let left = symbol(merge.left), let right = symbol(merge.right),
        let merged = symbol(merge.merged), nodes[left].order != unmade,
        nodes[right].order != unmade, nodes[merged].order == unmade
      else { return false }
      filter.insert(UInt32(left), UInt32(right))
      nodes[merged].order = UInt32(rank) + 1
      nodes[merged].left = UInt32(left)
      nodes[merged].right = UInt32(right)
    }
    // Then which tokens merging reaches: their parts are, and stand side by side until the last merge.
    return unsafe nodes.withUnsafeMutableBufferPointer { nodes in
      guard let base = nodes.baseAddress else { return false }
      for rank in merges.indices {
        // Symbols, of which each has its node.
        let node = unsafe base + Int(lookup.merged(UInt32(rank)))
        let (left, right) = unsafe (node.pointee.left, node.pointee.right)
        let isReached =
          unsafe base[Int(left)].order != unmade && base[Int(right)].order != unmade
          && isBoundary(left, right, before: UInt32(rank), base, lookup, filter.lookup)
        if !isReached { unsafe node.pointee.order = unmade }
      }
      return true
    }
  }

  /// Whether two tokens, each of which merging its own bytes makes, stay side by side when they are merged
  /// together by the merges of a rank below `limit`, which is at most `MergeTableStorage.noRank`.
  ///
  /// - Parameters:
  ///   - nodes: The nodes of all symbols.
  ///   - filter: Of the pairs that merges join.
  @inline(__always)
  static func isBoundary(
    _ left: UInt32, _ right: UInt32, before limit: UInt32, _ nodes: UnsafePointer<Node>,
    _ lookup: MergeTableStorage.Lookup, _ filter: MergeFilter.Lookup
  ) -> Bool {
    var (left, right, limit) = (left, right, limit)
    // In bounds: symbols; the parts of a token that is made are such.
    var leftOrder = unsafe nodes[Int(left)].order
    var rightOrder = unsafe nodes[Int(right)].order
    while true {
      if filter.mayHold(left, right), lookup.rank(left, right) < limit { return false }
      if leftOrder > rightOrder {
        // An order is a rank plus one.
        limit = leftOrder &- 1
        left = unsafe nodes[Int(left)].right
        leftOrder = unsafe nodes[Int(left)].order
      } else if rightOrder > 0 {
        // Of equal ranks the leftmost goes first: the pair across the boundary before the one right of it.
        limit = rightOrder
        right = unsafe nodes[Int(right)].left
        rightOrder = unsafe nodes[Int(right)].order
      } else {
        return true
      }
    }
  }
}
