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
    let merges: MergesByLeftPart
    /// Whether tokens are short enough for `MergeAutomaton`, as all but odd ones are.
    let hasAutomaton: Bool

    /// nil for a model that does not merge in an orderly way.
    init?(_ model: BPEModel) {
      guard var tree = MergeTree(model.vocabulary, model.merges, model.mergeTable),
        let trie = TokenTrieStorage(&tree, arena: model.vocabulary.arena.span)
      else { return nil }
      self.tree = tree
      self.trie = trie
      merges = MergesByLeftPart(tree, model.mergeTable, trie)
      hasAutomaton = tree.nodes.allSatisfy { $0.length <= MergeAutomaton.longestToken }
    }
  }

  private let state = Mutex<State>(.waiting(bytes: 0))
  private let seed = AtomicLazyReference<MergeAutomatonSeed>()
  /// More states than this are not worth their memory.
  private static let mostSeedStates = 4096

  /// Makes the tables now, if they are not there, and what automata begin with.
  func prepare(_ model: BPEModel) {
    guard let tables = tables(for: Self.patience, model).tables, tables.hasAutomaton,
      seed.load() == nil, Self.mayBeLong(MergeAutomatonSeed.digits, model.preTokenizer)
    else { return }
    var automaton = MergeAutomaton(tables, model.mergeTable)
    if let made = automaton.close(over: MergeAutomatonSeed.digits, most: Self.mostSeedStates) {
      _ = seed.storeIfNil(made)
    }
  }

  /// Whether a pre-token of these bytes may have any length.
  private static func mayBeLong(_ alphabet: [UInt8], _ preTokenizer: any PreTokenizer) -> Bool {
    let bytes = Array(repeatElement(alphabet, count: 8).joined())
    var ends: [Int] = []
    try? preTokenizer.appendEnds(of: bytes.span, from: 0, limit: 1, to: &ends)
    return ends == [bytes.count]
  }

  /// What automata begin with, where the model was prepared.
  var seedIfMade: MergeAutomatonSeed? { seed.load() }

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

/// Merges long pre-tokens in linear time, near enough: by `MergeAutomaton` where that is worth its tables, and where
/// not by backtracking, which takes the longest token that the rest begins with if
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
  /// nil until a pre-token comes that is long enough.
  private var automaton: MergeAutomaton?
  /// One that began with a seed, for texts that the seed suits.
  private var seeded: MergeAutomaton?
  private let seed: MergeAutomatonSeed?
  private static let memoBits: UInt64 = 15

  init(
    _ tables: LongMergeTables.Tables, _ mergeTable: MergeTableStorage,
    seed: MergeAutomatonSeed? = nil
  ) {
    self.tables = tables
    self.mergeTable = mergeTable
    self.seed = seed
    memory = ZeroedMemory(byteCount: 8 << Self.memoBits)
    automaton = nil
    seeded = nil
  }

  /// From this length on a pre-token may be merged by the automaton.
  private static let smallestForAutomaton = 4096
  /// Bytes at the beginning of a pre-token that show whether it repeats itself.
  private static let probe = 1024

  /// Appends the ids of one pre-token to `output`.
  ///
  /// - Complexity: O(n) for tokens of bounded length.
  mutating func merge(_ bytes: Span<UInt8>, into output: inout [TokenID]) {
    var (done, last) = (0, MergeTree.none)
    if bytes.count >= Self.smallestForAutomaton, tables.hasAutomaton, !repeats(bytes) {
      let (tables, mergeTable, seed) = (tables, mergeTable, seed)
      if let seed, seed.suits(bytes) {
        (done, last) = Self.merge(bytes, by: &seeded, into: &output) {
          MergeAutomaton(tables, mergeTable, seed: seed)
        }
      } else {
        (done, last) = Self.merge(bytes, by: &automaton, into: &output) {
          MergeAutomaton(tables, mergeTable)
        }
      }
    }
    _ = backtrack(bytes.extracting(done..<bytes.count), after: last, into: &output)
  }

  /// Merges the beginning of a pre-token, or all of it, by an automaton that is made if it is not there.
  ///
  /// - Returns: How many bytes, and the symbol of the last token.
  private static func merge(
    _ bytes: Span<UInt8>, by automaton: inout MergeAutomaton?, into output: inout [TokenID],
    _ make: () -> MergeAutomaton
  ) -> (done: Int, last: UInt32) {
    if automaton == nil { automaton = make() }
    let done = automaton?.merge(bytes, into: &output) ?? 0
    return (done, done == 0 ? MergeTree.none : automaton?.lastToken ?? MergeTree.none)
  }

  /// Whether a pre-token begins with one token again and again, as runs of one character do: those are merged a
  /// run at a time.
  private func repeats(_ bytes: Span<UInt8>) -> Bool {
    let beginning = bytes.extracting(0..<min(Self.probe, bytes.count))
    // Of long tokens there are few in the beginning, and how many of them repeat says little.
    if beginning.indices.allSatisfy({ beginning[$0] == beginning[0] }) { return true }
    var ids: [TokenID] = []
    let repeated = backtrack(
      beginning, after: MergeTree.none, into: &ids)
    return repeated >= ids.count / 8 * 7
  }

  /// Appends the ids of bytes by backtracking.
  ///
  /// - Parameter last: The symbol of the token before them, `none` if they begin the pre-token.
  /// - Returns: How many of the tokens were found without a walk through the trie, being the ones before again.
  func backtrack(
    _ bytes: Span<UInt8>, after last: UInt32, into output: inout [TokenID]
  ) -> Int {
    let count = bytes.count
    if count == 0 { return 0 }
    let before = output.count
    var repeated = 0
    // Where no token goes on.
    let deadMemory = ZeroedMemory(byteCount: count / 8 + 8)
    // The tables live as long as `self`; symbols and positions of bytes are in bounds of each.
    unsafe tables.tree.nodes.withUnsafeBufferPointer { nodes in
      unsafe bytes.withUnsafeBufferPointer { bytes in
        guard let nodes = nodes.baseAddress, let start = bytes.baseAddress else { return }
        mergeTable.withLookup { lookup in
          let walk = unsafe Walk(
            nodes: nodes, trie: tables.trie.lookup, lookup: lookup,
            filter: tables.tree.filter.lookup,
            memo: memory.base.assumingMemoryBound(to: UInt64.self),
            dead: deadMemory.base.assumingMemoryBound(to: UInt64.self))
          repeated = unsafe walk.run(start, count, after: last, into: &output)
          for index in before..<output.count {
            output[index] = lookup.token(output[index].rawValue)
          }
        }
      }
    }
    return repeated
  }

  /// The tables' addresses.
  @unsafe private struct Walk {
    let nodes: UnsafePointer<MergeTree.Node>
    let trie: TokenTrieStorage.Lookup
    let lookup: MergeTableStorage.Lookup
    let filter: MergeFilter.Lookup
    let memo: UnsafeMutablePointer<UInt64>
    /// A bit for each position.
    let dead: UnsafeMutablePointer<UInt64>

    /// Appends the symbols of the tokens of `count` bytes, which come after the token `previous` if there is
    /// one.
    ///
    /// - Returns: How many were the same as the one before and needed no walk through the trie.
    func run(
      _ start: UnsafePointer<UInt8>, _ count: Int, after previous: UInt32,
      into output: inout [TokenID]
    ) -> Int {
      let before = output.count
      let end = unsafe start + count
      var position = 0
      var last = previous
      var repeated = 0
      // No position from here on is dead.
      var alive = 0
      // The longest token that was found last, where, and how many bytes say that it is the longest.
      var (longest, place, seen) = (MergeTree.none, 0, 0)
      while position < count {
        // Of a text that repeats itself the same again: both stretches end within the text.
        let isSame =
          unsafe seen > 0 && position &+ seen <= count
          && TokenIndexStorage.areEqual(start + place, start + position, seen)
        if isSame {
          repeated &+= 1
          let length = unsafe Int(nodes[Int(longest)].length)
          if last == longest, place &+ length == position, position >= alive,
            unsafe mayStand(longest, longest)
          {
            let runs = unsafe copies(of: longest, start, position, seen, count)
            output.append(contentsOf: repeatElement(TokenID(longest), count: runs))
            position &+= runs &* length
            repeated &+= runs &- 1
            place = position
            seen = 0
            continue
          }
        } else {
          longest = unsafe trie.longestToken(start + position, end, seen: &seen)
        }
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
          alive = max(alive, position &+ 1)
          guard let removed = output.count > before ? output.popLast() : nil else {
            preconditionFailure("no sequence of tokens spells these bytes")
          }
          position &-= unsafe Int(nodes[Int(removed.rawValue)].length)
          token = unsafe nodes[Int(removed.rawValue)].prefix
          last = output.count > before ? output[output.count - 1].rawValue : previous
        }
      }
      return repeated
    }

    /// How many copies of a token are surely the longest ones from `position` on, one after the other: there and
    /// where the token ended before, the same `seen` bytes say so. At least one.
    private func copies(
      of token: UInt32, _ start: UnsafePointer<UInt8>, _ position: Int, _ seen: Int, _ count: Int
    ) -> Int {
      let length = unsafe Int(nodes[Int(token)].length)
      // How far the text goes on as it does a token before; eight bytes that end within it at a time.
      var same = position &+ seen
      while same &+ 8 <= count {
        let (here, before) = unsafe (
          UnsafeRawPointer(start + same).loadUnaligned(as: UInt64.self),
          UnsafeRawPointer(start + (same &- length)).loadUnaligned(as: UInt64.self)
        )
        if here != before { break }
        same &+= 8
      }
      while unsafe same < count && start[same] == start[same &- length] { same &+= 1 }
      return (same &- seen &- position) / length &+ 1
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
        left, right, before: MergeTableStorage.noRank, nodes, lookup, filter)
      unsafe memo[slot] = pair | (answer ? 1 : 0)
      return answer
    }
  }
}
