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

  /// Bytes of memory that learning takes for a symbol, places and tables included.
  private static let bytesPerSymbol = 14

  /// What turns a pre-token into the tokens that training begins with; bytes in GPT-2's order if nothing.
  private let encode: ((Span<UInt8>, inout [UInt32]) -> Void)?
  private let keepsOrder: Bool
  private var blocks: [Block] = []
  private var frequencies = TrainingRows.Frequencies()
  private var row: [UInt32] = []
  private var size = 0
  /// Bytes of the corpus: each pre-token's as often as it occurs.
  private(set) var weight = 0
  /// Tokens of the corpus before the first merge.
  private(set) var tokenCount = 0
  /// Where each row begins and where it was met first, if the order is kept.
  private var starts: [(start: Int, first: Int)] = []
  private let order = ByteAlphabet.orderOfByte

  /// Bytes that learning may take, if there is a bound.
  private let memory: Int?
  private let temporaryFolder: String
  /// How many symbols may be in memory.
  private let room: Int
  private var spilled: SpilledRows?
  private var writer: SpilledRows.Writer?

  /// - Parameters:
  ///   - keepsOrder: Whether rows are put in the order in which their pre-tokens were met first; they
  ///     stay in memory then, whatever they take.
  ///   - memory: Bytes that learning may take, if there is a bound.
  ///   - temporaryFolder: Where to write rows that do not fit.
  ///   - encode: Appends the numbers of the tokens that a pre-token begins with.
  init(
    keepsOrder: Bool, memory: Int?, temporaryFolder: String?,
    encode: ((Span<UInt8>, inout [UInt32]) -> Void)? = nil
  ) {
    self.keepsOrder = keepsOrder
    self.memory = memory
    self.temporaryFolder = temporaryFolder ?? SpillFile.defaultFolder
    room = memory.map { $0 / Self.bytesPerSymbol } ?? .max
    self.encode = encode
  }

  /// Adds a pre-token.
  mutating func append(_ preToken: Span<UInt8>, count: Int, first: Int) throws(TrainingError) {
    row.removeAll(keepingCapacity: true)
    row.append(0)
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
    if var writer {
      // Taken out, so that it is the only one.
      self.writer = nil
      try writer.append(row.span.extracting(droppingFirst: 1), frequency: count)
      self.writer = writer
      return
    }
    row[0] = frequencies.mark(of: count)
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
    if let memory, size > room, !keepsOrder { try spill(memory) }
  }

  /// Writes all rows to a file, as those to come will be.
  private mutating func spill(_ memory: Int) throws(TrainingError) {
    let rows = takeRows()
    let spilled = try SpilledRows(memory: memory, folder: temporaryFolder)
    var writer = spilled.makeWriter()
    try rows.forEachRow { (row, frequency) throws(TrainingError) in
      try writer.append(row, frequency: frequency)
    }
    self.writer = writer
    self.spilled = spilled
  }

  /// The rows, in memory or on disk; the builder is empty afterwards.
  mutating func finish() throws(TrainingError) -> (rows: TrainingRows, spilled: SpilledRows?) {
    if let spilled, let writer {
      self.writer = nil
      try spilled.finish(writer)
      return (TrainingRows(symbols: [TrainingRows.mark], largeFrequencies: []), spilled)
    }
    return (takeRows(), nil)
  }

  private mutating func takeRows() -> TrainingRows {
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
    size = 0
    let large = frequencies.large
    frequencies = TrainingRows.Frequencies()
    return TrainingRows(symbols: symbols, largeFrequencies: large)
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
