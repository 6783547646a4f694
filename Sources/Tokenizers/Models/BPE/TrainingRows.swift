/// All distinct pre-tokens as rows of tokens, in one array: `mark t t t mark t t mark t … mark`.
///
/// **Places.** When rows are laid out each token takes one place. A token that is merged from two takes
/// the places of both, and stands, as its number, at the first and at the last of them; what lies between
/// holds `inner`. So the neighbours of a token are found without links: the next one begins where this one
/// ends, and the last place of the one before is the one before this one's first.
///
/// **Marks.** What stands before a row says how often its pre-token occurs: the number itself below 2^30,
/// else where it is kept. A token finds it by going left, which stays within a cache line or two.
struct TrainingRows {
  /// Set in marks, never in numbers of tokens.
  static let mark: UInt32 = 1 << 31
  /// Set in marks that hold a place in `largeFrequencies`.
  private static let isLarge: UInt32 = 1 << 30
  static let inner: UInt32 = mark - 1
  /// Rows longer than this are known by where they begin: going left in them would take quadratic time.
  static let longRow = 64

  var symbols: [UInt32]
  private var largeFrequencies: [Int]
  /// Where the marks of long rows stand, ascending.
  private(set) var longRows: [UInt32] = []

  /// Rows with their marks, and the frequencies that those stand for that are large.
  init(symbols: [UInt32], largeFrequencies: [Int]) {
    self.symbols = symbols
    self.largeFrequencies = largeFrequencies
    findLongRows()
  }

  /// Makes marks.
  struct Frequencies {
    private(set) var large: [Int] = []

    /// The mark of a row that occurs so often.
    mutating func mark(of frequency: Int) -> UInt32 {
      if frequency < 1 << 30 { return TrainingRows.mark | UInt32(frequency) }
      large.append(frequency)
      return TrainingRows.mark | TrainingRows.isLarge | UInt32(large.count - 1)
    }
  }

  /// How often the row that begins with `mark` occurs.
  @inline(__always)
  func frequency(_ mark: UInt32) -> Int {
    mark & Self.isLarge == 0
      ? Int(mark & ~Self.mark) : largeFrequencies[Int(mark & (Self.isLarge - 1))]
  }

  /// The mark of the long row that holds `place` of `symbols`.
  func markOfLongRow(_ place: Int, in symbols: Span<UInt32>) -> UInt32 {
    var low = 0
    var high = longRows.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if Int(longRows[middle]) < place { low = middle } else { high = middle }
    }
    return symbols[Int(longRows[low])]
  }

  /// Calls `body` with each row and its frequency. The rows must be compact.
  func forEachRow(
    _ body: (_ row: Span<UInt32>, _ frequency: Int) throws(TrainingError) -> Void
  ) throws(TrainingError) {
    let symbols = symbols.span
    var begin = 0
    for place in symbols.indices where place > begin && symbols[place] & Self.mark != 0 {
      try body(symbols.extracting(begin + 1..<place), frequency(symbols[begin]))
      begin = place
    }
  }

  private mutating func findLongRows() {
    longRows = []
    var begin = 0
    for place in symbols.indices where symbols[place] & Self.mark != 0 {
      if place - begin > Self.longRow { longRows.append(UInt32(begin)) }
      begin = place
    }
  }

  /// Lays the rows out anew: each token takes one place again, and rows of one token, which no merge can
  /// change, are left out.
  ///
  /// - Parameter lengths: How many places each token takes now.
  mutating func compact(lengths: Span<UInt32>) {
    var taken: [UInt32] = []
    swap(&taken, &symbols)
    var written = 0
    do {
      var symbols = taken.mutableSpan
      var rowStart = 0
      var place = 0
      while place < symbols.count {
        let symbol = symbols[place]
        if symbol & Self.mark == 0 {
          place += Int(lengths[Int(symbol)])
        } else {
          // A row with fewer than two tokens is written over.
          if written - rowStart < 3 { written = rowStart }
          rowStart = written
          place += 1
        }
        // Never ahead of what is read.
        symbols[written] = symbol
        written += 1
      }
    }
    swap(&taken, &symbols)
    symbols.removeSubrange(written...)
    if symbols.capacity > 2 * written {
      var smaller: [UInt32] = []
      smaller.reserveCapacity(written)
      smaller += symbols
      symbols = smaller
    }
    findLongRows()
  }
}
