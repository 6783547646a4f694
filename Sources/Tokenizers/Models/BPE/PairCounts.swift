/// The state of BPE training: how often each adjacent pair of tokens occurs, and where.
///
/// **Counts** are weighted by the frequency of the pre-token and kept exact through each merge. All
/// occurrences of a pair come into being in one step, the one that makes the younger of its tokens;
/// afterwards they only grow fewer. So a pair that is too rare when it appears stays too rare.
///
/// **Levels.** Only pairs that occur at least `level` times are kept. When no such pair is left, the
/// level is lowered and all pairs of the rows, which have become shorter by then, are counted anew. Of the
/// many pairs that never come to be merged, most so cost an addition and nothing more: neither a place in
/// a table nor a list of occurrences.
///
/// **Occurrences** are the places of each pair's left token, ascending. A list is written once, in one
/// block; places where the pair has gone since are passed over when it is read.
struct PairCounts {
  struct Pair {
    let left: UInt32
    let right: UInt32
    let count: Int
    let index: Int
  }

  /// What one neighbour of the merged pair amounts to.
  private struct Neighbour {
    /// how often it stands there, weighted
    var weight = 0
    /// in how many places
    var places: UInt32 = 0
    /// the index of the pair with it, `notKept` if there is none
    var index: UInt32 = notKept

    static let notKept = UInt32.max
  }

  let tokens: TrainingTokens
  private let longestToken: Int
  /// No pair that occurs less often is ever merged.
  let floor: Int
  let levelStep: Int
  var level = Int.max

  /// The corpus, or the segments of it that are in memory.
  var rows: TrainingRows
  /// What is on disk, if not all is in memory.
  let spilled: SpilledRows?
  /// How many places each token takes in the rows.
  var lengths: [UInt32]

  /// Where the places of a pair lie in `places`.
  struct PlaceList {
    var start: Int
    var end: Int
  }

  var indexOfPair = PairIndex()
  /// Left and right token of each pair that is kept, by its index.
  var pairs: [UInt64] = []
  var counts: [Int] = []
  var lists: [PlaceList] = []
  var places: [UInt32] = []
  /// How many places the lists have room for.
  var placeCount = 0
  /// How many they had room for when the level was lowered.
  var firstPlaceCount = 0
  /// How many merges there were since.
  var mergedSinceLevel = 0
  private let ties: TieRule
  var queue: PairQueue

  // Scratch of one merge, by token: what stands left and right of the new token.
  private var lefts: [Neighbour]
  private var rights: [Neighbour]
  private var visited = Visited()

  /// What was met on the way through a list of occurrences.
  private struct Visited {
    /// each occurrence: the token or mark on its left, the one on its right, where it begins
    var occurrences: [(left: UInt32, right: UInt32, place: UInt32)] = []
    /// each different token on the left, and on the right
    var lefts: [UInt32] = []
    var rights: [UInt32] = []

    mutating func removeAll() {
      occurrences.removeAll(keepingCapacity: true)
      lefts.removeAll(keepingCapacity: true)
      rights.removeAll(keepingCapacity: true)
    }
  }

  /// - Parameters:
  ///   - rows: The corpus.
  ///   - spilled: The corpus if it is not in memory; there are no rows then.
  ///   - tokens: The tokens that it consists of.
  ///   - ties: What decides between pairs of the same count.
  ///   - longestToken: No token of more bytes is made.
  ///   - floor: Pairs that occur less often are not merged; at least 1.
  ///   - levelStep: By what the level is divided when it is lowered.
  init(
    _ rows: consuming TrainingRows, _ spilled: SpilledRows?, _ tokens: TrainingTokens,
    ties: TieRule, longestToken: Int, floor: Int, levelStep: Int
  ) {
    self.rows = rows
    self.spilled = spilled
    self.tokens = tokens
    self.ties = ties
    self.longestToken = longestToken
    self.floor = floor
    self.levelStep = levelStep
    lengths = [UInt32](repeating: 1, count: tokens.count)
    lefts = [Neighbour](repeating: Neighbour(), count: tokens.count)
    rights = lefts
    queue = PairQueue(ties, tokens)
  }

  /// Takes the pair that is to be merged next out, or nothing if no pair occurs as often as `floor`.
  mutating func popMostFrequent() throws(TrainingError) -> Pair? {
    while true {
      if let spilled, isAboveMemory { try lowerLevel(spilled) }
      while let first = queue.first {
        let index = Int(first.index)
        let count = counts[index]
        if count < level {
          queue.removeFirst(pairs)
          continue
        }
        let key = ties == .firstSeen ? firstLivePlace(index) : first.key
        if count == first.count, key == first.key {
          queue.removeFirst(pairs)
          return Pair(
            left: UInt32(pairs[index] >> 32), right: UInt32(truncatingIfNeeded: pairs[index]),
            count: count, index: index)
        }
        queue.replaceFirst(
          with: PairQueue.Candidate(count: count, key: key, index: first.index), pairs)
      }
      if level <= floor { return nil }
      if let spilled { try lowerLevel(spilled) } else { lowerLevel() }
    }
  }

  /// Where a pair stands first; its list begins there from now on.
  private mutating func firstLivePlace(_ index: Int) -> UInt64 {
    let left = UInt32(pairs[index] >> 32)
    let right = UInt32(truncatingIfNeeded: pairs[index])
    while lists[index].start < lists[index].end {
      let start = Int(places[lists[index].start])
      if rows.symbols[start] == left,
        rows.symbols[start + Int(lengths[Int(left)])] == right
      {
        return UInt64(start)
      }
      lists[index].start += 1
    }
    return .max
  }

  /// Replaces every occurrence of `pair`, from left to right, by a new token.
  ///
  /// For each occurrence, x a b y becomes x z y: (x, a) and (b, y) fall by the pre-token's frequency,
  /// (x, z) and (z, y) rise by it. Both changes are the same for all occurrences with the same x or y, so
  /// they are added up by x and by y first, and each pair is looked up once. That holds too where a
  /// neighbour is itself an occurrence: a b a b first raises (z, a), which the second one lowers again.
  ///
  /// - Returns: How many tokens fewer the corpus has.
  mutating func merge(_ pair: Pair) -> Int {
    let merged = UInt32(tokens.count)
    mergedSinceLevel += 1
    tokens.append(pair.left, pair.right)
    lengths.append(lengths[Int(pair.left)] + lengths[Int(pair.right)])
    lefts.append(Neighbour())
    rights.append(Neighbour())
    counts[pair.index] = 0
    let replaced = replaceOccurrences(of: pair, by: merged)
    let firstNew = pairs.count
    updatePairs(pair, merged)
    if firstNew < pairs.count {
      writeLists(pair, merged)
      for index in firstNew..<pairs.count { enqueue(index) }
    }
    for token in visited.lefts { lefts[Int(token)] = Neighbour() }
    for token in visited.rights { rights[Int(token)] = Neighbour() }
    visited.removeAll()
    return replaced
  }

  private mutating func replaceOccurrences(of pair: Pair, by merged: UInt32) -> Int {
    // Taken out of self and put back, so that each is one span for the whole loop.
    var takenSymbols: [UInt32] = []
    var takenLefts: [Neighbour] = []
    var takenRights: [Neighbour] = []
    var visited = Visited()
    swap(&takenSymbols, &rows.symbols)
    swap(&takenLefts, &lefts)
    swap(&takenRights, &rights)
    swap(&visited, &self.visited)
    var total = 0
    do {
      var symbols = takenSymbols.mutableSpan
      var lefts = takenLefts.mutableSpan
      var rights = takenRights.mutableSpan
      let lengths = lengths.span
      let leftLength = Int(lengths[Int(pair.left)])
      let length = Int(lengths[Int(merged)])
      let list = places.span.extracting(lists[pair.index].start..<lists[pair.index].end)
      // The sums of weights cannot overflow: the builder of the rows has added all of them up.
      for index in list.indices {
        let start = Int(list[index])
        let middle = start &+ leftLength
        guard symbols[start] == pair.left, symbols[middle] == pair.right else { continue }
        let last = start &+ length &- 1
        let before = symbols[start &- 1]
        let after = symbols[last &+ 1]
        // To the left, to the mark of the row.
        var place = start &- 1
        var mark = before
        while mark & TrainingRows.mark == 0 {
          place &-= Int(lengths[Int(mark)])
          mark =
            start &- place > TrainingRows.longRow
            ? rows.markOfLongRow(start, in: symbols.span) : symbols[place]
        }
        let frequency = rows.frequency(mark)
        total &+= frequency
        symbols[middle &- 1] = TrainingRows.inner
        symbols[middle] = TrainingRows.inner
        symbols[start] = merged
        symbols[last] = merged
        if before & TrainingRows.mark == 0 {
          if lefts[Int(before)].places == 0 { visited.lefts.append(before) }
          lefts[Int(before)].weight &+= frequency
          lefts[Int(before)].places &+= 1
        }
        if after & TrainingRows.mark == 0 {
          if rights[Int(after)].places == 0 { visited.rights.append(after) }
          rights[Int(after)].weight &+= frequency
          rights[Int(after)].places &+= 1
        }
        visited.occurrences.append((before, after, UInt32(truncatingIfNeeded: start)))
      }
    }
    swap(&takenSymbols, &rows.symbols)
    swap(&takenLefts, &lefts)
    swap(&takenRights, &rights)
    swap(&visited, &self.visited)
    return total
  }

  /// Changes the counts of the pairs that were there, and adds those that the new token forms, without
  /// their places yet.
  private mutating func updatePairs(_ pair: Pair, _ merged: UInt32) {
    for token in visited.lefts {
      let left = lefts[Int(token)]
      lower(token, pair.left, by: left.weight, except: pair.index)
      lefts[Int(token)].index = addPair(
        token, merged, count: left.weight, places: Int(left.places))
    }
    for token in visited.rights {
      let right = rights[Int(token)]
      lower(pair.right, token, by: right.weight, except: pair.index)
      // A right neighbour that became part of a new token itself: z a b is z z now.
      let gone = token == pair.left ? lefts[Int(merged)].weight : 0
      rights[Int(token)].index = addPair(
        merged, token, count: right.weight - gone, places: Int(right.places))
    }
  }

  private mutating func lower(
    _ left: UInt32, _ right: UInt32, by weight: Int, except merging: Int
  ) {
    guard let index = indexOfPair.find(Self.key(left, right)), index != merging else { return }
    counts[index] -= weight
  }

  static func key(_ left: UInt32, _ right: UInt32) -> UInt64 {
    UInt64(left) << 32 | UInt64(right)
  }

  /// Adds a pair if it is to be kept, with room for its places and not in the queue yet.
  ///
  /// - Returns: Its index, or `notKept`.
  mutating func addPair(
    _ left: UInt32, _ right: UInt32, count: Int, places room: Int
  ) -> UInt32 {
    guard count >= level, isAllowed(left, right) else { return Neighbour.notKept }
    let index = pairs.count
    pairs.append(Self.key(left, right))
    counts.append(count)
    lists.append(PlaceList(start: placeCount, end: placeCount))
    placeCount += room
    indexOfPair.insert(Self.key(left, right), index: index)
    return UInt32(index)
  }

  /// Whether these two may become a token.
  func isAllowed(_ left: UInt32, _ right: UInt32) -> Bool {
    tokens.length(left) + tokens.length(right) <= longestToken && !tokens.isKnown(left, right)
  }

  /// Writes the places of the pairs just added, ascending as the occurrences were visited.
  private mutating func writeLists(_ pair: Pair, _ merged: UInt32) {
    extendPlaces()
    var visited = Visited()
    swap(&visited, &self.visited)
    for visit in visited.occurrences {
      if visit.left & TrainingRows.mark == 0 {
        let index = lefts[Int(visit.left)].index
        if index != Neighbour.notKept {
          appendPlace(visit.place - lengths[Int(visit.left)], to: Int(index))
        }
      }
      if visit.right & TrainingRows.mark == 0 {
        let index = rights[Int(visit.right)].index
        if index != Neighbour.notKept { appendPlace(visit.place, to: Int(index)) }
      }
    }
    swap(&visited, &self.visited)
  }

  /// Makes `places` as large as the lists need it.
  mutating func extendPlaces() {
    places.append(contentsOf: repeatElement(0, count: placeCount - places.count))
  }

  @inline(__always)
  mutating func appendPlace(_ place: UInt32, to index: Int) {
    places[lists[index].end] = place
    lists[index].end += 1
  }

  /// Puts a pair whose places are known into the queue.
  mutating func enqueue(_ index: Int) {
    let key = queue.key(pairs[index], firstPlace: places[lists[index].start])
    queue.insert(
      PairQueue.Candidate(count: counts[index], key: key, index: UInt32(index)), pairs)
  }
}
