internal import Synchronization

/// What a model keeps for merging long pre-tokens, made when the first one comes.
final class LongMergeTables: Sendable {
  /// Bytes merged by the heap before the tables are made: making them costs about as much.
  private static let patience = 1 << 15

  private enum State {
    case waiting(bytes: Int)
    case made(Tables?)
  }

  /// The merges as a tree, and its tokens as a trie.
  final class Tables: Sendable {
    let tree: MergeTree
    let trie: TokenTrieStorage

    /// nil for a model that does not merge in an orderly way.
    init?(_ model: BPEModel) {
      guard var tree = MergeTree(model.vocabulary, model.merges, model.mergeTable),
        let trie = TokenTrieStorage(&tree, arena: model.vocabulary.arena.span)
      else { return nil }
      self.tree = tree
      self.trie = trie
    }
  }

  private let state = Mutex<State>(.waiting(bytes: 0))

  /// Makes the tables now, if they are not there.
  func prepare(_ model: BPEModel) { _ = tables(for: Self.patience, model) }

  /// The tables, for a pre-token of `count` bytes; nil where they are not worth making yet, and for models
  /// that do not merge in an orderly way.
  func tables(for count: Int, _ model: BPEModel) -> (tables: Tables?, isFinal: Bool) {
    state.withLock { state in
      switch state {
      case .made(let tables): return (tables, true)
      case .waiting(let bytes) where bytes + count < Self.patience:
        state = .waiting(bytes: bytes + count)
        return (nil, false)
      case .waiting:
        let tables = Tables(model)
        state = .made(tables)
        return (tables, true)
      }
    }
  }
}

/// Merges long pre-tokens in linear time, near enough: takes the longest token that the rest begins with if
/// it may stand beside the one before, else the next shorter one, and goes back a token where none may.
///
/// What comes out is the only sequence of tokens in which all neighbours may stand side by side, which is
/// what merging makes (`MergeTree`). A search would find it in any order; the longest token is nearly always
/// the right one. The tokens before a position are the only ones with which merging ends there, by the same
/// token: so where no token goes on from a position, none ever does, and it is not entered again. Each
/// position is thus left once at most, and tries at most as many tokens as begin there.
///
/// The idea of walking back over compatible tokens is that of the `bpe` crate of GitHub's rust-gems.
struct BacktrackingMerger: ~Copyable {
  private let tables: LongMergeTables.Tables
  private let mergeTable: MergeTableStorage
  /// Whether two tokens may stand side by side, of pairs met lately: both symbols and the answer in one
  /// word, 0 where empty.
  private let memory: ZeroedMemory
  private static let memoBits: UInt64 = 15

  init(_ tables: LongMergeTables.Tables, _ mergeTable: MergeTableStorage) {
    self.tables = tables
    self.mergeTable = mergeTable
    memory = ZeroedMemory(byteCount: 8 << Self.memoBits)
  }

  /// Appends the ids of one pre-token to `output`.
  ///
  /// - Complexity: O(n) for tokens of bounded length.
  func merge(_ bytes: Span<UInt8>, into output: inout [TokenID]) {
    let count = bytes.count
    if count == 0 { return }
    let before = output.count
    // Where no token goes on.
    let deadMemory = ZeroedMemory(byteCount: count / 8 + 8)
    // The tables live as long as `self`; symbols and positions of bytes are in bounds of each.
    unsafe tables.tree.nodes.withUnsafeBufferPointer { nodes in
      unsafe bytes.withUnsafeBufferPointer { bytes in
        guard let nodes = nodes.baseAddress, let start = bytes.baseAddress else { return }
        mergeTable.withLookup { lookup in
          let walk = unsafe Walk(
            nodes: nodes, trie: tables.trie.lookup, lookup: lookup,
            memo: memory.base.assumingMemoryBound(to: UInt64.self),
            dead: deadMemory.base.assumingMemoryBound(to: UInt64.self))
          unsafe walk.run(start, count, into: &output, from: before)
          for index in before..<output.count {
            output[index] = lookup.token(output[index].rawValue)
          }
        }
      }
    }
  }

  /// The tables' addresses.
  @unsafe private struct Walk {
    let nodes: UnsafePointer<MergeTree.Node>
    let trie: TokenTrieStorage.Lookup
    let lookup: MergeTableStorage.Lookup
    let memo: UnsafeMutablePointer<UInt64>
    /// A bit for each position.
    let dead: UnsafeMutablePointer<UInt64>

    /// Appends the symbols of the tokens of `count` bytes.
    func run(
      _ start: UnsafePointer<UInt8>, _ count: Int, into output: inout [TokenID], from before: Int
    ) {
      let end = unsafe start + count
      var position = 0
      var last = MergeTree.none
      // The longest token that was found last, where, and how many bytes say that it is the longest.
      var (longest, place, seen) = (MergeTree.none, 0, 0)
      while position < count {
        // Of a text that repeats itself the same again: both stretches end within the text.
        let isSame =
          unsafe seen > 0 && position &+ seen <= count
          && TokenIndexStorage.areEqual(start + place, start + position, seen)
        if !isSame { longest = unsafe trie.longestToken(start + position, end, seen: &seen) }
        place = position
        var token = longest
        while true {
          if token != MergeTree.none {
            let next = unsafe position &+ Int(nodes[Int(token)].length)
            if unsafe !isDead(next), unsafe last == MergeTree.none || mayStand(last, token) {
              output.append(TokenID(token))
              last = token
              position = next
              break
            }
            token = unsafe nodes[Int(token)].prefix
            continue
          }
          // Nothing goes on from here: back to where the last token began, and on with a shorter one.
          unsafe markDead(position)
          guard let removed = output.count > before ? output.popLast() : nil else {
            preconditionFailure("no sequence of tokens spells these bytes")
          }
          position &-= unsafe Int(nodes[Int(removed.rawValue)].length)
          token = unsafe nodes[Int(removed.rawValue)].prefix
          last = output.count > before ? output[output.count - 1].rawValue : MergeTree.none
        }
      }
    }

    @inline(__always)
    private func isDead(_ position: Int) -> Bool {
      unsafe dead[position &>> 6] &>> UInt64(position & 63) & 1 != 0
    }

    @inline(__always)
    private func markDead(_ position: Int) {
      unsafe dead[position &>> 6] |= 1 &<< UInt64(position & 63)
    }

    /// Whether two tokens stay side by side when they are merged together.
    @inline(__always)
    private func mayStand(_ left: UInt32, _ right: UInt32) -> Bool {
      // Symbols are below 2^21.
      let pair = UInt64(left) << 32 | UInt64(right) << 2 | 2
      let slot = Int(truncatingIfNeeded: (pair &* 0x9E37_79B9_7F4A_7C15) &>> (64 &- memoBits))
      let known = unsafe memo[slot]
      if known & ~1 == pair { return known & 1 != 0 }
      let answer = unsafe MergeTree.isBoundary(
        left, right, before: MergeTableStorage.noRank, nodes, lookup)
      unsafe memo[slot] = pair | (answer ? 1 : 0)
      return answer
    }
  }
}
