/// Sums of the counts of all pairs with the same hash: what no pair among them can exceed.
///
/// There are many more pairs than such that reach a level, and counting each in a table of its own would
/// take more memory than the rows.
struct PairSums {
  private var sums: [Int]

  /// - Parameter bits: There are 2^bits sums.
  init(bits: Int) { sums = [Int](repeating: 0, count: 1 << bits) }

  /// Bytes of memory.
  var memorySize: Int { sums.count * MemoryLayout<Int>.stride }

  /// What no count exceeds.
  var largest: Int { sums.reduce(0, max) }

  mutating func removeAll() {
    for index in sums.indices { sums[index] = 0 }
  }

  /// Adds the pairs of all rows, which must be compact.
  mutating func add(_ rows: TrainingRows) {
    var span = sums.mutableSpan
    let mask = span.count - 1
    rows.forEachPair { pair, _, frequency in
      span[Self.bucket(pair, mask)] &+= frequency
    }
  }

  /// Adds the pairs of a row of tokens.
  mutating func add(_ row: Span<UInt32>, frequency: Int) {
    guard row.count > 1 else { return }
    var span = sums.mutableSpan
    let mask = span.count - 1
    var left = row[0]
    for index in 1..<row.count {
      let right = row[index]
      span[Self.bucket(PairCounts.key(left, right), mask)] &+= frequency
      left = right
    }
  }

  /// What the count of this pair cannot exceed.
  @inline(__always)
  func bound(_ pair: UInt64) -> Int { sums[Self.bucket(pair, sums.count &- 1)] }

  @inline(__always)
  private static func bucket(_ pair: UInt64, _ mask: Int) -> Int {
    Int(truncatingIfNeeded: ((pair ^ (pair >> 29)) &* 0x9E37_79B9_7F4A_7C15) >> 40) & mask
  }
}

/// Tells most of the pairs that do not reach a level.
struct PairFilter {
  private static let smallest = 16

  private let level: Int
  private var sums: PairSums?

  init(_ rows: TrainingRows, atLeast level: Int) {
    self.level = level
    // A level of 1 keeps all; few rows have few pairs.
    if level <= 1 || rows.symbols.count < 1 << Self.smallest { return }
    var bits = Self.smallest
    while 1 << bits < rows.symbols.count / 8, bits < 22 { bits += 1 }
    var sums = PairSums(bits: bits)
    sums.add(rows)
    self.sums = sums
  }

  @inline(__always)
  func mayReachLevel(_ pair: UInt64) -> Bool {
    guard let sums else { return true }
    return sums.bound(pair) >= level
  }
}

/// Counts pairs: open addressing, at most half full.
struct PairTally {
  /// What is known of a pair.
  struct Entry {
    var pair: UInt64
    /// its count
    var weight: Int
    /// in how many places it stands
    var places: Int
  }

  /// Bytes of memory that a pair takes at most, while the table grows.
  static let bytesPerPair = MemoryLayout<Entry>.stride * 6
  private static let free = Entry(pair: .max, weight: 0, places: 0)

  private var slots: [Entry]
  /// Number of pairs.
  private(set) var count = 0

  /// - Parameter bits: There are 2^bits slots at first, at least two.
  init(bits: Int = 12) { slots = [Entry](repeating: Self.free, count: 1 << max(1, bits)) }

  /// The count of the most frequent pair.
  var largestWeight: Int { slots.reduce(0) { max($0, $1.weight) } }

  /// All pairs, in no particular order.
  var entries: [Entry] { slots.filter { $0.pair != .max } }

  @inline(__always)
  mutating func add(_ pair: UInt64, _ weight: Int) { add(pair, weight, places: 1) }

  @inline(__always)
  mutating func add(_ pair: UInt64, _ weight: Int, places: Int) {
    let mask = slots.count - 1
    var position = Self.position(of: pair, mask)
    while true {
      if slots[position].pair == pair { break }
      if slots[position].pair == .max {
        if count * 2 >= slots.count {
          grow()
          return add(pair, weight, places: places)
        }
        slots[position].pair = pair
        count += 1
        break
      }
      position = (position + 1) & mask
    }
    slots[position].weight &+= weight
    slots[position].places &+= places
  }

  func forEach(_ body: (_ pair: UInt64, _ weight: Int, _ places: Int) -> Void) {
    for slot in slots where slot.pair != .max { body(slot.pair, slot.weight, slot.places) }
  }

  /// Forgets the pairs of which `isLeftOut` says so.
  mutating func removeAll(where isLeftOut: (Entry) -> Bool) {
    var kept = PairTally(bits: slots.count.trailingZeroBitCount)
    for slot in slots where slot.pair != .max && !isLeftOut(slot) {
      kept.add(slot.pair, slot.weight, places: slot.places)
    }
    self = kept
  }

  private mutating func grow() {
    let old = slots
    slots = [Entry](repeating: Self.free, count: old.count * 2)
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
