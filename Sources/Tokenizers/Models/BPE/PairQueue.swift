/// Which of several pairs with the same count is merged first.
public enum TieRule: String, Hashable, Sendable, CaseIterable {
  /// The smallest left id, then the smallest right id: Hugging Face's `BpeTrainer`.
  case huggingface
  /// The pair that stands first in the text as it is tokenized by then: minbpe.
  case firstSeen = "first-seen"
  /// The largest left token, then the largest right token, in the order of their bytes: subword-nmt.
  case largest
}

/// Pairs in the order in which they are to be merged: a binary heap.
///
/// It is lazy: a pair's count only falls once the pair exists, and its first place only moves on, so that an
/// entry that promises too much is put right when it comes to the top.
struct PairQueue {
  struct Candidate {
    var count: Int
    /// Decides between equal counts, the smaller first; by `TieRule`.
    var key: UInt64
    var index: UInt32
  }

  private let ties: TieRule
  private let tokens: TrainingTokens
  private var elements: [Candidate] = []

  init(_ ties: TieRule, _ tokens: TrainingTokens) {
    self.ties = ties
    self.tokens = tokens
  }

  var first: Candidate? { elements.first }

  /// - Parameter pairs: Left and right token of each index.
  private func precedes(_ one: Candidate, _ other: Candidate, _ pairs: [UInt64]) -> Bool {
    if one.count != other.count { return one.count > other.count }
    if one.key != other.key || ties != .largest { return one.key < other.key }
    // The first eight bytes of the left token are the same.
    let (pair, otherPair) = (pairs[Int(one.index)], pairs[Int(other.index)])
    let (left, otherLeft) = (UInt32(pair >> 32), UInt32(otherPair >> 32))
    if left != otherLeft { return tokens.precedes(otherLeft, left) }
    return tokens.precedes(
      UInt32(truncatingIfNeeded: otherPair), UInt32(truncatingIfNeeded: pair))
  }

  /// The key of a pair whose first place is given.
  func key(_ pair: UInt64, firstPlace: UInt32) -> UInt64 {
    switch ties {
    case .huggingface: pair
    case .firstSeen: UInt64(firstPlace)
    case .largest: ~tokens.prefix(UInt32(pair >> 32))
    }
  }

  mutating func removeAll() { elements.removeAll(keepingCapacity: true) }

  /// O(log n).
  mutating func insert(_ candidate: Candidate, _ pairs: [UInt64]) {
    elements.append(candidate)
    var child = elements.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      if !precedes(candidate, elements[parent], pairs) { break }
      elements[child] = elements[parent]
      child = parent
    }
    elements[child] = candidate
  }

  /// O(log n).
  mutating func removeFirst(_ pairs: [UInt64]) {
    let last = elements.removeLast()
    if !elements.isEmpty { siftDown(last, pairs) }
  }

  /// Puts another entry in the place of the first one. O(log n).
  mutating func replaceFirst(with candidate: Candidate, _ pairs: [UInt64]) {
    siftDown(candidate, pairs)
  }

  private mutating func siftDown(_ candidate: Candidate, _ pairs: [UInt64]) {
    var parent = 0
    while true {
      var child = 2 * parent + 1
      if child >= elements.count { break }
      if child + 1 < elements.count, precedes(elements[child + 1], elements[child], pairs) {
        child += 1
      }
      if !precedes(elements[child], candidate, pairs) { break }
      elements[parent] = elements[child]
      parent = child
    }
    elements[parent] = candidate
  }
}
