/// Tells which tokens are alike as left neighbours: beside every token they stand or do not stand together.
///
/// Of the parts on a token's right edge each merges, with what comes behind it, by the merges of a rank below
/// that of the merge which makes its parent (`MergeTree`, "When two neighbours stand"). So the parts, each with
/// the number of its merges below that rank, say all about the token, and tokens that have them in common are of
/// one class. Most tokens are the left part of no merge, and end as many others do: GPT-2's 50,256 are of 14,639
/// classes.
struct MergeClasses {
  /// What stands before the beginning of a text: everything may stand beside it.
  static let start: UInt32 = 0

  private let tables: LongMergeTables.Tables
  private let mergeTable: MergeTableStorage
  /// The class of each symbol, 0 if it is not known yet.
  private var classes: [UInt32]
  /// A token of each class.
  private var examples: [UInt32] = [MergeTree.none]
  private var known: [[UInt32]: UInt32] = [:]

  init(_ tables: LongMergeTables.Tables, _ mergeTable: MergeTableStorage) {
    self.tables = tables
    self.mergeTable = mergeTable
    classes = [UInt32](repeating: 0, count: tables.tree.nodes.count)
  }

  /// The class of a token that merging its own bytes makes.
  mutating func of(_ token: UInt32) -> UInt32 {
    if classes[Int(token)] != 0 { return classes[Int(token)] }
    let nodes = tables.tree.nodes
    var signature: [UInt32] = []
    var part = token
    var limit = UInt32.max
    while true {
      let count = tables.merges.count(of: part, below: limit)
      if count > 0 { signature += [part, count] }
      let node = nodes[Int(part)]
      if node.order == 0 { break }
      // An order is a rank plus one.
      limit = node.order - 1
      part = node.right
    }
    let found = known[signature] ?? UInt32(examples.count)
    if Int(found) == examples.count {
      known[signature] = found
      examples.append(token)
    }
    classes[Int(token)] = found
    return found
  }

  /// Whether tokens of a class stay side by side with `token` when they are merged together.
  func mayStand(_ leftClass: UInt32, _ token: UInt32) -> Bool {
    if leftClass == Self.start { return true }
    let left = examples[Int(leftClass)]
    return mergeTable.withLookup { lookup in
      unsafe tables.tree.nodes.withUnsafeBufferPointer { nodes in
        guard let base = nodes.baseAddress else { return true }
        // Both are symbols, of which each has its node.
        return unsafe MergeTree.isBoundary(
          left, token, before: MergeTableStorage.noRank, base, lookup)
      }
    }
  }
}

/// The ranks of the merges of each left part.
struct MergesByLeftPart: Sendable {
  /// The ranks of one left part after the other, each in ascending order, and where those of each symbol begin.
  private let ranks: [UInt32]
  private let starts: [UInt32]

  init(_ tree: MergeTree, _ mergeTable: MergeTableStorage) {
    // The node of the token that a merge makes knows its parts, reached or not.
    let leftParts = mergeTable.withLookup { lookup in
      (0..<UInt32(mergeTable.mergeCount)).map { tree.nodes[Int(lookup.merged($0))].left }
    }
    var starts = [UInt32](repeating: 0, count: tree.nodes.count + 1)
    for left in leftParts { starts[Int(left) + 1] += 1 }
    for symbol in tree.nodes.indices { starts[symbol + 1] += starts[symbol] }
    var next = starts
    var ranks = [UInt32](repeating: 0, count: leftParts.count)
    for (rank, left) in leftParts.enumerated() {
      ranks[Int(next[Int(left)])] = UInt32(rank)
      next[Int(left)] += 1
    }
    self.ranks = ranks
    self.starts = starts
  }

  /// How many merges of a rank below `limit` have this left part.
  func count(of part: UInt32, below limit: UInt32) -> UInt32 {
    var low = starts[Int(part)]
    var high = starts[Int(part) + 1]
    while low < high {
      let middle = (low + high) / 2
      if ranks[Int(middle)] < limit { low = middle + 1 } else { high = middle }
    }
    return low - starts[Int(part)]
  }
}
