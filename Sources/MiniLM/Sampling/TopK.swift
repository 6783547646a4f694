/// Keeps the `count` most likely tokens; of equal ones those with the smaller ids.
public struct TopK: CandidateFilter, Equatable {
  /// How many stay.
  public let count: Int

  /// Keeps `count`, 1 or more; more than there are keeps all.
  public init(_ count: Int) throws(MiniLMError) {
    guard count >= 1 else {
      throw .invalidOption(name: "top-k", value: "\(count)", expected: "1 or more")
    }
    self.count = count
  }

  /// Removes all but the most likely; O(V log k).
  public func apply(to candidates: inout Candidates) {
    guard candidates.list.count > count else { return }
    // A heap of the best so far with the worst of them on top.
    var heap = Array(candidates.list[..<count])
    func isWorse(_ a: Int, _ b: Int) -> Bool { Candidates.isBetter(heap[b], heap[a]) }
    func sink(_ start: Int) {
      var parent = start
      while true {
        var worst = parent
        for child in [2 * parent + 1, 2 * parent + 2] where child < count {
          if isWorse(child, worst) { worst = child }
        }
        if worst == parent { return }
        heap.swapAt(worst, parent)
        parent = worst
      }
    }
    for index in stride(from: count / 2, through: 0, by: -1) { sink(index) }
    for candidate in candidates.list[count...] where Candidates.isBetter(candidate, heap[0]) {
      heap[0] = candidate
      sink(0)
    }
    candidates.list = heap.sorted(by: Candidates.isBetter)
  }
}
