extension PairCounts {
  /// Lowers the level and collects the pairs that occur as often as that, with all their places.
  ///
  /// Three passes over the rows: sums by hash, exact counts of the pairs whose sum may reach the level, and
  /// their places.
  mutating func lowerLevel() {
    let oldLengths = lengths
    rows.compact(lengths: oldLengths.span)
    for token in lengths.indices { lengths[token] = 1 }
    indexOfPair = PairIndex()
    pairs.removeAll(keepingCapacity: true)
    counts.removeAll(keepingCapacity: true)
    lists.removeAll(keepingCapacity: true)
    places = []
    placeCount = 0
    queue.removeAll()

    // Read only while it is shared.
    let rows = rows
    let isFirst = level == .max
    level = isFirst ? 1 : max(floor, level / levelStep)
    let filter = PairFilter(rows, atLeast: level)
    var tally = PairTally()
    rows.forEachPair { pair, _, frequency in
      if filter.mayReachLevel(pair) { tally.add(pair, frequency) }
    }
    if isFirst { level = max(floor, tally.largestWeight / levelStep) }
    tally.forEach { pair, weight, count in
      _ = addPair(
        UInt32(pair >> 32), UInt32(truncatingIfNeeded: pair), count: weight, places: count)
    }
    extendPlaces()
    writePlaces(of: rows, filter)
    for index in pairs.indices { enqueue(index) }
  }

  /// Whether some pair is left that may be merged, however rare. O(n).
  func hasPairLeft() -> Bool {
    let symbols = rows.symbols.span
    var place = 0
    var left = TrainingRows.mark
    while place < symbols.count {
      let symbol = symbols[place]
      if left & TrainingRows.mark == 0, symbol & TrainingRows.mark == 0, isAllowed(left, symbol) {
        return true
      }
      place += symbol & TrainingRows.mark == 0 ? Int(lengths[Int(symbol)]) : 1
      left = symbol
    }
    return false
  }

  private mutating func writePlaces(of rows: TrainingRows, _ filter: PairFilter) {
    var lists: [PlaceList] = []
    var places: [UInt32] = []
    swap(&lists, &self.lists)
    swap(&places, &self.places)
    do {
      var lists = lists.mutableSpan
      var places = places.mutableSpan
      rows.forEachPair { pair, place, _ in
        guard filter.mayReachLevel(pair), let index = indexOfPair.find(pair) else { return }
        places[lists[index].end] = place
        lists[index].end &+= 1
      }
    }
    swap(&lists, &self.lists)
    swap(&places, &self.places)
  }
}

extension TrainingRows {
  /// Calls `body` with each pair of adjacent tokens, its place, and how often its row occurs.
  ///
  /// The rows must be compact.
  @inline(__always)
  func forEachPair(_ body: (_ pair: UInt64, _ place: UInt32, _ frequency: Int) -> Void) {
    let symbols = symbols.span
    var frequency = 0
    var left = Self.mark
    for place in symbols.indices {
      let symbol = symbols[place]
      if symbol & Self.mark != 0 {
        frequency = self.frequency(symbol)
      } else if left & Self.mark == 0 {
        body(PairCounts.key(left, symbol), UInt32(truncatingIfNeeded: place &- 1), frequency)
      }
      left = symbol
    }
  }
}

/// Sums of the counts of all pairs with the same hash: what no pair among them can exceed.
///
/// There are many more pairs than such that reach a level, and counting each in a table of its own would
/// take more memory than the rows.
private struct PairFilter {
  private static let smallest = 1 << 16

  private let level: Int
  private var sums: [Int] = []

  init(_ rows: TrainingRows, atLeast level: Int) {
    self.level = level
    // A level of 1 keeps all; few rows have few pairs.
    if level <= 1 || rows.symbols.count < Self.smallest { return }
    var sums = [Int](repeating: 0, count: Self.size(rows.symbols.count))
    do {
      var span = sums.mutableSpan
      let mask = span.count - 1
      rows.forEachPair { pair, _, frequency in
        span[Self.bucket(pair, mask)] &+= frequency
      }
    }
    self.sums = sums
  }

  private static func size(_ places: Int) -> Int {
    var size = smallest
    while size < places / 8, size < 1 << 22 { size *= 2 }
    return size
  }

  @inline(__always)
  func mayReachLevel(_ pair: UInt64) -> Bool {
    sums.isEmpty || sums[Self.bucket(pair, sums.count - 1)] >= level
  }

  @inline(__always)
  private static func bucket(_ pair: UInt64, _ mask: Int) -> Int {
    Int(truncatingIfNeeded: ((pair ^ (pair >> 29)) &* 0x9E37_79B9_7F4A_7C15) >> 40) & mask
  }
}

/// Counts pairs: open addressing, at most half full.
private struct PairTally {
  private struct Slot {
    var pair: UInt64
    var weight: Int
    var places: Int
  }

  private static let free = Slot(pair: .max, weight: 0, places: 0)

  private var slots = [Slot](repeating: Self.free, count: 1 << 12)
  private var count = 0

  /// The count of the most frequent pair.
  var largestWeight: Int { slots.reduce(0) { max($0, $1.weight) } }

  @inline(__always)
  mutating func add(_ pair: UInt64, _ weight: Int) {
    let mask = slots.count - 1
    var position = Self.position(of: pair, mask)
    while true {
      if slots[position].pair == pair { break }
      if slots[position].pair == .max {
        if count * 2 >= slots.count {
          grow()
          return add(pair, weight)
        }
        slots[position].pair = pair
        count += 1
        break
      }
      position = (position + 1) & mask
    }
    slots[position].weight &+= weight
    slots[position].places &+= 1
  }

  func forEach(_ body: (_ pair: UInt64, _ weight: Int, _ places: Int) -> Void) {
    for slot in slots where slot.pair != .max { body(slot.pair, slot.weight, slot.places) }
  }

  private mutating func grow() {
    let old = slots
    slots = [Slot](repeating: Self.free, count: old.count * 2)
    let mask = slots.count - 1
    for slot in old where slot.pair != .max {
      var position = Self.position(of: slot.pair, mask)
      while slots[position].pair != .max { position = (position + 1) & mask }
      slots[position] = slot
    }
  }

  @inline(__always)
  private static func position(of pair: UInt64, _ mask: Int) -> Int {
    let mixed = (pair ^ (pair >> 29)) &* 0x9E37_79B9_7F4A_7C15
    return Int(truncatingIfNeeded: mixed >> 32) & mask
  }
}
