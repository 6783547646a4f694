/// Tells which tokens are alike as left neighbours: beside every token they stand or do not stand together.
///
/// Of the parts on a token's right edge each merges, with what comes behind it, by the merges of a rank below
/// that of the merge which makes its parent (`MergeTree`, "When two neighbours stand"). So the parts, each with
/// the number of its merges below that rank, say all about the token, and tokens that have them in common are of
/// one class. Most tokens are the left part of no merge, and end as many others do: GPT-2's 50,256 are of 14,639
/// classes.
struct MergeClasses: ~Copyable {
  /// What stands before the beginning of a text: everything may stand beside it.
  static let start: UInt32 = 0

  /// A class is a way of parts from the token downwards: the class of all but the last part, that part and the
  /// number of its merges.
  fileprivate struct Class {
    var before: UInt32
    var part: UInt32
    var count: UInt32
    /// How many merges all parts have together.
    var total: Int
    /// A token of the class; `none` as long as it is only the beginning of others.
    var example = MergeTree.none
    /// How many tokens were looked at one by one, and the row of bits that was made then, or `noRow`.
    var asked = 0
    var row = MergeClasses.noRow
  }

  private static let noRow = -1
  /// The class of tokens of which no part merges with what comes behind it.
  private static let closed: UInt32 = 1

  private let tables: LongMergeTables.Tables
  private let mergeTable: MergeTableStorage
  /// The class of each symbol, 0 if it is not known yet.
  private var classOfToken: [UInt32]
  private var classes: [Class]
  /// A hash table of classes, at most half full.
  private var slots: [UInt32]

  /// Rows of bits, one for each token by its place in the order of bytes: set where it may not stand.
  private let rows: ZeroedMemory
  private let rowCount: Int
  private let wordCount: Int
  /// The class that each row is of, 0 if none.
  private var classOfRow: [UInt32] = []
  private var nextRow = 0
  /// Bytes of the rows' memory that have their pages: they get them some at a time, which is a quarter of the price of one
  /// at a time.
  private var presentBytes = 0
  private static let presentStep = 1 << 16

  /// - Parameter rowBytes: How much memory rows may take, of which there is one at least.
  init(
    _ tables: LongMergeTables.Tables, _ mergeTable: MergeTableStorage, rowBytes: Int = 1 << 23
  ) {
    self.tables = tables
    self.mergeTable = mergeTable
    classOfToken = [UInt32](repeating: 0, count: tables.tree.nodes.count)
    let none = Class(before: 0, part: 0, count: 0, total: 0)
    classes = [none, none]
    slots = [UInt32](repeating: 0, count: 1 << 12)
    // A word more than the places need: families are read two words at a time.
    wordCount = tables.trie.sorted.count >> 6 + 2
    rowCount = max(1, rowBytes / (wordCount * 8))
    rows = ZeroedMemory(byteCount: rowCount * wordCount * 8, isSparse: true)
  }

  /// What is known of classes, without their rows.
  struct Contents: Sendable {
    fileprivate let classOfToken: [UInt32]
    fileprivate let classes: [Class]
    fileprivate let slots: [UInt32]
  }

  var contents: Contents {
    var rowless = classes
    for number in rowless.indices {
      rowless[number].row = Self.noRow
      rowless[number].asked = 0
    }
    return Contents(classOfToken: classOfToken, classes: rowless, slots: slots)
  }

  /// Takes over what is known of the same tables.
  mutating func take(_ contents: Contents) {
    precondition(classes.count == 2 && contents.classOfToken.count == classOfToken.count)
    classOfToken = contents.classOfToken
    classes = contents.classes
    slots = contents.slots
  }

  /// The class of a token that merging its own bytes makes.
  mutating func of(_ token: UInt32) -> UInt32 {
    let known = classOfToken[Int(token)]
    if known != 0 { return known }
    var found = Self.closed
    var limit = UInt32.max
    var part = token
    while true {
      let count = tables.merges.count(of: part, below: limit)
      if count > 0 { found = self.class(after: found, part, UInt32(count)) }
      let node = tables.tree.nodes[Int(part)]
      if node.order == 0 { break }
      // An order is a rank plus one.
      limit = node.order - 1
      part = node.right
    }
    if classes[Int(found)].example == MergeTree.none { classes[Int(found)].example = token }
    classOfToken[Int(token)] = found
    return found
  }

  /// The class of the tokens that have one more part than those of `before`.
  private mutating func `class`(after before: UInt32, _ part: UInt32, _ count: UInt32) -> UInt32 {
    var slot = slot(of: before, part, count)
    while slots[slot] != 0 {
      let known = classes[Int(slots[slot])]
      if known.before == before, known.part == part, known.count == count { return slots[slot] }
      slot = (slot + 1) & (slots.count - 1)
    }
    let new = UInt32(classes.count)
    let total = classes[Int(before)].total + Int(count)
    classes.append(Class(before: before, part: part, count: count, total: total))
    slots[slot] = new
    if classes.count * 2 > slots.count { growSlots() }
    return new
  }

  private func slot(of before: UInt32, _ part: UInt32, _ count: UInt32) -> Int {
    var hash = (UInt64(before) << 32 | UInt64(part)) &* 0x9E37_79B9_7F4A_7C15
    hash = (hash ^ hash >> 32 ^ UInt64(count)) &* 0x9E37_79B9_7F4A_7C15
    return Int(hash >> 32) & (slots.count - 1)
  }

  private mutating func growSlots() {
    slots = [UInt32](repeating: 0, count: slots.count * 2)
    for (number, known) in classes.enumerated().dropFirst(2) {
      var slot = slot(of: known.before, known.part, known.count)
      while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
      slots[slot] = UInt32(number)
    }
  }

  /// Whether tokens of a class stay side by side with `token` when they are merged together: the obvious way.
  func mayStand(_ leftClass: UInt32, _ token: UInt32) -> Bool {
    if leftClass == Self.start { return true }
    let left = classes[Int(leftClass)].example
    return mergeTable.withLookup { lookup in
      unsafe tables.tree.nodes.withUnsafeBufferPointer { nodes in
        guard let base = nodes.baseAddress else { return true }
        // Both are symbols, of which each has its node.
        return unsafe MergeTree.isBoundary(
          left, token, before: MergeTableStorage.noRank, base, lookup, tables.tree.filter.lookup)
      }
    }
  }

  /// The same by the row of the class, if there is one or it is worth making.
  mutating func stands(_ leftClass: UInt32, _ token: UInt32) -> Bool {
    guard let row = unsafe row(of: leftClass, asking: 1) else { return mayStand(leftClass, token) }
    let place = tables.trie.places[Int(token)]
    // A place of the trie.
    return unsafe row[Int(place >> 6)] >> UInt64(place & 63) & 1 == 0
  }

  /// Which of a few tokens, neighbours in the order of bytes, may stand beside tokens of a class: a bit for each.
  ///
  /// - Parameter family: At most 63 tokens.
  mutating func standing(_ leftClass: UInt32, _ family: TokenTrieStorage.Family) -> UInt64 {
    let all: UInt64 = 1 << UInt64(family.count) - 1
    if leftClass == Self.start { return all }
    if let row = unsafe row(of: leftClass, asking: Int(family.count)) {
      // Places of the trie, and one word behind them.
      let (word, bit) = (Int(family.first >> 6), UInt64(family.first & 63))
      let low = unsafe row[word] >> bit
      let high = unsafe (row[word + 1] << 1) << (63 - bit)
      return ~(low | high) & all
    }
    var set: UInt64 = 0
    for offset in 0..<family.count {
      let token = tables.trie.sorted[Int(family.first + offset)]
      if mayStand(leftClass, token) { set |= 1 << UInt64(offset) }
    }
    return set
  }

  /// The row of a class; nil if so few tokens have been asked about that looking at each was no more work than
  /// going through the merges of its parts.
  @unsafe private mutating func row(
    of leftClass: UInt32, asking count: Int
  ) -> UnsafePointer<UInt64>? {
    let number = Int(leftClass)
    if classes[number].row == Self.noRow {
      if leftClass == Self.start { return nil }
      classes[number].asked += count
      if classes[number].asked <= classes[number].total { return nil }
      makeRow(number)
    }
    // A row of the memory.
    return unsafe UnsafePointer(
      rows.base.assumingMemoryBound(to: UInt64.self) + classes[number].row * wordCount)
  }

  private mutating func makeRow(_ number: Int) {
    let row = nextRow
    nextRow = (row + 1) % rowCount
    // Within the memory.
    let words = unsafe UnsafeMutableBufferPointer(
      start: rows.base.assumingMemoryBound(to: UInt64.self) + row * wordCount, count: wordCount)
    if row < classOfRow.count {
      classes[Int(classOfRow[row])].row = Self.noRow
      unsafe words.update(repeating: 0)
      classOfRow[row] = UInt32(number)
    } else {
      classOfRow.append(UInt32(number))
      let end = (row + 1) * wordCount * 8
      if end > presentBytes {
        let count = min(max(Self.presentStep, end - presentBytes), rows.byteCount - presentBytes)
        // Within the memory.
        unsafe HugePages.populate(
          UnsafeMutableRawBufferPointer(start: rows.base + presentBytes, count: count))
        presentBytes += count
      }
    }
    classes[number].row = row
    var bits = unsafe MutableSpan(_unsafeElements: words)
    let nodes = tables.tree.nodes
    var part = classes[number].example
    var limit = UInt32.max
    while true {
      tables.merges.mark(takenBy: part, below: limit, in: &bits)
      if nodes[Int(part)].order == 0 { break }
      limit = nodes[Int(part)].order - 1
      part = nodes[Int(part)].right
    }
  }
}
