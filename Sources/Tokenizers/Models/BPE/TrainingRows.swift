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

  fileprivate init(symbols: [UInt32], largeFrequencies: [Int]) {
    self.symbols = symbols
    self.largeFrequencies = largeFrequencies
    findLongRows()
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

/// Collects pre-tokens as rows.
///
/// How many there are is not known before, and an array that grows would take three times its size: so
/// they are collected in blocks, each of which is given back as soon as it has been copied.
struct TrainingRowsBuilder {
  private final class Block {
    /// The first block is small, for small corpora.
    let memory: ZeroedMemory
    let capacity: Int
    var count = 0

    init(capacity: Int) {
      self.capacity = capacity
      memory = ZeroedMemory(byteCount: capacity * MemoryLayout<UInt32>.stride)
    }
  }

  /// What turns a pre-token into the tokens that training begins with; bytes in GPT-2's order if nothing.
  private let encode: ((Span<UInt8>, inout [UInt32]) -> Void)?
  private let keepsOrder: Bool
  private var blocks: [Block] = []
  private var largeFrequencies: [Int] = []
  private var row: [UInt32] = []
  private var size = 0
  /// Bytes of the corpus: each pre-token's as often as it occurs.
  private(set) var weight = 0
  /// Tokens of the corpus before the first merge.
  private(set) var tokenCount = 0
  /// Where each row begins and where it was met first, if the order is kept.
  private var starts: [(start: Int, first: Int)] = []
  private let order = ByteAlphabet.orderOfByte

  /// - Parameters:
  ///   - keepsOrder: Whether rows are put in the order in which their pre-tokens were met first.
  ///   - encode: Appends the numbers of the tokens that a pre-token begins with.
  init(keepsOrder: Bool, encode: ((Span<UInt8>, inout [UInt32]) -> Void)? = nil) {
    self.keepsOrder = keepsOrder
    self.encode = encode
  }

  /// Adds a pre-token.
  mutating func append(_ preToken: Span<UInt8>, count: Int, first: Int) throws(TrainingError) {
    row.removeAll(keepingCapacity: true)
    if count < 1 << 30 {
      row.append(TrainingRows.mark | UInt32(count))
    } else {
      row.append(TrainingRows.mark | 1 << 30 | UInt32(largeFrequencies.count))
      largeFrequencies.append(count)
    }
    if let encode {
      encode(preToken, &row)
    } else {
      for position in preToken.indices { row.append(UInt32(order[Int(preToken[position])])) }
    }
    // No pair can occur more often than there are bytes: one check for all sums to come.
    let (bytes, isTooLarge) = count.multipliedReportingOverflow(by: preToken.count)
    let (sum, isTooMuch) = weight.addingReportingOverflow(bytes)
    if isTooLarge || isTooMuch { throw .countsTooLarge }
    weight = sum
    tokenCount += count * (row.count - 1)
    if keepsOrder { starts.append((size, first)) }
    size += row.count
    guard size < Int(TrainingRows.inner) else { throw .tooManyDistinctPreTokens }
    var done = 0
    while done < row.count {
      if blocks.isEmpty || blocks[blocks.count - 1].count == blocks[blocks.count - 1].capacity {
        blocks.append(Block(capacity: blocks.isEmpty ? 1 << 14 : 1 << 20))
      }
      let block = blocks[blocks.count - 1]
      let taken = min(row.count - done, block.capacity - block.count)
      unsafe row.withUnsafeBufferPointer { row in
        // Both hold as much as is left of the block and of the row.
        let target = unsafe block.memory.base.assumingMemoryBound(to: UInt32.self)
        unsafe (target + block.count).update(
          from: row.baseAddress.unsafelyUnwrapped + done, count: taken)
      }
      block.count += taken
      done += taken
    }
  }

  /// The rows; the builder is empty afterwards.
  mutating func finish() -> TrainingRows {
    let total = size + 1
    blocks.reverse()
    var symbols = unsafe [UInt32](unsafeUninitializedCapacity: total) { buffer, count in
      while let block = blocks.popLast() {
        // The blocks hold `size` elements together; one more is written behind them.
        let source = unsafe block.memory.base.assumingMemoryBound(to: UInt32.self)
        unsafe (buffer.baseAddress.unsafelyUnwrapped + count).initialize(
          from: source, count: block.count)
        count += block.count
      }
      unsafe (buffer.baseAddress.unsafelyUnwrapped + count).initialize(to: TrainingRows.mark)
      count += 1
    }
    if keepsOrder { symbols = ordered(symbols) }
    starts = []
    return TrainingRows(symbols: symbols, largeFrequencies: largeFrequencies)
  }

  private func ordered(_ symbols: [UInt32]) -> [UInt32] {
    let order = starts.indices.sorted { starts[$0].first < starts[$1].first }
    var result: [UInt32] = []
    result.reserveCapacity(symbols.count)
    for index in order {
      let end = index + 1 < starts.count ? starts[index + 1].start : symbols.count - 1
      result += symbols[starts[index].start..<end]
    }
    result.append(TrainingRows.mark)
    return result
  }
}
