/// Merges the bytes of one pre-token: two algorithms with the same result, chosen by length.
///
/// Both repeat "join the leftmost adjacent pair with the lowest rank". The scan looks at every pair for
/// each merge, O(n²) but within one or two cache lines; the heap keeps pairs in order, O(n log n), so
/// that one word of ten megabytes takes seconds and not years. The slow, obvious form of both is
/// `NaiveBPE` in the tests' support.
struct BPEMerger: ~Copyable {
  /// Longest pre-token, in bytes, that is merged by scanning. At 64 pairs a scan costs what a few steps
  /// of the heap do.
  static let longestScan = 64

  private let table: MergeTableStorage
  private let model: BPEModel
  /// For long pre-tokens; nil until one comes, and for models that only the heap can do.
  private var backtracking: BacktrackingMerger?
  private var isHeapOnly = false
  /// Scratch of the scan.
  private var parts = [Part](repeating: Part(id: 0, rank: 0, merged: 0), count: longestScan)

  /// One part of a pre-token, and the pair that begins with it.
  private struct Part {
    var id: UInt32
    var rank: UInt32
    var merged: UInt32
  }

  init(_ model: BPEModel) {
    table = model.mergeTable
    self.model = model
  }

  /// Appends the ids of one pre-token to `output`.
  mutating func merge(_ bytes: Span<UInt8>, into output: inout [TokenID]) {
    if bytes.count <= Self.longestScan {
      mergeByScan(bytes, into: &output)
    } else {
      mergeLong(bytes, into: &output)
    }
  }

  /// By backtracking if the model allows it and there is enough to do, else by the heap.
  private mutating func mergeLong(_ bytes: Span<UInt8>, into output: inout [TokenID]) {
    if backtracking == nil, !isHeapOnly {
      let (tables, isFinal) = model.longMergeTables.tables(
        for: bytes.count, model.vocabulary, model.merges, table)
      backtracking = tables.map { BacktrackingMerger($0, table) }
      isHeapOnly = isFinal && tables == nil
    }
    if backtracking == nil {
      mergeByHeap(bytes, into: &output)
    } else {
      backtracking?.merge(bytes, into: &output)
    }
  }

  mutating func mergeByScan(_ bytes: Span<UInt8>, into output: inout [TokenID]) {
    precondition(bytes.count <= Self.longestScan)
    let lookup = table.lookup
    var parts = parts.mutableSpan
    var count = bytes.count
    for position in 0..<count { parts[position].id = lookup.id(of: bytes[position]) }
    for position in 0..<max(0, count - 1) { Self.setPair(at: position, of: &parts, lookup) }
    while count > 1 {
      var best = 0
      var lowest = parts[0].rank
      for position in 1..<max(1, count - 1) where parts[position].rank < lowest {
        lowest = parts[position].rank
        best = position
      }
      if lowest == MergeTableStorage.noRank { break }
      parts[best].id = parts[best].merged
      for position in best + 1..<max(best + 1, count - 1) { parts[position] = parts[position + 1] }
      count -= 1
      if best > 0 { Self.setPair(at: best - 1, of: &parts, lookup) }
      if best < count - 1 { Self.setPair(at: best, of: &parts, lookup) }
    }
    for position in 0..<count { output.append(TokenID(parts[position].id)) }
  }

  @inline(__always)
  private static func setPair(
    at position: Int, of parts: inout MutableSpan<Part>, _ lookup: MergeTableStorage.Lookup
  ) {
    (parts[position].rank, parts[position].merged) = lookup(
      parts[position].id, parts[position + 1].id)
  }

  /// Memory: 24 bytes a byte of the pre-token, given back when it is done.
  ///
  /// The parts are a doubly linked list over the positions of the bytes. The heap holds (rank, position)
  /// of pairs, smallest first, position breaking ties: the leftmost of equal ranks. Entries are never
  /// removed from within; one whose pair has changed since is recognised by its rank and passed over.
  func mergeByHeap(_ bytes: Span<UInt8>, into output: inout [TokenID]) {
    let count = bytes.count
    precondition(count < Int(UInt32.max), "a caller cuts texts below 4 GiB")
    let lookup = table.lookup
    let none = MergeTableStorage.noRank
    var ids = [UInt32](repeating: 0, count: count)
    for position in 0..<count { ids[position] = lookup.id(of: bytes[position]) }
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
    func entry(_ rank: UInt32, _ position: Int) -> UInt64 { UInt64(rank) << 32 | UInt64(position) }
    for position in 0..<max(0, count - 1) {
      let rank = lookup(ids[position], ids[position + 1]).rank
      ranks[position] = rank
      if rank != none { heap.appendUnordered(entry(rank, position)) }
    }
    heap.restoreOrder()

    while let first = heap.popFirst() {
      let rank = UInt32(truncatingIfNeeded: first >> 32)
      let position = Int(UInt32(truncatingIfNeeded: first))
      guard ranks[position] == rank else { continue }
      let right = Int(next[position])
      ids[position] = lookup(ids[position], ids[right]).merged
      ranks[right] = none
      let after = Int(next[right])
      next[position] = UInt32(after)
      if after < count {
        previous[after] = UInt32(position)
        let rank = lookup(ids[position], ids[after]).rank
        ranks[position] = rank
        if rank != none { heap.insert(entry(rank, position)) }
      } else {
        ranks[position] = none
      }
      if position > 0 {
        let before = Int(previous[position])
        let rank = lookup(ids[before], ids[position]).rank
        ranks[before] = rank
        if rank != none { heap.insert(entry(rank, before)) }
      }
    }

    var position = 0
    while position < count {
      output.append(TokenID(ids[position]))
      position = Int(next[position])
    }
  }
}
