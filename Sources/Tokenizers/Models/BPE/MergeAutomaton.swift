/// Merges long pre-tokens a byte at a step, by a table that is made as it is needed.
///
/// For each beginning of a text let its *last token* be the last one that merging makes of it. The last token of
/// a text is the only token that it ends with and that may stand beside the last token of what comes before
/// (`MergeTree`, 3). So a walk from left to right needs to know, of each place from which a longer token may
/// have begun, the bytes since then, as a node of the trie, and the last token there: that is a *state*, the
/// next byte gives the next state and the last token there, and a text is a path from state to state. From
/// the last token of the whole text one goes back, from each token to the one before.
///
/// There are few states, since it does not matter what a last token is but which tokens may stand beside it.
/// Of a node with few tokens below it a bit for each says that; else it is the token's class (`MergeClasses`).
/// Places with which no token below goes on are left out. A megabyte of random digits, of which GPT-2 makes
/// tokens of up to six, meets 2,484 states, one of words without spaces 141.
struct MergeAutomaton: ~Copyable {
  /// A place from which a token may have begun.
  struct Entry: Hashable {
    /// The base of the trie's node to which the bytes since then lead.
    var base: UInt32
    /// What may stand beside the last token at that place: `isSet` and a bit for each token below the node, or a
    /// class.
    var next: UInt64

    static let isSet: UInt64 = 1 << 63
    /// Nodes with more tokens below them have a class.
    static let longestSet: UInt32 = 62
  }

  /// What it may take; tests ask for less.
  struct Limits {
    /// States that there is memory for, at up to 2 KiB each; when they are used up all are forgotten.
    var states = 1 << 13
    /// Steps between two looks for tokens that are settled.
    var chunk = 1 << 14
    /// How many steps that were never made before may be made at first; each costs as much as some bytes by
    /// backtracking. What is merged adds to it.
    var credit = 1 << 15
    /// After so many steps of which none is new, walks go on side by side.
    var patience = 1 << 4
    /// How far each goes at most, and within how many bytes one that began with a guess is to be in the same
    /// state as one that did not.
    var quarter = 1 << 12
    var traced = 1 << 6
  }

  /// The first bytes of a pre-token show whether its steps come again. Of the fourth 2 KiB random letters make four
  /// steps of five for the first time, random digits and Chinese characters half of them, words one in a hundred.
  private static let trial = (window: 1 << 11, count: 4)
  /// What a pre-token may add to the credit by its length alone.
  private static let largestCredit = 1 << 12
  /// Entries of all states: as many as some MB hold.
  private static let entryLimit = 1 << 18
  /// Ids whose room gets its pages at once.
  private static let roomAhead = 1 << 14
  /// A token and its length in one word.
  static let longestToken: UInt32 = 1 << 11 - 1
  static let symbolBits: UInt32 = 21
  private static let noToken: UInt32 = 1 << symbolBits - 1

  private let tables: LongMergeTables.Tables
  private let mergeTable: MergeTableStorage
  private var classes: MergeClasses

  /// A word for each state and byte: in its high half the last token and its length. State 0 is none.
  private var steps: StepTable
  /// The entries of all states, and where those of each begin.
  private var entries: [Entry] = []
  private var starts: [Int] = [0, 0]
  /// Scratch for the entries of one state.
  private var followed: [Entry] = []
  /// A hash table of states, with bits of their hashes.
  private var slots: [Slot]

  struct Slot {
    var state: UInt32 = 0
    var check: UInt32 = 0
  }

  /// The last token of what was merged.
  private(set) var lastToken = MergeTree.none
  private let limits: Limits
  /// How many steps that were never made before may still be made.
  private var credit: Int
  /// Steps since the last one that had never been made.
  private var sinceNew = 0

  init(
    _ tables: LongMergeTables.Tables, _ mergeTable: MergeTableStorage, limits: Limits = Limits(),
    seed: MergeAutomatonSeed? = nil
  ) {
    self.tables = tables
    self.limits = limits
    credit = limits.credit
    self.mergeTable = mergeTable
    classes = MergeClasses(tables, mergeTable)
    let slotCount = 2 * limits.states
    // One more state, since they are numbered from 1.
    if let seed, seed.slots.count == slotCount {
      steps = StepTable(stateLimit: limits.states + 1, seed.steps)
      (entries, starts, slots) = (seed.entries, seed.starts, seed.slots)
      classes.take(seed.classes)
    } else {
      steps = StepTable(stateLimit: limits.states + 1)
      slots = [Slot](repeating: Slot(), count: slotCount)
    }
  }

  /// How many states there are.
  var stateCount: Int { starts.count - 2 }

  /// Makes all steps from the states of texts over an alphabet.
  ///
  /// - Returns: What is known then; nil if there are more states than `most`.
  mutating func close(over alphabet: [UInt8], most: Int) -> MergeAutomatonSeed? {
    _ = row(of: startState)
    var state = 1
    while state < starts.count - 1 {
      if starts.count > most || !hasRoom { return nil }
      for byte in alphabet {
        steps.addColumn(for: byte, stateCount: starts.count - 1)
        let row = steps.row(of: state)
        if unsafe steps.view.step(from: row, byte) == 0 { _ = makeStep(from: row, byte) }
      }
      state += 1
    }
    return MergeAutomatonSeed(
      alphabet: alphabet, steps: steps.contents(stateCount: starts.count - 1), entries: entries,
      starts: starts, slots: slots, classes: classes.contents)
  }

  /// Appends the ids of a pre-token, or of its beginning if too many of its steps have never been made before.
  ///
  /// - Returns: How many bytes were merged. Merging the whole makes a boundary there.
  /// - Complexity: O(n), with a small factor, where few steps are new.
  mutating func merge(_ bytes: Span<UInt8>, into output: inout [TokenID]) -> Int {
    // Bounded: a text of random letters is not to pay for long with steps that never come again.
    credit += min(bytes.count >> 6, Self.largestCredit)
    if bytes.isEmpty || credit < 0 { return 0 }
    var path = MergePath(room: limits.chunk)
    var ahead = RoomAhead(behind: output)
    var row = self.row(of: startState)
    var position = 0
    var windows = 0
    while true {
      let before = position
      var stop = min(bytes.count, path.start + path.room)
      if windows < Self.trial.count { stop = min(stop, before + Self.trial.window) }
      let missed = step(bytes, &position, stop, &row, &path)
      credit += (position - before) >> 4 - missed
      if position == bytes.count { break }
      settle(row, position, &path, into: &output, &ahead)
      windows += 1
      if windows == Self.trial.count, missed > (position - before) / 4 * 3 {
        // Nor is the next one of its kind to be tried soon.
        credit = min(credit, -limits.credit / 2)
      }
      if credit < 0 { return path.start }
    }
    emit(&path, to: position, into: &output, &ahead)
    return position
  }

  /// What there is before a text.
  private var startState: [Entry] {
    [Entry(base: tables.trie.rootBase, next: UInt64(MergeClasses.start))]
  }

  /// Goes on from `position` to `stop`.
  ///
  /// - Returns: How many of the steps had never been made.
  private mutating func step(
    _ bytes: Span<UInt8>, _ position: inout Int, _ stop: Int, _ row: inout Int,
    _ path: inout MergePath
  ) -> Int {
    precondition(position >= path.start && stop <= bytes.count && stop - path.start <= path.room)
    var missed = 0
    while position < stop {
      while sinceNew >= limits.patience, stop - position >= 4 * limits.traced {
        missed += walkSideBySide(bytes, &position, stop, &row, &path)
      }
      let before = position
      guard let byte = walk(bytes, &position, stop, &row, &path) else {
        sinceNew += position - before
        break
      }
      let word = makeStep(from: row, byte)
      row = Int(word & 0xFFFF_FFFF)
      path.set(UInt32(truncatingIfNeeded: word >> 32), at: position)
      position += 1
      missed += 1
      sinceNew = 0
    }
    return missed
  }

  /// Goes on towards `stop` by steps that were made before: what `walkSideBySide` does for four.
  ///
  /// - Returns: The byte for which there is no step yet; nil at `stop`.
  private func walk(
    _ bytes: Span<UInt8>, _ position: inout Int, _ stop: Int, _ row: inout Int,
    _ path: inout MergePath
  ) -> UInt8? {
    let words = unsafe path.words - path.start
    let view = unsafe steps.view
    return unsafe bytes.withUnsafeBufferPointer { text in
      var (place, current) = (position, row)
      defer { (position, row) = (place, current) }
      while place < stop {
        // Places are below `stop`.
        let byte = unsafe text[place]
        let word = unsafe view.step(from: current, byte)
        if word == 0 { return byte }
        current = Int(truncatingIfNeeded: word & 0xFFFF_FFFF)
        unsafe words[place] = UInt32(truncatingIfNeeded: word &>> 32)
        place &+= 1
      }
      return nil
    }
  }

  /// Goes on in four quarters of what lies before `stop`, as far as that goes.
  ///
  /// A step waits for the one before it, and four walks wait side by side. All but the first begin as if the text began
  /// there: after some bytes such a walk is in the same states as one that comes from the quarter before, since
  /// their last boundaries are the same. Whether it is shows when the walk before goes on into a quarter.
  ///
  /// - Returns: How many of the steps had never been made.
  private mutating func walkSideBySide(
    _ bytes: Span<UInt8>, _ position: inout Int, _ stop: Int, _ row: inout Int,
    _ path: inout MergePath
  ) -> Int {
    guard hasRoom else {
      sinceNew = 0
      return 0
    }
    let quarter = min((stop - position) / 4, limits.quarter)
    let traced = min(limits.traced, quarter)
    let start = self.row(of: startState)
    var missed = 0
    var walks = MergeWalks(row: row, start: start, keeping: traced)
    let first = position
    while true {
      unsafe walks.go(bytes, from: first, quarter, steps.view, to: path)
      if walks.done == quarter { break }
      // One at least is at a step that was never made. Making it is not to number the rows anew.
      for walk in 0..<4 {
        let byte = bytes[first + walk * quarter + walks.done]
        if unsafe steps.view.step(from: walks.row(of: walk), byte) != 0 { continue }
        guard hasRoom, steps.hasColumn(for: byte) else {
          (position, row) = (first + walks.done, walks.row(of: 0))
          sinceNew = 0
          return missed
        }
        _ = makeStep(from: walks.row(of: walk), byte)
        missed += 1
      }
    }
    // A walk is right up to where the next one began. On from there until that one was in the same state.
    (position, row) = (first + quarter, walks.row(of: 0))
    for walk in 1..<4 {
      guard catchUp(bytes, &position, traced, &row, path, walks, walk) else {
        // It may be a text that never comes to the same states; not again soon.
        sinceNew = -limits.chunk
        return missed
      }
      (position, row) = (first + (walk + 1) * quarter, walks.row(of: walk))
    }
    if missed > quarter >> 3 { sinceNew = 0 }
    return missed
  }

  /// Goes on from the beginning of a quarter until its own walk was in the same state.
  ///
  /// - Returns: Whether it was, within as many bytes as are known of it.
  private func catchUp(
    _ bytes: Span<UInt8>, _ position: inout Int, _ traced: Int, _ row: inout Int,
    _ path: borrowing MergePath, _ walks: borrowing MergeWalks, _ walk: Int
  ) -> Bool {
    for offset in 0..<traced {
      let word = unsafe steps.view.step(from: row, bytes[position])
      if word == 0 { return false }
      row = Int(word & 0xFFFF_FFFF)
      path.set(UInt32(truncatingIfNeeded: word >> 32), at: position)
      position += 1
      if walks.row(of: walk, after: offset) == row { return true }
    }
    return false
  }

  /// Whether a few states more may be added without forgetting all.
  private var hasRoom: Bool {
    starts.count + 4 <= limits.states
      && entries.count + 4 * Int(Self.longestToken) <= Self.entryLimit
  }

  /// Appends the tokens before a boundary that each way on goes back to.
  private mutating func settle(
    _ row: Int, _ position: Int, _ path: inout MergePath, into output: inout [TokenID],
    _ ahead: inout RoomAhead
  ) {
    // The places from which a token may have begun.
    var places = entries(of: steps.state(ofRow: row)).map { entry in
      position - Int(tables.trie.family(of: entry.base).depth)
    }
    // The furthest ones go back a token at a time until all are the same.
    while let last = places.max(), places.contains(where: { $0 != last }) {
      let before = last - path.length(at: last)
      for index in places.indices where places[index] == last { places[index] = before }
    }
    let settled = places.first ?? path.start
    if settled == path.start { return path.grow() }
    emit(&path, to: settled, into: &output, &ahead)
    // What is not settled moves to the front.
    let offset = settled - path.start
    let left = position - settled
    // Both ends lie within the room.
    unsafe path.words.update(from: path.words + offset, count: left)
    path.start = settled
  }

  /// Appends the tokens from the path's start to a boundary behind it.
  private mutating func emit(
    _ path: inout MergePath, to end: Int, into output: inout [TokenID], _ ahead: inout RoomAhead
  ) {
    precondition(end > path.start && end - path.start <= path.room)
    // Within the room.
    lastToken = unsafe path.words[end - path.start - 1] & Self.noToken
    var place = end
    var count = 0
    mergeTable.withLookup { lookup in
      while place > path.start {
        let length = path.length(at: place)
        // Tokens are not empty, so there are at most as many as places.
        precondition(count < path.room)
        let symbol = unsafe path.words[place - path.start - 1] & Self.noToken
        count += 1
        unsafe path.ids[path.room - count] = lookup.token(symbol)
        place -= length
      }
    }
    precondition(place == path.start)
    // No more than for a few emissions: one long token again and again has few ids.
    ahead.provide(count, behind: &output, step: Self.roomAhead)
    // The last `count` of the room were written.
    unsafe output.append(
      contentsOf: UnsafeBufferPointer(start: path.ids + (path.room - count), count: count))
  }

  /// The entries of a state, the longest first.
  private func entries(of state: Int) -> ArraySlice<Entry> {
    entries[starts[state]..<starts[state + 1]]
  }

  /// Makes the step from a state by a byte that was never made before, and notes it.
  @inline(never)
  private mutating func makeStep(from row: Int, _ byte: UInt8) -> UInt64 {
    let before = starts.count
    let state = steps.state(ofRow: row)
    steps.addColumn(for: byte, stateCount: before - 1)
    let token = follow(state, byte)
    precondition(!followed.isEmpty, "no sequence of tokens spells these bytes")
    let length = token.map { tables.tree.nodes[Int($0)].length } ?? 0
    let last = (token ?? Self.noToken) | length << Self.symbolBits
    let word = UInt64(self.row(of: followed)) | UInt64(last) << 32
    // If all states were forgotten meanwhile, the one from which the step goes is no more.
    if starts.count >= before { steps.set(state, byte, word) }
    return word
  }

  /// The row of the state with these entries, which is added if it is new.
  private mutating func row(of wanted: [Entry]) -> Int {
    var hash: UInt64 = 0
    for entry in wanted {
      hash = (hash ^ entry.next ^ UInt64(entry.base) << 32) &* 0x9E37_79B9_7F4A_7C15
      hash ^= hash >> 29
    }
    let check = UInt32(truncatingIfNeeded: hash)
    var slot = Int(hash >> 40) & (slots.count - 1)
    while slots[slot].state != 0 {
      let state = Int(slots[slot].state)
      if slots[slot].check == check, isEqual(state, wanted) { return steps.row(of: state) }
      slot = (slot + 1) & (slots.count - 1)
    }
    if starts.count > limits.states || entries.count + wanted.count > Self.entryLimit {
      forgetAll()
      return row(of: wanted)
    }
    let state = starts.count - 1
    entries += wanted
    starts.append(entries.count)
    slots[slot] = Slot(state: UInt32(state), check: check)
    return steps.row(of: state)
  }

  private func isEqual(_ state: Int, _ wanted: [Entry]) -> Bool {
    let start = starts[state]
    if starts[state + 1] - start != wanted.count { return false }
    for index in wanted.indices where entries[start + index] != wanted[index] { return false }
    return true
  }

  private mutating func forgetAll() {
    steps.removeAll(stateCount: starts.count - 1)
    entries.removeAll(keepingCapacity: true)
    starts = [0, 0]
    for slot in slots.indices { slots[slot] = Slot() }
  }
}

extension MergeAutomaton {
  /// Leaves in `followed` the entries after one more byte.
  ///
  /// - Returns: The last token there.
  private mutating func follow(_ state: Int, _ byte: UInt8) -> UInt32? {
    let trie = tables.trie
    followed.removeAll(keepingCapacity: true)
    var last: UInt32?
    for index in starts[state]..<starts[state + 1] {
      let entry = entries[index]
      guard let child = trie.child(of: entry.base, byte) else { continue }
      if child.token != 0, mayStand(entry, child.token - 1) { last = child.token - 1 }
      if child.base != 0, let moved = moved(entry, to: child.base) { followed.append(moved) }
    }
    if let last { followed.append(Entry(base: trie.rootBase, next: UInt64(classes.of(last)))) }
    return last
  }

  /// Whether a token below an entry's node may stand beside the last token at the entry's place.
  private mutating func mayStand(_ entry: Entry, _ token: UInt32) -> Bool {
    if entry.next & Entry.isSet == 0 {
      return classes.stands(UInt32(entry.next), token)
    }
    let first = tables.trie.family(of: entry.base).first
    return entry.next >> UInt64(tables.trie.places[Int(token)] - first) & 1 != 0
  }

  /// The entry after a step to a child of its node; nil if none of the tokens below may stand there.
  private mutating func moved(_ entry: Entry, to base: UInt32) -> Entry? {
    let family = tables.trie.family(of: base)
    if family.count > Entry.longestSet { return Entry(base: base, next: entry.next) }
    var set: UInt64
    if entry.next & Entry.isSet != 0 {
      // Those of the tokens below the node before that are below this one.
      let skipped = family.first - tables.trie.family(of: entry.base).first
      set = (entry.next & ~Entry.isSet) >> UInt64(skipped) & (1 << UInt64(family.count) - 1)
    } else {
      set = classes.standing(UInt32(entry.next), family)
    }
    return set == 0 ? nil : Entry(base: base, next: set | Entry.isSet)
  }
}
