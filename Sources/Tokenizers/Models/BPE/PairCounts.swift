/// The state of BPE training: every distinct pre-token as a row of tokens, how often each adjacent pair
/// occurs, and where.
///
/// **Rows.** All pre-tokens lie in one array, one position a byte, separated by `separator`. A token of
/// n bytes takes n positions and stands, as its id, at the first and at the last of them; what lies
/// between holds `inner`. So the neighbours of a token are found without links: the next one begins
/// where this one ends, and the last position of the one before is the one before this one's first.
///
/// **Counts.** Weighted by the frequency of the pre-token, kept exact through each merge. The heap is
/// lazy: counts of a pair only fall once it exists, so an entry that is too high is corrected when it
/// comes to the top.
///
/// **Occurrences.** The first positions of each pair's left token, in ascending order. All occurrences of
/// a pair come into being in one step, the one that makes the younger of its tokens, so each list is
/// written once, in one block; places where the pair has gone since are passed over when it is read.
struct PairCounts {
  struct Pair {
    let left: UInt32
    let right: UInt32
    let count: Int
    fileprivate let index: Int
  }

  private static let separator = UInt32.max
  private static let inner = UInt32.max - 1

  private var symbols: [UInt32]
  /// Index of the pre-token at each position.
  private let wordOfPosition: [UInt32]
  private let frequencies: [Int]
  private var lengths = [UInt32](repeating: 1, count: 256)

  private var indexOfPair = PairIndex()
  private var counts: [Int] = []
  private var occurrences: [Range<Int>] = []
  private var positions: [UInt32] = []
  private var heap = MinHeap<Candidate>()

  // Scratch of one merge, by token id: how often it stands left or right of the new token.
  private var leftCounts = [Int](repeating: 0, count: 256)
  private var rightCounts = [Int](repeating: 0, count: 256)
  private var leftPlaces: [(token: UInt32, position: UInt32)] = []
  private var rightPlaces: [(token: UInt32, position: UInt32)] = []

  /// The most frequent pair is the smallest candidate; ties go to the smallest (left id, right id).
  private struct Candidate: Comparable {
    var count: Int
    var pair: UInt64
    var index: UInt32

    static func < (one: Candidate, other: Candidate) -> Bool {
      one.count != other.count ? one.count > other.count : one.pair < other.pair
    }
  }

  init(_ preTokens: PreTokenCounts) throws(TrainingError) {
    let size = preTokens.distinctByteCount + preTokens.distinctCount + 1
    guard size < Int(Self.inner) else { throw .tooManyDistinctPreTokens }
    var symbols: [UInt32] = [Self.separator]
    symbols.reserveCapacity(size)
    var words: [UInt32] = [0]
    words.reserveCapacity(size)
    var frequencies: [Int] = []
    frequencies.reserveCapacity(preTokens.distinctCount)
    let order = ByteAlphabet.orderOfByte
    preTokens.forEach { preToken, count in
      let word = UInt32(frequencies.count)
      for position in preToken.indices {
        symbols.append(UInt32(order[Int(preToken[position])]))
        words.append(word)
      }
      symbols.append(Self.separator)
      words.append(word)
      frequencies.append(count)
    }
    self.symbols = symbols
    self.wordOfPosition = words
    self.frequencies = frequencies
    countInitialPairs()
  }

  /// Counts pairs of bytes, then writes their lists of occurrences one behind the other.
  private mutating func countInitialPairs() {
    var pairCounts = [Int](repeating: 0, count: 1 << 16)
    var placeCounts = [Int](repeating: 0, count: 1 << 16)
    for position in 1..<max(1, symbols.count - 1) {
      let left = symbols[position]
      let right = symbols[position + 1]
      if left >= 256 || right >= 256 { continue }
      let pair = Int(left << 8 | right)
      pairCounts[pair] += frequencies[Int(wordOfPosition[position])]
      placeCounts[pair] += 1
    }
    var nextPlace = [Int](repeating: 0, count: 1 << 16)
    var total = 0
    for pair in 0..<(1 << 16) where placeCounts[pair] > 0 {
      nextPlace[pair] = total
      addPair(
        UInt32(pair >> 8), UInt32(pair & 0xFF), count: pairCounts[pair],
        places: total..<total + placeCounts[pair])
      total += placeCounts[pair]
    }
    heap.restoreOrder()
    positions = [UInt32](repeating: 0, count: total)
    for position in 1..<max(1, symbols.count - 1) {
      let left = symbols[position]
      let right = symbols[position + 1]
      if left >= 256 || right >= 256 { continue }
      let pair = Int(left << 8 | right)
      positions[nextPlace[pair]] = UInt32(position)
      nextPlace[pair] += 1
    }
  }

  private mutating func addPair(_ left: UInt32, _ right: UInt32, count: Int, places: Range<Int>) {
    let index = counts.count
    counts.append(count)
    occurrences.append(places)
    indexOfPair.insert(left, right, index: UInt32(index))
    heap.appendUnordered(
      Candidate(count: count, pair: UInt64(left) << 32 | UInt64(right), index: UInt32(index)))
  }

  /// Takes the most frequent pair out, or nothing if no pair occurs any more.
  mutating func popMostFrequent() -> Pair? {
    while let first = heap.first {
      let count = counts[Int(first.index)]
      if count == first.count {
        _ = heap.popFirst()
        return Pair(
          left: UInt32(truncatingIfNeeded: first.pair >> 32),
          right: UInt32(truncatingIfNeeded: first.pair), count: count, index: Int(first.index))
      }
      if count > 0 {
        heap.replaceFirst(with: Candidate(count: count, pair: first.pair, index: first.index))
      } else {
        _ = heap.popFirst()
      }
    }
    return nil
  }

  /// Replaces every occurrence of `pair`, from left to right, by the new token `merged`.
  ///
  /// For each occurrence, x a b y becomes x z y: (x, a) and (b, y) fall by the pre-token's frequency,
  /// (x, z) and (z, y) rise by it. Both changes are the same for all occurrences with the same x or y, so
  /// they are added up by x and by y first, and each pair is looked up once. That holds too where a
  /// neighbour is itself an occurrence: a b a b first raises (z, a), which the second one lowers again.
  mutating func merge(_ pair: Pair, into merged: UInt32) {
    let leftLength = lengths[Int(pair.left)]
    let rightLength = lengths[Int(pair.right)]
    let length = leftLength + rightLength
    lengths.append(length)
    leftCounts.append(0)
    rightCounts.append(0)
    leftPlaces.removeAll(keepingCapacity: true)
    rightPlaces.removeAll(keepingCapacity: true)

    // Taken out of self and put back, so that each is one span for the whole loop.
    var takenSymbols: [UInt32] = []
    var takenLefts: [Int] = []
    var takenRights: [Int] = []
    swap(&takenSymbols, &symbols)
    swap(&takenLefts, &leftCounts)
    swap(&takenRights, &rightCounts)
    do {
      var symbols = takenSymbols.mutableSpan
      let list = positions[occurrences[pair.index]]
      let words = wordOfPosition
      let frequencies = frequencies
      let lengths = lengths
      var leftCounts = takenLefts.mutableSpan
      var rightCounts = takenRights.mutableSpan
      for start in list {
        let middle = start + leftLength
        guard symbols[Int(start)] == pair.left, symbols[Int(middle)] == pair.right else { continue }
        let frequency = frequencies[Int(words[Int(start)])]
        let last = start + length - 1
        let before = symbols[Int(start) - 1]
        let after = symbols[Int(last) + 1]
        symbols[Int(middle) - 1] = Self.inner
        symbols[Int(middle)] = Self.inner
        symbols[Int(start)] = merged
        symbols[Int(last)] = merged
        if before != Self.separator {
          leftCounts[Int(before)] += frequency
          leftPlaces.append((before, start - lengths[Int(before)]))
        }
        if after != Self.separator {
          rightCounts[Int(after)] += frequency
          rightPlaces.append((after, start))
        }
      }
    }
    swap(&takenSymbols, &symbols)
    swap(&takenLefts, &leftCounts)
    swap(&takenRights, &rightCounts)
    counts[pair.index] = 0

    // Lists of places are grouped by neighbour; the sort is stable by position, the low half.
    let lefts = Self.group(&leftPlaces)
    for group in lefts {
      let token = leftPlaces[group.lowerBound].token
      if let index = indexOfPair.find(token, pair.left), Int(index) != pair.index {
        counts[Int(index)] -= leftCounts[Int(token)]
      }
    }
    let rights = Self.group(&rightPlaces)
    for group in rights {
      let token = rightPlaces[group.lowerBound].token
      if let index = indexOfPair.find(pair.right, token), Int(index) != pair.index {
        counts[Int(index)] -= rightCounts[Int(token)]
      }
    }
    addNewPairs(pair, merged, lefts, rights)
    for group in lefts { leftCounts[Int(leftPlaces[group.lowerBound].token)] = 0 }
    for group in rights { rightCounts[Int(rightPlaces[group.lowerBound].token)] = 0 }
  }

  /// Adds the pairs that the new token forms with its neighbours, where any are left.
  private mutating func addNewPairs(
    _ pair: Pair, _ merged: UInt32, _ lefts: [Range<Int>], _ rights: [Range<Int>]
  ) {
    for group in lefts {
      let token = leftPlaces[group.lowerBound].token
      addNewPair(token, merged, count: leftCounts[Int(token)], leftPlaces[group])
    }
    for group in rights {
      let token = rightPlaces[group.lowerBound].token
      // A right neighbour that became part of a new token itself: z a b is z z now.
      let gone = token == pair.left ? leftCounts[Int(merged)] : 0
      addNewPair(merged, token, count: rightCounts[Int(token)] - gone, rightPlaces[group])
    }
  }

  private mutating func addNewPair(
    _ left: UInt32, _ right: UInt32, count: Int,
    _ places: ArraySlice<(token: UInt32, position: UInt32)>
  ) {
    if count <= 0 { return }
    let index = counts.count
    let start = positions.count
    for place in places { positions.append(place.position) }
    counts.append(count)
    occurrences.append(start..<positions.count)
    indexOfPair.insert(left, right, index: UInt32(index))
    heap.insert(
      Candidate(count: count, pair: UInt64(left) << 32 | UInt64(right), index: UInt32(index)))
  }

  /// Brings places of the same token together, positions ascending, and returns where each group lies.
  private static func group(_ places: inout [(token: UInt32, position: UInt32)]) -> [Range<Int>] {
    places.sort { ($0.token, $0.position) < ($1.token, $1.position) }
    var groups: [Range<Int>] = []
    var start = 0
    for position in places.indices where position > start {
      if places[position].token != places[start].token {
        groups.append(start..<position)
        start = position
      }
    }
    if start < places.count { groups.append(start..<places.count) }
    return groups
  }
}

/// Where each pair's count and occurrences are kept: open addressing, at most half full.
struct PairIndex {
  private var keys = [UInt64](repeating: .max, count: 1 << 12)
  private var values = [UInt32](repeating: 0, count: 1 << 12)
  private var count = 0

  /// The index given to this pair, if any.
  func find(_ left: UInt32, _ right: UInt32) -> UInt32? {
    let pair = UInt64(left) << 32 | UInt64(right)
    var position = Self.position(of: pair, keys.count)
    while keys[position] != .max {
      if keys[position] == pair { return values[position] }
      position = (position + 1) & (keys.count - 1)
    }
    return nil
  }

  /// Gives an index to a pair that has none.
  mutating func insert(_ left: UInt32, _ right: UInt32, index: UInt32) {
    if count * 2 >= keys.count { grow() }
    place(UInt64(left) << 32 | UInt64(right), index)
    count += 1
  }

  private mutating func grow() {
    let old = (keys, values)
    keys = [UInt64](repeating: .max, count: old.0.count * 4)
    values = [UInt32](repeating: 0, count: old.0.count * 4)
    for (key, value) in zip(old.0, old.1) where key != .max { place(key, value) }
  }

  private mutating func place(_ pair: UInt64, _ value: UInt32) {
    var position = Self.position(of: pair, keys.count)
    while keys[position] != .max { position = (position + 1) & (keys.count - 1) }
    keys[position] = pair
    values[position] = value
  }

  private static func position(of pair: UInt64, _ size: Int) -> Int {
    Int(truncatingIfNeeded: ((pair ^ (pair >> 29)) &* 0x9E37_79B9_7F4A_7C15) >> 32) & (size - 1)
  }
}
