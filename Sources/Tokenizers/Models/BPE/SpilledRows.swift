/// Rows of tokens in a temporary file, for corpora whose distinct pre-tokens do not fit into memory.
///
/// A record is a row's frequency, how many symbols it has, and those, as numbers of seven bits a byte. A
/// symbol is a token's number and one, or 0 for a segment: tokens that have been taken out and are in memory
/// (`PairCounts.split`), in the order in which they stand in the file. Rows of fewer than two tokens, which
/// no merge can change, are left out.
final class SpilledRows {
  /// Bytes of memory that learning may take, beside what it always takes.
  let memory: Int
  private let folder: String
  private var file: SpillFile
  /// Bounds of the counts of all pairs, where no segment is taken out.
  private(set) var sums: PairSums

  /// In a row that was read: tokens that were taken out stand here.
  static let segment = UInt32.max

  /// No rows.
  ///
  /// - Parameters:
  ///   - memory: Bytes that learning may take.
  ///   - folder: Where to write.
  init(memory: Int, folder: String) throws(TrainingError) {
    self.memory = memory
    self.folder = folder
    file = try Self.makeFile(folder)
    var bits = 10
    // More of them would be exacter bounds, and leave the caches.
    while bits < 20, MemoryLayout<Int>.stride << (bits + 1) <= memory / 8 { bits += 1 }
    sums = PairSums(bits: bits)
  }

  private static func makeFile(_ folder: String) throws(TrainingError) -> SpillFile {
    do throws(FileError) {
      return try SpillFile(folder: folder)
    } catch {
      throw .spill(error)
    }
  }

  /// Adds rows at the end.
  struct Writer {
    fileprivate let file: SpillFile
    fileprivate var sums: PairSums
    private let buffer = Block()
    /// Bytes of the buffer that are not written yet.
    private var used = 0

    fileprivate init(_ file: SpillFile, _ sums: PairSums) {
      self.file = file
      self.sums = sums
    }

    /// Adds a row of tokens, none of them taken out, and counts its pairs.
    mutating func append(
      _ row: Span<UInt32>, frequency: Int
    ) throws(TrainingError) {
      if row.count < 2 { return }
      sums.add(row, frequency: frequency)
      try appendWithSegments(row, frequency: frequency)
    }

    /// Adds a row from which tokens may have been taken out, and counts nothing.
    mutating func appendWithSegments(
      _ row: Span<UInt32>, frequency: Int
    ) throws(TrainingError) {
      try makeRoom(2)
      put(UInt64(frequency))
      put(UInt64(row.count))
      var start = 0
      while start < row.count {
        let end = min(row.count, start + Self.numbersAtOnce)
        try makeRoom(end - start)
        for index in start..<end { put(UInt64(row[index] &+ 1)) }
        start = end
      }
    }

    /// Not more than fit into the buffer.
    private static let numbersAtOnce = 1024

    private mutating func makeRoom(_ numbers: Int) throws(TrainingError) {
      if used + numbers * SpilledRows.longestNumber > Block.size { try flush() }
    }

    /// Writes a number for which there is room.
    @inline(__always)
    private mutating func put(_ number: UInt64) {
      var rest = number
      while rest >= 0x80 {
        // In bounds: `makeRoom` was called for the most bytes that a number has.
        unsafe buffer.bytes[used] = UInt8(truncatingIfNeeded: rest) | 0x80
        used &+= 1
        rest >>= 7
      }
      unsafe buffer.bytes[used] = UInt8(truncatingIfNeeded: rest)
      used &+= 1
    }

    fileprivate mutating func flush() throws(TrainingError) {
      do throws(FileError) {
        // What has been put there.
        try unsafe file.append(
          Span(_unsafeElements: UnsafeBufferPointer(start: buffer.bytes, count: used)))
      } catch {
        throw .spill(error)
      }
      used = 0
    }
  }

  /// No number has more bytes.
  private static let longestNumber = 10

  /// Memory of a writer.
  private final class Block {
    static let size = 1 << 18
    private let memory = ZeroedMemory(byteCount: size)
    var bytes: UnsafeMutablePointer<UInt8> {
      unsafe memory.base.assumingMemoryBound(to: UInt8.self)
    }
  }

  /// Writes the first rows.
  func makeWriter() -> Writer {
    var taken = PairSums(bits: 0)
    swap(&taken, &sums)
    return Writer(file, taken)
  }

  /// Takes back what `makeWriter` gave.
  func finish(_ writer: consuming Writer) throws(TrainingError) {
    try writer.flush()
    sums = writer.sums
  }

  /// Calls `body` with each row and its frequency.
  func forEach(
    _ body: (_ row: Span<UInt32>, _ frequency: Int) throws(TrainingError) -> Void
  ) throws(TrainingError) {
    var reader = Reader(file)
    var row: [UInt32] = []
    while let (frequency, count) = try reader.next(into: &row) {
      try body(row.span.extracting(first: count), frequency)
    }
  }

  /// Replaces all rows by those that `body` writes when it is given each row, and the sums by those of
  /// what was written by `append`.
  func rewrite(
    _ body: (_ row: Span<UInt32>, _ frequency: Int, inout Writer) throws(TrainingError) -> Void
  ) throws(TrainingError) {
    var taken = PairSums(bits: 0)
    swap(&taken, &sums)
    taken.removeAll()
    var writer = Writer(try Self.makeFile(folder), taken)
    // The writer's own from here on, so that nothing is copied.
    taken = PairSums(bits: 0)
    try forEach { (row, frequency) throws(TrainingError) in try body(row, frequency, &writer) }
    file = writer.file
    try finish(writer)
  }

  /// Reads rows, one after the other.
  private struct Reader {
    private static let block = 1 << 18

    private let file: SpillFile
    private var buffer: [UInt8] = []
    private var position = 0
    /// Where in the file the buffer ends.
    private var offset = 0

    init(_ file: SpillFile) { self.file = file }

    /// The frequency of the next row and its length, with which `row` begins then; nothing at the end.
    mutating func next(
      into row: inout [UInt32]
    ) throws(TrainingError) -> (frequency: Int, count: Int)? {
      if position == buffer.count, offset == file.size { return nil }
      let frequency = Int(try number())
      let count = Int(try number())
      if count > row.count { row = [UInt32](repeating: 0, count: max(count, 2 * row.count)) }
      var done = 0
      while done < count { done = try symbols(from: done, to: count, of: &row) }
      return (frequency, count)
    }

    /// Reads symbols, as many as lie in the buffer whole, and says how many there are then.
    private mutating func symbols(
      from start: Int, to end: Int, of row: inout [UInt32]
    ) throws(TrainingError) -> Int {
      if position &+ SpilledRows.longestNumber > buffer.count, offset < file.size { try refill() }
      // A number that begins before this lies in the buffer whole.
      let limit = offset < file.size ? buffer.count &- SpilledRows.longestNumber &+ 1 : buffer.count
      var position = position
      var done = start
      do {
        let bytes = buffer.span
        var symbols = row.mutableSpan
        while done < end, position < limit {
          var value = UInt32(bytes[position])
          position &+= 1
          if value >= 0x80 {
            value &= 0x7F
            var shift: UInt32 = 7
            while true {
              let byte = UInt32(bytes[position])
              position &+= 1
              value |= (byte & 0x7F) &<< shift
              if byte < 0x80 { break }
              shift &+= 7
            }
          }
          symbols[done] = value &- 1
          done &+= 1
        }
      }
      self.position = position
      return done
    }

    @inline(__always)
    private mutating func number() throws(TrainingError) -> UInt64 {
      if position &+ SpilledRows.longestNumber > buffer.count, offset < file.size { try refill() }
      var value: UInt64 = 0
      var shift: UInt64 = 0
      while true {
        let byte = buffer[position]
        position &+= 1
        value |= UInt64(byte & 0x7F) &<< shift
        if byte < 0x80 { return value }
        shift &+= 7
      }
    }

    private mutating func refill() throws(TrainingError) {
      var next: [UInt8] = []
      do throws(FileError) {
        try file.read(at: offset, limit: Self.block, into: &next)
      } catch {
        throw .spill(error)
      }
      guard !next.isEmpty else {
        throw .spill(FileError(path: "temporary file", operation: .read, code: 0))
      }
      offset += next.count
      buffer.removeSubrange(..<position)
      buffer += next
      position = 0
    }
  }
}
