/// Where the steps of a `MergeAutomaton` lie: for each state a *row* of words, one for each byte that has come so far.
///
/// A word holds the next state's row in its low half and what the step says in its high one; it is 0 as long as the step
/// has not been made. Bytes have *columns* in the order in which they come, and rows are as long as these are many, so
/// that a text of few different bytes has its steps side by side.
@safe struct StepTable: ~Copyable {
  private static let smallestBits = 4
  private static let byteCount = 256

  private let stateLimit: Int
  /// Bits of the number of words in a row.
  private var bits: Int
  private var memory: ZeroedMemory
  /// The column of each byte. Those that have not come have the first one, in which no step is as long as there are such:
  /// it is the column of the last byte to come.
  private let columns: UnsafeMutablePointer<UInt8>
  private var columnCount = 1
  private var known = SIMD4<UInt64>.zero

  /// - Parameter stateLimit: States are the numbers below.
  init(stateLimit: Int) { self.init(stateLimit: stateLimit, bits: Self.smallestBits) }

  private init(stateLimit: Int, bits: Int) {
    self.stateLimit = stateLimit
    self.bits = bits
    memory = Self.memory(stateLimit, bits)
    unsafe columns = .allocate(capacity: Self.byteCount)
    unsafe columns.initialize(repeating: 0, count: Self.byteCount)
  }

  /// All that a table knows, as values.
  struct Contents: Sendable {
    fileprivate let bits: Int
    fileprivate let words: [UInt64]
    fileprivate let columns: [UInt8]
    fileprivate let columnCount: Int
    fileprivate let known: SIMD4<UInt64>
  }

  /// The steps of the states below `stateCount`.
  func contents(stateCount: Int) -> Contents {
    precondition(stateCount <= stateLimit)
    // The rows of as many states, and a column for each byte.
    return unsafe Contents(
      bits: bits, words: Array(UnsafeBufferPointer(start: words, count: stateCount << bits)),
      columns: Array(UnsafeBufferPointer(start: columns, count: Self.byteCount)),
      columnCount: columnCount, known: known)
  }

  /// A table that knows the same, with room for more.
  init(stateLimit: Int, _ contents: Contents) {
    precondition(contents.words.count <= stateLimit << contents.bits)
    self.init(stateLimit: stateLimit, bits: contents.bits)
    // Both have room for what is copied.
    unsafe HugePages.populate(
      UnsafeMutableRawBufferPointer(start: memory.base, count: contents.words.count * 8))
    unsafe contents.words.withUnsafeBytes {
      unsafe memory.base.copyMemory(from: $0.baseAddress.unsafelyUnwrapped, byteCount: $0.count)
    }
    for (byte, column) in contents.columns.enumerated() { unsafe columns[byte] = column }
    columnCount = contents.columnCount
    known = contents.known
  }

  deinit { unsafe columns.deallocate() }

  private static func memory(_ stateLimit: Int, _ bits: Int) -> ZeroedMemory {
    // Of few states few pages are touched.
    ZeroedMemory(byteCount: max(1, stateLimit) << bits * 8, isSparse: true)
  }

  /// The number of the first word of a state's row.
  @inline(__always)
  func row(of state: Int) -> Int { state << bits }

  @inline(__always)
  func state(ofRow row: Int) -> Int { row >> bits }

  /// The addresses for a hot loop, valid until a column is added or the table goes.
  @unsafe struct View {
    fileprivate let words: UnsafePointer<UInt64>
    fileprivate let columns: UnsafePointer<UInt8>

    /// The step from a row that the table gave.
    @inline(__always)
    func step(from row: Int, _ byte: UInt8) -> UInt64 {
      // A byte numbers a column, and rows and columns a word of the table. What does not depend on the row is worked
      // out first.
      unsafe (words + Int(columns[Int(byte)]))[row]
    }
  }

  var view: View {
    unsafe View(words: UnsafePointer(words), columns: UnsafePointer(columns))
  }

  private var words: UnsafeMutablePointer<UInt64> {
    unsafe memory.base.assumingMemoryBound(to: UInt64.self)
  }

  /// Notes a step.
  ///
  /// - Precondition: `addColumn` was called for the byte.
  mutating func set(_ state: Int, _ byte: UInt8, _ word: UInt64) {
    precondition(state < stateLimit)
    // The row of a state, and a column of it.
    unsafe words[row(of: state) + Int(columns[Int(byte)])] = word
  }

  func hasColumn(for byte: UInt8) -> Bool { known[Int(byte >> 6)] >> UInt64(byte & 63) & 1 != 0 }

  /// Gives a byte its column, if it has none.
  ///
  /// Rows may be longer afterwards, and other ones than before.
  ///
  /// - Parameter stateCount: States that have steps are below.
  mutating func addColumn(for byte: UInt8, stateCount: Int) {
    if hasColumn(for: byte) { return }
    known[Int(byte >> 6)] |= 1 << UInt64(byte & 63)
    if columnCount == Self.byteCount { return }
    if columnCount == 1 << bits { lengthenRows(stateCount) }
    // A byte.
    unsafe columns[Int(byte)] = UInt8(columnCount)
    columnCount += 1
  }

  private mutating func lengthenRows(_ stateCount: Int) {
    precondition(stateCount <= stateLimit)
    let longer = Self.memory(stateLimit, bits + 1)
    let new = unsafe longer.base.assumingMemoryBound(to: UInt64.self)
    let old = unsafe words
    for state in 0..<stateCount {
      for column in 0..<1 << bits {
        // Both tables have a row for each state.
        let word = unsafe old[state << bits + column]
        // Rows are numbered by their first words.
        unsafe new[state << (bits + 1) + column] = word & ~0xFFFF_FFFF | (word & 0xFFFF_FFFF) << 1
      }
    }
    memory = longer
    bits += 1
  }

  /// Forgets all steps of the states below `stateCount`.
  mutating func removeAll(stateCount: Int) {
    precondition(stateCount <= stateLimit)
    unsafe words.update(repeating: 0, count: stateCount << bits)
  }
}
