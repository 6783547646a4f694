/// The counted pre-tokens of a corpus, wherever they are: in memory, in sorted runs on disk, in count files.
///
/// Made by `PreTokenCounter.finish()` or from count files, and used up by the trainer or by
/// `CountFile.write`.
public final class CountedCorpus {
  private var counts: PreTokenCounts
  private var readers: [PreTokenRunReader] = []
  /// Called with the index of each reader that has come to its end, and what it has read.
  private var check: (Int, _ distinct: Int, _ total: Int) throws(TrainingError) -> Void =
    { _, _, _ in }
  /// Says an error of the reader with this index.
  private var naming: (Int, TrainingError) -> TrainingError = { $1 }
  /// Number of distinct pre-tokens; of runs on disk, once they have been read.
  public private(set) var distinctCount: Int
  /// Number of pre-tokens, each as often as it occurs; of runs on disk, once they have been read.
  public private(set) var totalCount: Int

  /// Counts in memory.
  public init(_ counts: consuming PreTokenCounts) {
    distinctCount = counts.distinctCount
    totalCount = counts.totalCount
    self.counts = counts
  }

  /// Sorted runs, of which each pre-token's counts are added up.
  init(
    _ readers: [PreTokenRunReader],
    check: @escaping (Int, _ distinct: Int, _ total: Int) throws(TrainingError) -> Void =
      { _, _, _ in },
    naming: @escaping (Int, TrainingError) -> TrainingError = { $1 }
  ) {
    counts = PreTokenCounts()
    distinctCount = 0
    totalCount = 0
    self.readers = readers
    self.check = check
    self.naming = naming
  }

  /// Whether it can be gone through once only.
  private var isOnDisk: Bool { !readers.isEmpty }

  /// Calls `body` with each distinct pre-token, its count, and where it was met first: sorted if they lie
  /// on disk.
  func forEach(
    _ body: (Span<UInt8>, _ count: Int, _ first: Int) throws(TrainingError) -> Void
  ) throws(TrainingError) {
    if isOnDisk { try merge(body) } else { try counts.forEach(body) }
  }

  /// Gives the memory of the counts back.
  func discard() { counts = PreTokenCounts() }

  /// The same in the order of the bytes. Nothing is left in memory afterwards.
  func drainSorted(
    _ body: (Span<UInt8>, _ count: Int, _ first: Int) throws(TrainingError) -> Void
  ) throws(TrainingError) {
    if isOnDisk { try merge(body) } else { try counts.drainSorted(body) }
  }

  /// Goes through all runs at once: the smallest of their pre-tokens is next, in as many runs as hold it.
  private func merge(
    _ body: (Span<UInt8>, _ count: Int, _ first: Int) throws(TrainingError) -> Void
  ) throws(TrainingError) {
    // A binary heap of indices of readers, the smallest pre-token on top.
    var heap: [Int] = []
    func precedes(_ one: Int, _ other: Int) -> Bool {
      let left = readers[one].preToken
      let right = readers[other].preToken
      return left.span.precedes(right.span)
    }
    func siftDown() {
      var parent = 0
      while true {
        var child = 2 * parent + 1
        if child >= heap.count { return }
        if child + 1 < heap.count, precedes(heap[child + 1], heap[child]) { child += 1 }
        if !precedes(heap[child], heap[parent]) { return }
        heap.swapAt(child, parent)
        parent = child
      }
    }
    func advanceFirst() throws(TrainingError) {
      if try !advance(heap[0]) {
        let last = heap.removeLast()
        if heap.isEmpty { return }
        heap[0] = last
      }
      siftDown()
    }
    for index in readers.indices {
      guard try advance(index) else { continue }
      heap.append(index)
      var child = heap.count - 1
      while child > 0, precedes(heap[child], heap[(child - 1) / 2]) {
        heap.swapAt(child, (child - 1) / 2)
        child = (child - 1) / 2
      }
    }
    distinctCount = 0
    totalCount = 0
    while let top = heap.first {
      let preToken = readers[top].preToken
      var count = readers[top].count
      var first = readers[top].first
      try advanceFirst()
      while let next = heap.first, readers[next].preToken == preToken {
        let (sum, overflow) = count.addingReportingOverflow(readers[next].count)
        if overflow { throw .countsTooLarge }
        count = sum
        first = min(first, readers[next].first)
        try advanceFirst()
      }
      let (total, overflow) = totalCount.addingReportingOverflow(count)
      if overflow { throw .countsTooLarge }
      totalCount = total
      distinctCount += 1
      try body(preToken.span, count, first)
    }
    readers = []
  }

  private func advance(_ index: Int) throws(TrainingError) -> Bool {
    let reader = readers[index]
    do throws(TrainingError) {
      if try reader.advance() { return true }
    } catch {
      throw naming(index, error)
    }
    try check(index, reader.distinctCount, reader.totalCount)
    return false
  }
}
