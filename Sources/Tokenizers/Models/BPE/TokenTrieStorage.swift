/// Finds the longest token that a text begins with: a trie of all tokens as a double array.
///
/// A node's children lie at `base ^ byte`, and no two nodes have the same base, so that the byte alone tells
/// whether a child is the node's own. One unit of eight bytes holds what a step needs: the byte plus one
/// (9 bits), the base of the node (27 bits, 0 if it has no children), the position of its token plus one
/// (28 bits, 0 if it is none). The first two bytes are one step. Immutable once made.
@safe final class TokenTrieStorage: @unchecked Sendable {
  private let startMemory: ZeroedMemory
  private let unitMemory: ZeroedMemory
  /// Positions of the tokens of single bytes.
  private let byteMemory: ZeroedMemory

  private static let labelBits: UInt64 = 9
  private static let baseBits: UInt64 = 27

  /// Collects tokens, and gives `prefixes` the longest other token that each begins with.
  ///
  /// - Parameters:
  ///   - tokens: Positions of the vocabulary, all single bytes among them.
  ///   - prefixes: An element for each position of the vocabulary; that of a single byte is left alone.
  /// - Returns: nil if there are more tokens or nodes than a unit can number.
  /// - Complexity: O(n) in the bytes of all tokens.
  init?(_ vocabulary: Vocabulary, tokens: [UInt32], prefixes: (_ token: UInt32, UInt32) -> Void) {
    guard vocabulary.count < 1 << 27 else { return nil }
    let trie = SortedTrie(vocabulary, tokens, prefixes)
    guard let layout = DoubleArrayLayout(trie) else { return nil }
    let startMemory = ZeroedMemory(byteCount: 65_536 * 8)
    let unitMemory = ZeroedMemory(byteCount: layout.unitCount * 8)
    let byteMemory = ZeroedMemory(byteCount: 256 * 4)
    let starts = unsafe startMemory.base.assumingMemoryBound(to: UInt64.self)
    let units = unsafe unitMemory.base.assumingMemoryBound(to: UInt64.self)
    let bytes = unsafe byteMemory.base.assumingMemoryBound(to: UInt32.self)
    // Every node lies where the layout has put it, below `unitCount`; bytes and pairs of bytes number the
    // other two tables.
    for node in 1..<trie.count {
      let unit = Self.unit(
        label: trie.labels[node], base: layout.bases[node], token: trie.tokens[node])
      unsafe units[Int(layout.slots[node])] = unit
    }
    var first = trie.firstChild[0]
    while first != 0 {
      let node = Int(first)
      let byte = Int(trie.labels[node])
      unsafe bytes[byte] = trie.tokens[node] &- 1
      // What two bytes lead to if there is no such node: the token of the first.
      let alone = Self.unit(label: 0, base: 0, token: trie.tokens[node])
      for second in 0..<256 { unsafe starts[byte | second << 8] = alone }
      var child = trie.firstChild[node]
      while child != 0 {
        let index = Int(child)
        let token = trie.tokens[index] == 0 ? trie.tokens[node] : trie.tokens[index]
        unsafe starts[byte | Int(trie.labels[index]) << 8] = Self.unit(
          label: 0, base: layout.bases[index], token: token)
        child = trie.nextSibling[index]
      }
      first = trie.nextSibling[node]
    }
    self.startMemory = startMemory
    self.unitMemory = unitMemory
    self.byteMemory = byteMemory
  }

  private static func unit(label: UInt8, base: UInt32, token: UInt32) -> UInt64 {
    UInt64(label) + 1 | UInt64(base) << labelBits | UInt64(token) << (labelBits + baseBits)
  }

  var lookup: Lookup {
    unsafe Lookup(
      starts: startMemory.base.assumingMemoryBound(to: UInt64.self),
      units: unitMemory.base.assumingMemoryBound(to: UInt64.self),
      bytes: byteMemory.base.assumingMemoryBound(to: UInt32.self))
  }

  /// The tables' addresses for a hot loop. Valid while the `TokenTrieStorage` lives.
  @safe struct Lookup {
    private let starts: UnsafePointer<UInt64>
    private let units: UnsafePointer<UInt64>
    private let bytes: UnsafePointer<UInt32>

    fileprivate init(
      starts: UnsafePointer<UInt64>, units: UnsafePointer<UInt64>, bytes: UnsafePointer<UInt32>
    ) {
      unsafe self.starts = unsafe starts
      unsafe self.units = unsafe units
      unsafe self.bytes = unsafe bytes
    }

    /// Position of the longest token that the bytes from `start` to `end` begin with; there is at least one
    /// byte, and every byte is a token.
    @inline(__always)
    func longestToken(_ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> UInt32 {
      var next = unsafe start + 1
      // Bytes are read below `end` only. Bases lead to units: a base and any byte lie in the same block of
      // 256, which is there as a whole.
      if unsafe next == end { return unsafe bytes[Int(start.pointee)] }
      var unit = unsafe starts[Int(start.pointee) | Int(next.pointee) << 8]
      var token = unit &>> (labelBits &+ baseBits)
      unsafe next += 1
      while unsafe next < end {
        let base = unit &>> labelBits & (1 &<< baseBits &- 1)
        if base == 0 { break }
        let byte = UInt64(unsafe next.pointee)
        unit = unsafe units[Int(truncatingIfNeeded: base ^ byte)]
        if unit & (1 &<< labelBits &- 1) != byte &+ 1 { break }
        let found = unit &>> (labelBits &+ baseBits)
        if found != 0 { token = found }
        unsafe next += 1
      }
      return UInt32(truncatingIfNeeded: token) &- 1
    }
  }
}

/// A trie in arrays, made from sorted tokens. Node 0 is the root.
private struct SortedTrie {
  private(set) var labels: [UInt8] = [0]
  private(set) var firstChild: [UInt32] = [0]
  private(set) var nextSibling: [UInt32] = [0]
  /// Position of the token that ends at each node plus one, or 0.
  private(set) var tokens: [UInt32] = [0]

  var count: Int { labels.count }

  init(_ vocabulary: Vocabulary, _ positions: [UInt32], _ prefixes: (UInt32, UInt32) -> Void) {
    let sorted = Self.sorted(vocabulary, positions)
    let arena = vocabulary.arena.span
    let offsets = vocabulary.offsets.span
    let expected = positions.count * 3
    labels.reserveCapacity(expected)
    firstChild.reserveCapacity(expected)
    nextSibling.reserveCapacity(expected)
    tokens.reserveCapacity(expected)
    // The nodes from the root to the token before, and the longest token down to each.
    var path: [UInt32] = [0]
    var longest: [UInt32] = [0]
    var before = 0..<0
    for position in sorted {
      let token = Int(offsets[Int(position)])..<Int(offsets[Int(position) + 1])
      var depth = 0
      let shorter = min(before.count, token.count)
      while depth < shorter, arena[before.lowerBound + depth] == arena[token.lowerBound + depth] {
        depth += 1
      }
      // The child that the path had here is the last one so far.
      var previous = depth + 1 < path.count ? path[depth + 1] : 0
      path.removeSubrange((depth + 1)...)
      longest.removeSubrange((depth + 1)...)
      while depth < token.count {
        let node = UInt32(labels.count)
        labels.append(arena[token.lowerBound + depth])
        firstChild.append(0)
        nextSibling.append(0)
        tokens.append(0)
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
      if longest[depth] != 0 { prefixes(position, longest[depth] - 1) }
      tokens[Int(path[depth])] = position + 1
      longest[depth] = position + 1
      before = token
    }
  }

  /// Positions in the order of the tokens' bytes: by the first eight in four passes, by the rest where these
  /// are alike.
  private static func sorted(_ vocabulary: Vocabulary, _ positions: [UInt32]) -> [UInt32] {
    let arena = vocabulary.arena.span
    let offsets = vocabulary.offsets.span
    var entries: [(key: UInt64, position: UInt32)] = []
    entries.reserveCapacity(positions.count)
    for position in positions {
      let start = Int(offsets[Int(position)])
      let length = Int(offsets[Int(position) + 1]) - start
      var key: UInt64 = 0
      for offset in 0..<min(8, length) {
        key |= UInt64(arena[start + offset]) << UInt64(56 - 8 * offset)
      }
      entries.append((key, position))
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
    var order = entries.map(\.position)
    var first = 0
    while first < entries.count {
      var last = first + 1
      while last < entries.count, entries[last].key == entries[first].key { last += 1 }
      if last - first > 1 {
        order[first..<last].sort { one, other in
          let left = Int(offsets[Int(one)])..<Int(offsets[Int(one) + 1])
          let right = Int(offsets[Int(other)])..<Int(offsets[Int(other) + 1])
          return vocabulary.arena[left].lexicographicallyPrecedes(vocabulary.arena[right])
        }
      }
      first = last
    }
    return order
  }
}

/// Where each node of a trie lies in the double array.
private struct DoubleArrayLayout {
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
