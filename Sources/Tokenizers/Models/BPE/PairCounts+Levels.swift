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
  mutating func hasPairLeft() throws(TrainingError) -> Bool {
    if let spilled { return try hasPairLeft(spilled) }
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

  /// Writes the places of all pairs, passing over those that the filter tells.
  mutating func writePlaces(of rows: TrainingRows, _ filter: PairFilter?) {
    var lists: [PlaceList] = []
    var places: [UInt32] = []
    swap(&lists, &self.lists)
    swap(&places, &self.places)
    do {
      var lists = lists.mutableSpan
      var places = places.mutableSpan
      rows.forEachPair { pair, place, _ in
        guard filter?.mayReachLevel(pair) ?? true, let index = indexOfPair.find(pair) else {
          return
        }
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
