/// Merges the bytes of one pre-token: four algorithms with the same result, chosen by length and model.
///
/// All give what "join the leftmost adjacent pair with the lowest rank" gives. The scan looks at every pair
/// for each merge, O(n²) but within a few cache lines. The heap keeps pairs in order, O(n log n), with much
/// memory. `BacktrackingMerger` is linear, for models that merge in an orderly way, which nearly all do; its
/// tables are made when there is enough for it to do. `LookupMerger` needs no table: it merges until there is
/// enough to do for the table of merges itself to be worth making. The slow, obvious form of all is `NaiveBPE` in the
/// tests' support.
@safe struct BPEMerger: ~Copyable {
  /// Longest pre-token, in bytes, that is merged by scanning. At 64 pairs a scan costs what a few steps
  /// of the heap do.
  static let longestScan = 64

  /// nil as long as pre-tokens are merged by look-up.
  private(set) var made: BPEMerges.Made?
  private var byLookup: LookupMerger?
  /// Bytes that this merger has merged by look-up.
  private var byteCount = 0
  private let model: BPEModel
  /// For long pre-tokens; nil until one comes, and for models that only the heap can do.
  private var backtracking: BacktrackingMerger?
  private var isHeapOnly = false
  /// Scratch of the scan: the symbols of the parts, and the rank of the pair that each part begins.
  private let symbols: UnsafeMutablePointer<UInt32>
  private let ranks: UnsafeMutablePointer<UInt32>

  init(_ model: BPEModel) {
    self.model = model
    made = model.lazyMerges.ifMade
    byLookup = nil
    if made == nil, let order = model.lazyMerges.order {
      byLookup = LookupMerger(model.vocabulary, order)
    }
    unsafe symbols = .allocate(capacity: Self.longestScan)
    unsafe symbols.initialize(repeating: 0, count: Self.longestScan)
    unsafe ranks = .allocate(capacity: Self.longestScan)
    unsafe ranks.initialize(repeating: 0, count: Self.longestScan)
  }

  deinit {
    unsafe symbols.deallocate()
    unsafe ranks.deallocate()
  }

  /// Appends the ids of one pre-token to `output`.
  mutating func merge(_ bytes: Span<UInt8>, into output: inout [TokenID]) {
    if made == nil, prefersLookup(bytes.count) {
      byLookup?.merge(bytes) { output.append($0) }
    } else if bytes.count <= Self.longestScan {
      mergeByScan(bytes, into: &output)
    } else {
      mergeLong(bytes, into: &output)
    }
  }

  /// Whether a pre-token is to be merged by look-up.
  private mutating func prefersLookup(_ count: Int) -> Bool {
    byteCount += count
    return byLookup != nil && count <= LookupMerger.longest
      && byteCount <= model.lazyMerges.patience
  }

  /// The table, made now if it is not there.
  private mutating func table() -> MergeTableStorage {
    if let made { return made.table }
    let made = model.lazyMerges.made
    self.made = made
    byLookup = nil
    return made.table
  }

  /// By backtracking if the model allows it and there is enough to do, else by the heap.
  private mutating func mergeLong(_ bytes: Span<UInt8>, into output: inout [TokenID]) {
    let table = table()
    if backtracking == nil, !isHeapOnly {
      let (tables, isFinal) = model.longMergeTables.tables(
        for: bytes.count, model)
      let seed = model.longMergeTables.seedIfMade
      backtracking = tables.map { BacktrackingMerger($0, table, seed: seed) }
      isHeapOnly = isFinal && tables == nil
    }
    if backtracking == nil {
      mergeByHeap(bytes, into: &output)
    } else {
      backtracking?.merge(bytes, into: &output)
    }
  }

  mutating func mergeByScan(_ bytes: Span<UInt8>, into output: inout [TokenID]) {
    output.append(addingCapacity: bytes.count) { output in
      unsafe output.withUnsafeMutableBufferPointer { buffer, initialized in
        // The buffer has room for the capacity that was asked for.
        guard let start = buffer.baseAddress else { return }
        initialized += unsafe mergeByScan(bytes, to: start + initialized)
      }
    }
  }

  /// Writes the ids of a pre-token of at most `longestScan` bytes to `output`, which has room for an id a
  /// byte.
  ///
  /// - Returns: How many there are.
  mutating func mergeByScan(
    _ bytes: Span<UInt8>, to output: UnsafeMutablePointer<TokenID>
  ) -> Int {
    precondition(bytes.count <= Self.longestScan)
    if made == nil, prefersLookup(bytes.count) {
      var count = 0
      byLookup?.merge(bytes) { id in
        // At most an id a byte.
        unsafe output[count] = id
        count += 1
      }
      return count
    }
    let table = table()
    let symbols = unsafe symbols
    let ranks = unsafe ranks
    var count = bytes.count
    // Positions are below `count`, which is within the scratch.
    return table.withLookup { lookup in
      guard count > 0 else { return 0 }
      for position in 0..<count { unsafe symbols[position] = UInt32(bytes[position]) }
      for position in 0..<count &- 1 {
        unsafe ranks[position] = lookup.rank(ofBytes: bytes[position], bytes[position &+ 1])
      }
      while count > 1 {
        var best = 0
        var lowest = unsafe ranks[0]
        var position = 1
        while position < count &- 1 {
          let rank = unsafe ranks[position]
          // Both by conditional moves: which of them it is cannot be foreseen.
          best = rank < lowest ? position : best
          lowest = min(rank, lowest)
          position &+= 1
        }
        if lowest == MergeTableStorage.noRank { break }
        let merged = lookup.merged(lowest)
        unsafe symbols[best] = merged
        count &-= 1
        position = best &+ 1
        while position < count {
          unsafe symbols[position] = symbols[position &+ 1]
          unsafe ranks[position] = ranks[position &+ 1]
          position &+= 1
        }
        if best > 0 { unsafe ranks[best &- 1] = lookup.rank(symbols[best &- 1], merged) }
        if best < count &- 1 { unsafe ranks[best] = lookup.rank(merged, symbols[best &+ 1]) }
      }
      for position in 0..<count { unsafe output[position] = lookup.token(symbols[position]) }
      return count
    }
  }

  /// Memory: 24 bytes a byte of the pre-token, given back when it is done.
  ///
  /// The parts are a doubly linked list over the positions of the bytes. The heap holds (rank, position)
  /// of pairs, smallest first, position breaking ties: the leftmost of equal ranks. Entries are never
  /// removed from within; one whose pair has changed since is recognised by its rank and passed over.
  func mergeByHeap(_ bytes: Span<UInt8>, into output: inout [TokenID]) {
    let count = bytes.count
    precondition(count < Int(UInt32.max), "a caller cuts texts below 4 GiB")
    let none = MergeTableStorage.noRank
    (made?.table ?? model.mergeTable).withLookup { lookup in
      var symbols = [UInt32](repeating: 0, count: count)
      for position in 0..<count { symbols[position] = UInt32(bytes[position]) }
      var next = unsafe [UInt32](unsafeUninitializedCapacity: count) { buffer, initialized in
        // Every element of the capacity is written before it is counted.
        for position in 0..<count { unsafe buffer[position] = UInt32(position + 1) }
        initialized = count
      }
      var previous = [UInt32](repeating: 0, count: count)
      for position in 1..<max(1, count) { previous[position] = UInt32(position - 1) }
      // Rank of the pair that begins at each position; `none` for the last part and for joined ones.
      var ranks = [UInt32](repeating: none, count: count)

      // rank in the high half, position in the low half: one comparison orders both
      var heap = MinHeap<UInt64>()
      heap.reserveCapacity(count)
      func entry(_ rank: UInt32, _ position: Int) -> UInt64 {
        UInt64(rank) << 32 | UInt64(position)
      }
      for position in 0..<max(0, count - 1) {
        let rank = lookup.rank(ofBytes: bytes[position], bytes[position + 1])
        ranks[position] = rank
        if rank != none { heap.appendUnordered(entry(rank, position)) }
      }
      heap.restoreOrder()

      while let first = heap.popFirst() {
        let rank = UInt32(truncatingIfNeeded: first >> 32)
        let position = Int(UInt32(truncatingIfNeeded: first))
        guard ranks[position] == rank else { continue }
        let right = Int(next[position])
        symbols[position] = lookup.merged(rank)
        ranks[right] = none
        let after = Int(next[right])
        next[position] = UInt32(after)
        if after < count {
          previous[after] = UInt32(position)
          let rank = lookup.rank(symbols[position], symbols[after])
          ranks[position] = rank
          if rank != none { heap.insert(entry(rank, position)) }
        } else {
          ranks[position] = none
        }
        if position > 0 {
          let before = Int(previous[position])
          let rank = lookup.rank(symbols[before], symbols[position])
          ranks[before] = rank
          if rank != none { heap.insert(entry(rank, before)) }
        }
      }

      var position = 0
      while position < count {
        output.append(lookup.token(symbols[position]))
        position = Int(next[position])
      }
    }
  }
}
