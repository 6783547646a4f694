/// A trie in arrays, made from the sorted tokens of a tree. Node 0 is the root.
struct SortedTrie {
  private(set) var labels: [UInt8] = [0]
  private(set) var firstChild: [UInt32] = [0]
  private(set) var nextSibling: [UInt32] = [0]
  /// The token that ends at each node plus one, or 0.
  private(set) var tokens: [UInt32] = [0]
  /// The symbols of all tokens in the order of their bytes, and which of them are longer than each node and begin
  /// with it.
  private(set) var sorted: [UInt32]
  private(set) var below: [Range<UInt32>] = [0..<0]

  var count: Int { labels.count }

  /// Takes the tokens that are made, and notes in each one's node the longest token that it begins with.
  init(_ tree: inout MergeTree, _ arena: Span<UInt8>) {
    sorted = Self.sorted(tree, arena)
    let expected = sorted.count * 3
    labels.reserveCapacity(expected)
    firstChild.reserveCapacity(expected)
    nextSibling.reserveCapacity(expected)
    tokens.reserveCapacity(expected)
    below.reserveCapacity(expected)
    // The nodes from the root to the token before, and the longest token down to each.
    var path: [UInt32] = [0]
    var longest: [UInt32] = [0]
    var before = 0..<0
    for (place, symbol) in sorted.enumerated() {
      let token = tree.nodes[Int(symbol)].range
      var depth = 0
      let shorter = min(before.count, token.count)
      while depth < shorter, arena[before.lowerBound + depth] == arena[token.lowerBound + depth] {
        depth += 1
      }
      // The child that the path had here is the last one so far.
      var previous = depth + 1 < path.count ? path[depth + 1] : 0
      for node in path[(depth + 1)...] { close(node, at: place) }
      path.removeSubrange((depth + 1)...)
      longest.removeSubrange((depth + 1)...)
      while depth < token.count {
        let node = UInt32(labels.count)
        labels.append(arena[token.lowerBound + depth])
        firstChild.append(0)
        nextSibling.append(0)
        tokens.append(0)
        below.append(UInt32(place)..<UInt32(place))
        if previous == 0 {
          firstChild[Int(path[depth])] = node
        } else {
          nextSibling[Int(previous)] = node
        }
        previous = 0
        path.append(node)
        longest.append(longest[depth])
        depth += 1
      }
      if longest[depth] != 0 { tree.nodes[Int(symbol)].prefix = longest[depth] - 1 }
      let own = Int(path[depth])
      tokens[own] = symbol + 1
      // The token itself is not longer than itself.
      if depth > 0 { below[own] = UInt32(place + 1)..<UInt32(place + 1) }
      longest[depth] = symbol + 1
      before = token
    }
    for node in path { close(node, at: sorted.count) }
  }

  /// Notes which tokens are below a node, once all of them have come.
  private mutating func close(_ node: UInt32, at end: Int) {
    below[Int(node)] = below[Int(node)].lowerBound..<UInt32(end)
  }

  /// Symbols in the order of their tokens' bytes: by the first eight in four passes, by the rest where these
  /// are alike.
  private static func sorted(_ tree: MergeTree, _ arena: Span<UInt8>) -> [UInt32] {
    var entries: [(key: UInt64, symbol: UInt32)] = []
    entries.reserveCapacity(tree.nodes.count)
    for (symbol, node) in tree.nodes.enumerated() where node.order != MergeTree.unmade {
      let range = node.range
      var key: UInt64 = 0
      for offset in 0..<min(8, range.count) {
        key |= UInt64(arena[range.lowerBound + offset]) << UInt64(56 - 8 * offset)
      }
      entries.append((key, UInt32(symbol)))
    }
    var other = entries
    for shift in stride(from: UInt64(0), through: 48, by: 16) {
      var starts = [UInt32](repeating: 0, count: 65_537)
      for entry in entries { starts[Int(entry.key >> shift & 0xFFFF) + 1] += 1 }
      for digit in 1..<65_536 { starts[digit] += starts[digit - 1] }
      for entry in entries {
        let digit = Int(entry.key >> shift & 0xFFFF)
        other[Int(starts[digit])] = entry
        starts[digit] += 1
      }
      swap(&entries, &other)
    }
    var order = entries.map(\.symbol)
    var first = 0
    while first < entries.count {
      var last = first + 1
      while last < entries.count, entries[last].key == entries[first].key { last += 1 }
      // Insertion: there are few, and a span cannot be taken into the closure of a sort.
      for index in first + 1..<max(first + 1, last) {
        var place = index
        while place > first, Self.precedes(order[place], order[place - 1], tree, arena) {
          order.swapAt(place, place - 1)
          place -= 1
        }
      }
      first = last
    }
    return order
  }

  private static func precedes(
    _ one: UInt32, _ other: UInt32, _ tree: MergeTree, _ arena: Span<UInt8>
  ) -> Bool {
    let left = tree.nodes[Int(one)].range
    let right = tree.nodes[Int(other)].range
    for offset in 0..<min(left.count, right.count) {
      let (a, b) = (arena[left.lowerBound + offset], arena[right.lowerBound + offset])
      if a != b { return a < b }
    }
    return left.count < right.count
  }
}

/// Where each node of a trie lies in the double array.
struct DoubleArrayLayout {
  /// The slot of each node; the root has none.
  private(set) var slots: [UInt32]
  /// The base of each node's children, 0 if it has none.
  private(set) var bases: [UInt32]
  private(set) var unitCount = 0

  /// Blocks that are tried before another one is added: nearly full ones are not worth a search.
  private static let openBlocks = 4

  /// nil if there are more slots than a unit can number.
  init?(_ trie: SortedTrie) {
    slots = [UInt32](repeating: 0, count: trie.count)
    bases = slots
    // A bit for each slot, and for each base: 1 if taken. Base 0 means "no children".
    var takenSlots: [SIMD4<UInt64>] = [.zero]
    var takenBases: [SIMD4<UInt64>] = [SIMD4(1, 0, 0, 0)]
    var children: [UInt8] = []
    for node in 0..<trie.count {
      var child = trie.firstChild[node]
      if child == 0 { continue }
      children.removeAll(keepingCapacity: true)
      while child != 0 {
        children.append(trie.labels[Int(child)])
        child = trie.nextSibling[Int(child)]
      }
      var block = max(0, takenSlots.count - Self.openBlocks)
      var found: Int?
      while found == nil {
        if block == takenSlots.count {
          takenSlots.append(.zero)
          takenBases.append(.zero)
        }
        found = Self.base(for: children, takenSlots[block], takenBases[block])
        if found == nil { block += 1 }
      }
      guard let low = found, block < 1 << 19 else { return nil }
      bases[node] = UInt32(block << 8 | low)
      takenBases[block][low >> 6] |= 1 << UInt64(low & 63)
      child = trie.firstChild[node]
      while child != 0 {
        let slot = low ^ Int(trie.labels[Int(child)])
        takenSlots[block][slot >> 6] |= 1 << UInt64(slot & 63)
        slots[Int(child)] = UInt32(block << 8 | slot)
        child = trie.nextSibling[Int(child)]
      }
    }
    unitCount = takenSlots.count << 8
  }

  /// A free base of a block from which all children's slots are free.
  private static func base(
    for children: [UInt8], _ takenSlots: SIMD4<UInt64>, _ takenBases: SIMD4<UInt64>
  ) -> Int? {
    func isTaken(_ bits: SIMD4<UInt64>, _ index: Int) -> Bool {
      bits[index >> 6] >> UInt64(index & 63) & 1 != 0
    }
    let first = Int(children[0])
    // Over the free slots for the first child, each of which gives a base.
    for word in 0..<4 {
      var free = ~takenSlots[word]
      while free != 0 {
        let base = (word << 6 | free.trailingZeroBitCount) ^ first
        free &= free - 1
        if isTaken(takenBases, base) { continue }
        if children.allSatisfy({ !isTaken(takenSlots, base ^ Int($0)) }) { return base }
      }
    }
    return nil
  }
}
