/// Finds the longest token that a text begins with: a trie of all tokens as a double array.
///
/// A node's children lie at `base ^ byte`, and no two nodes have the same base, so that the byte alone tells
/// whether a child is the node's own. One unit of eight bytes holds what a step needs: the byte plus one
/// (9 bits), the base of the node (27 bits, 0 if it has no children), its token plus one
/// (28 bits, 0 if it is none). The first two bytes are one step. Immutable once made.
@safe final class TokenTrieStorage: @unchecked Sendable {
  private let startMemory: ZeroedMemory
  private let unitMemory: ZeroedMemory
  /// The tokens of single bytes.
  private let byteMemory: ZeroedMemory
  /// What is known of a node with children, by its base.
  private let familyMemory: ZeroedMemory
  /// The base of the root's children.
  let rootBase: UInt32
  /// The symbols of all tokens in the order of their bytes.
  let sorted: [UInt32]
  /// The place of each symbol in that order.
  let places: [UInt32]

  /// The tokens that are longer than a node and begin with it: neighbours in the order of their bytes.
  struct Family {
    var first: UInt32 = 0
    var count: UInt32 = 0
    /// How many bytes the node stands for.
    var depth: UInt32 = 0
  }

  private static let labelBits: UInt64 = 9
  private static let baseBits: UInt64 = 27

  /// Collects all tokens of a tree that are made, and notes in their nodes which longest token each begins
  /// with.
  ///
  /// - Parameter arena: Where the tokens' bytes lie.
  /// - Returns: nil if there are more nodes than a unit can number.
  /// - Complexity: O(n) in the bytes of all tokens.
  init?(_ tree: inout MergeTree, arena: Span<UInt8>) {
    // Symbols are below 2^21.
    let trie = SortedTrie(&tree, arena)
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
    let familyMemory = ZeroedMemory(
      byteCount: layout.unitCount * MemoryLayout<Family>.stride)
    let families = unsafe familyMemory.base.assumingMemoryBound(to: Family.self)
    // Children are numbered behind their parents; bases are below `unitCount`, and no two nodes have the same.
    var depths = [UInt32](repeating: 0, count: trie.count)
    for node in 0..<trie.count where layout.bases[node] != 0 {
      let below = trie.below[node]
      unsafe families[Int(layout.bases[node])] = Family(
        first: below.lowerBound, count: UInt32(below.count), depth: depths[node])
      var child = trie.firstChild[node]
      while child != 0 {
        depths[Int(child)] = depths[node] + 1
        child = trie.nextSibling[Int(child)]
      }
    }
    var places = [UInt32](repeating: 0, count: tree.nodes.count)
    for (place, symbol) in trie.sorted.enumerated() { places[Int(symbol)] = UInt32(place) }
    rootBase = layout.bases[0]
    sorted = trie.sorted
    self.places = places
    self.familyMemory = familyMemory
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

  /// The child of the node with this base by `byte`: its base, 0 if it has no children, and its token plus one,
  /// 0 if it is none; nil if there is no such child.
  func child(of base: UInt32, _ byte: UInt8) -> (base: UInt32, token: UInt32)? {
    let units = unsafe unitMemory.base.assumingMemoryBound(to: UInt64.self)
    // A base and any byte lie in the same block of 256, which is there as a whole.
    let unit = unsafe units[Int(base) ^ Int(byte)]
    guard unit & (1 << Self.labelBits - 1) == UInt64(byte) + 1 else { return nil }
    return (
      UInt32(truncatingIfNeeded: unit >> Self.labelBits & (1 << Self.baseBits - 1)),
      UInt32(truncatingIfNeeded: unit >> (Self.labelBits + Self.baseBits))
    )
  }

  /// The tokens below the node with this base.
  func family(of base: UInt32) -> Family {
    // Bases that the trie gave are below the number of units.
    unsafe familyMemory.base.assumingMemoryBound(to: Family.self)[Int(base)]
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

    /// The longest token that the bytes from `start` to `end` begin with; there is at least one
    /// byte, and every byte is a token.
    ///
    /// - Parameter seen: Set to how many bytes say so: texts that begin with these begin with the same longest
    ///   token. 0 if the end of the text had a part in it.
    @inline(__always)
    func longestToken(
      _ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, seen: inout Int
    ) -> UInt32 {
      seen = 0
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
      seen = unsafe next < end ? next - start + 1 : 0
      return UInt32(truncatingIfNeeded: token) &- 1
    }
  }
}
