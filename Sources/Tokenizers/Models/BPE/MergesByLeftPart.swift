/// The merges of each left part, and which tokens begin with what such a merge takes away from them.
///
/// Call a token's left part, that one's left part and so on its *left edge*. A merge *m* of *x* and *y* crosses a boundary
/// before a token if *y* is on its left edge and the merge that makes the parent of *y* there has the rank of *m* or
/// a higher one (`MergeTree`, "When two neighbours stand"). Tokens are numbered so that those with *y* on their left
/// edge follow *y* itself, by the rank of the parent: then the tokens that *m* takes something from are *y* and
/// one stretch of numbers.
struct MergesByLeftPart: Sendable {
  private struct Merge {
    var rank: UInt32
    var right: UInt32
    /// The number of the token that it makes, or where it would be if merging does not make it.
    var number: UInt32
  }

  /// The merges of one left part after the other, each in ascending order, and where those of each symbol begin.
  private let merges: [Merge]
  private let starts: [UInt32]
  /// The number of each symbol and the end of the stretch of those which have it on their left edge.
  private let stretches: [Range<UInt32>]
  /// The place of each number's token in the order of bytes.
  private let places: [UInt32]

  /// - Complexity: O(n) in the size of the vocabulary.
  init(_ tree: MergeTree, _ mergeTable: MergeTableStorage, _ trie: TokenTrieStorage) {
    let symbolCount = tree.nodes.count
    // The node of the token that a merge makes knows its parts, reached or not.
    let made = mergeTable.withLookup { lookup in
      (0..<UInt32(mergeTable.mergeCount)).map { Int(lookup.merged($0)) }
    }
    var starts = [UInt32](repeating: 0, count: symbolCount + 1)
    var sizes = [UInt32](repeating: 1, count: symbolCount)
    for symbol in made.reversed() {
      let node = tree.nodes[symbol]
      starts[Int(node.left) + 1] += 1
      // Parts of a token that merging makes are made before it.
      if node.order != MergeTree.unmade { sizes[Int(node.left)] += sizes[symbol] }
    }
    for symbol in 0..<symbolCount { starts[symbol + 1] += starts[symbol] }

    var stretches = [Range<UInt32>](repeating: 0..<0, count: symbolCount)
    var places = [UInt32](repeating: 0, count: symbolCount)
    // Where the next token goes that has a symbol for its left part.
    var next = [UInt32](repeating: 0, count: symbolCount)
    func place(_ symbol: Int, at number: UInt32) {
      stretches[symbol] = number..<number + sizes[symbol]
      places[Int(number)] = trie.places[symbol]
      next[symbol] = number + 1
    }
    var number: UInt32 = 0
    for symbol in 0..<symbolCount where tree.nodes[symbol].order == 0 {
      place(symbol, at: number)
      number += sizes[symbol]
    }
    var ends = starts
    var merges = [Merge](
      repeating: Merge(rank: 0, right: 0, number: 0), count: made.count)
    for (rank, symbol) in made.enumerated() {
      let node = tree.nodes[symbol]
      let left = Int(node.left)
      merges[Int(ends[left])] = Merge(rank: UInt32(rank), right: node.right, number: next[left])
      ends[left] += 1
      if node.order != MergeTree.unmade {
        place(symbol, at: next[left])
        next[left] += sizes[symbol]
      }
    }
    self.merges = merges
    self.starts = starts
    self.stretches = stretches
    self.places = places
  }

  /// How many merges of a rank below `limit` have this left part.
  func count(of part: UInt32, below limit: UInt32) -> Int {
    first(of: part, from: limit) - Int(starts[Int(part)])
  }

  /// The first merge of a left part with a rank of at least `limit`, or the end of its merges.
  private func first(of part: UInt32, from limit: UInt32) -> Int {
    var low = Int(starts[Int(part)])
    var high = Int(starts[Int(part) + 1])
    while low < high {
      let middle = (low + high) / 2
      if merges[middle].rank < limit { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Sets the bit of each token, by its place in the order of bytes, from which a merge of `part` with a rank below `limit`
  /// takes something away where the token stands behind the part.
  ///
  /// - Parameter bits: At least one for each place.
  func mark(
    takenBy part: UInt32, below limit: UInt32, in bits: inout MutableSpan<UInt64>
  ) {
    for index in Int(starts[Int(part)])..<first(of: part, from: limit) {
      let merge = merges[index]
      let stretch = stretches[Int(merge.right)]
      // Merging does not make it, so that no other token has it for a part.
      if stretch.isEmpty { continue }
      let parent = first(of: merge.right, from: merge.rank)
      let isLast = parent == Int(starts[Int(merge.right) + 1])
      set(stretch.lowerBound, &bits)
      for number in (isLast ? stretch.upperBound : merges[parent].number)..<stretch.upperBound {
        set(number, &bits)
      }
    }
  }

  @inline(__always)
  private func set(_ number: UInt32, _ bits: inout MutableSpan<UInt64>) {
    let place = places[Int(number)]
    bits[Int(place >> 6)] |= 1 << UInt64(place & 63)
  }
}
