/// Levels of rows that lie on disk.
///
/// A pair that does not reach the level stands between its two tokens like the end of a row, for as long as
/// the level lasts: a pair (z, y) that comes into being has no more occurrences than the pair of z's last
/// part and y had. So only segments need to be in memory, tokens one behind the other whose pairs all reach
/// the level; merging sees them as rows. What else there is stays on disk, with a sign for each segment.
extension PairCounts {
  /// Bytes that a pair takes here: in the index, in the lists, and in the queue.
  private static let bytesPerPair = 160
  /// Bytes that a place takes: of a pair of tokens that stands alone, with its mark, and in a list.
  private static let bytesPerPlace = 16

  /// Whether so many places have come that the segments should be put back and taken anew.
  var isAboveMemory: Bool {
    guard let spilled else { return false }
    return mergedSinceLevel > 0
      && placeCount > 2 * firstPlaceCount + spilled.memory / 16 / MemoryLayout<UInt32>.stride
  }

  /// Lowers the level, as far as what is to be in memory then fits there.
  ///
  /// The file is read three times: once to put the segments back, once to count the pairs that may reach
  /// the level, once to take the new segments out.
  mutating func lowerLevel(_ spilled: SpilledRows) throws(TrainingError) {
    try putSegmentsBack(spilled)
    indexOfPair = PairIndex()
    pairs = []
    counts = []
    lists = []
    places = []
    placeCount = 0
    queue.removeAll()
    for token in lengths.indices { lengths[token] = 1 }

    let wanted = max(floor, min(level, spilled.sums.largest) / levelStep)
    let tally = try tallyPairs(of: spilled, atLeast: wanted)
    level = lowestLevel(tally, memory: spilled.memory * 3 / 8)
    tally.forEach { pair, weight, count in
      _ = addPair(
        UInt32(pair >> 32), UInt32(truncatingIfNeeded: pair), count: weight, places: count)
    }
    firstPlaceCount = placeCount
    mergedSinceLevel = 0
    try takeSegmentsOut(spilled)
    extendPlaces()
    writePlaces(of: rows, nil)
    for index in pairs.indices { enqueue(index) }
  }

  /// The pairs that may be merged and that occur at least as often as some level, `wanted` or above it.
  ///
  /// All of them that occur as often as the rarest, or there are none.
  private func tallyPairs(
    of spilled: SpilledRows, atLeast wanted: Int
  ) throws(TrainingError) -> PairTally {
    let sums = spilled.sums
    let room = max(32, spilled.memory / 4 / PairTally.bytesPerPair)
    var level = wanted
    // Wherever the table is full the level is raised, to where half of its pairs may reach it.
    var tally = PairTally(bits: 6)
    try spilled.forEach { (row, frequency) throws(TrainingError) in
      row.forEachPair { pair in
        if sums.bound(pair) < level { return }
        tally.add(pair, frequency)
        guard tally.count > room else { return }
        let bounds = tally.entries.map { sums.bound($0.pair) }.sorted()
        level = bounds[bounds.count / 2] + 1
        tally.removeAll { sums.bound($0.pair) < level }
      }
    }
    let reached = level
    tally.removeAll { $0.weight < reached || !isAllowed($0.pair) }
    if tally.count > 0 || level <= floor { return tally }
    // Bounds are higher than counts, and the level was raised above all of them; or no pair is left.
    level = max(floor, level / levelStep)
    while true {
      let found = try tallyInParts(of: spilled, atLeast: level, room)
      if found.count > 0 || level <= floor { return found }
      level = max(floor, level / levelStep)
    }
  }

  /// The pairs that occur at least as often as `level`: of as many as have room, then of others.
  private func tallyInParts(
    of spilled: SpilledRows, atLeast level: Int, _ room: Int
  ) throws(TrainingError) -> PairTally {
    let sums = spilled.sums
    var parts: UInt64 = 2
    while true {
      var found = PairTally(bits: 6)
      var isFull = false
      for part in 0..<parts {
        var tally = PairTally(bits: 6)
        try spilled.forEach { (row, frequency) throws(TrainingError) in
          if isFull { return }
          row.forEachPair { pair in
            if sums.bound(pair) < level || pair % parts != part { return }
            tally.add(pair, frequency)
          }
          isFull = tally.count > room && parts < 1 << 20
        }
        if isFull { break }
        tally.forEach { pair, weight, places in
          if weight >= level, isAllowed(pair) { found.add(pair, weight, places: places) }
        }
      }
      if !isFull { return found }
      parts = parts * 4 + 1
    }
  }

  private func isAllowed(_ pair: UInt64) -> Bool {
    isAllowed(UInt32(pair >> 32), UInt32(truncatingIfNeeded: pair))
  }

  /// The lowest level of which what is to be in memory fits, or else the highest of which there are pairs.
  private func lowestLevel(_ tally: PairTally, memory: Int) -> Int {
    let entries = tally.entries.sorted { $0.weight > $1.weight }
    var lowest = floor
    var size = 0
    for (index, entry) in entries.enumerated() {
      size += Self.bytesPerPair + Self.bytesPerPlace * entry.places
      if size > memory, index > 0, entry.weight < entries[0].weight {
        // Above the first weight that does not fit whole.
        return entry.weight + 1
      }
      lowest = entry.weight
    }
    return max(floor, lowest)
  }

  /// Writes the rows whole, with what has been merged in memory.
  private mutating func putSegmentsBack(_ spilled: SpilledRows) throws(TrainingError) {
    // Nothing is taken out at the start.
    if level == .max { return }
    let symbols = rows.symbols
    rows = TrainingRows(symbols: [TrainingRows.mark], largeFrequencies: [])
    var place = 0
    var whole: [UInt32] = []
    let lengths = lengths
    try spilled.rewrite { (row, frequency, writer) throws(TrainingError) in
      whole.removeAll(keepingCapacity: true)
      for index in row.indices {
        if row[index] != SpilledRows.segment {
          whole.append(row[index])
          continue
        }
        place += 1
        while symbols[place] & TrainingRows.mark == 0 {
          whole.append(symbols[place])
          place += Int(lengths[Int(symbols[place])])
        }
      }
      try writer.append(whole.span, frequency: frequency)
    }
  }

  /// Moves the tokens of all pairs that are kept into memory.
  private mutating func takeSegmentsOut(_ spilled: SpilledRows) throws(TrainingError) {
    var segments = TrainingRows.Frequencies()
    var symbols: [UInt32] = []
    // Not more than these are touched, and so take memory, than there are.
    symbols.reserveCapacity(3 * placeCount + 1)
    var rest: [UInt32] = []
    let index = indexOfPair
    // Most tokens are not the left one of a pair that is kept.
    var isLeft = [Bool](repeating: false, count: tokens.count)
    for pair in pairs { isLeft[Int(pair >> 32)] = true }
    try spilled.rewrite { (row, frequency, writer) throws(TrainingError) in
      rest.removeAll(keepingCapacity: true)
      var isOpen = false
      for place in row.indices {
        let token = row[place]
        let isKept =
          isLeft[Int(token)] && place + 1 < row.count
          && index.find(Self.key(token, row[place + 1])) != nil
        if isKept, !isOpen {
          symbols.append(segments.mark(of: frequency))
          rest.append(SpilledRows.segment)
        }
        if isKept || isOpen { symbols.append(token) } else { rest.append(token) }
        isOpen = isKept
      }
      try writer.appendWithSegments(rest.span, frequency: frequency)
    }
    guard symbols.count < Int(TrainingRows.inner) else { throw .tooManyDistinctPreTokens }
    symbols.append(TrainingRows.mark)
    rows = TrainingRows(symbols: symbols, largeFrequencies: segments.large)
  }

  /// Whether some pair is left on disk or in memory that may be merged, however rare. O(n).
  mutating func hasPairLeft(_ spilled: SpilledRows) throws(TrainingError) -> Bool {
    try putSegmentsBack(spilled)
    level = .max
    var isLeft = false
    try spilled.forEach { (row, _) throws(TrainingError) in
      row.forEachPair { pair in isLeft = isLeft || isAllowed(pair) }
    }
    return isLeft
  }
}

extension Span where Element == UInt32 {
  /// Calls `body` with each pair of adjacent tokens.
  @inline(__always)
  fileprivate func forEachPair(_ body: (UInt64) -> Void) {
    guard count > 1 else { return }
    var left = self[0]
    for index in 1..<count {
      let right = self[index]
      body(PairCounts.key(left, right))
      left = right
    }
  }
}
