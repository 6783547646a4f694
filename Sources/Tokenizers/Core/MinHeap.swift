/// A binary heap: the smallest element can be looked at and taken out.
struct MinHeap<Element: Comparable> {
  private(set) var elements: [Element] = []

  var first: Element? { elements.first }

  mutating func reserveCapacity(_ count: Int) { elements.reserveCapacity(count) }

  /// Appends without keeping the order; `restoreOrder()` must follow before anything is taken out. O(1).
  mutating func appendUnordered(_ element: Element) { elements.append(element) }

  /// Orders what was appended (Floyd 1964). O(n).
  mutating func restoreOrder() {
    for position in stride(from: elements.count / 2 - 1, through: 0, by: -1) { siftDown(position) }
  }

  /// O(log n).
  mutating func insert(_ element: Element) {
    elements.append(element)
    var child = elements.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      if elements[parent] <= element { break }
      elements[child] = elements[parent]
      child = parent
    }
    elements[child] = element
  }

  /// Removes and returns the smallest element. O(log n).
  mutating func popFirst() -> Element? {
    guard let first = elements.first else { return nil }
    let last = elements.removeLast()
    if !elements.isEmpty {
      elements[0] = last
      siftDown(0)
    }
    return first
  }

  /// Replaces the smallest element by another one. O(log n).
  mutating func replaceFirst(with element: Element) {
    elements[0] = element
    siftDown(0)
  }

  private mutating func siftDown(_ start: Int) {
    let element = elements[start]
    var parent = start
    while true {
      var child = 2 * parent + 1
      if child >= elements.count { break }
      if child + 1 < elements.count, elements[child + 1] < elements[child] { child += 1 }
      if element <= elements[child] { break }
      elements[parent] = elements[child]
      parent = child
    }
    elements[parent] = element
  }
}
