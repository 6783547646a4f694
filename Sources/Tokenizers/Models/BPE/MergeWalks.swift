/// The last tokens on the way through a text, from a boundary on that is there whatever follows.
@safe struct MergePath: ~Copyable {
  /// Where that boundary is.
  var start = 0
  var room: Int
  /// The last token and its length at each place behind the start.
  var words: UnsafeMutablePointer<UInt32>
  /// Room for as many ids.
  var ids: UnsafeMutablePointer<TokenID>

  init(room: Int) {
    self.room = room
    unsafe words = .allocate(capacity: room)
    unsafe ids = .allocate(capacity: room)
  }

  /// Twice the room.
  mutating func grow() {
    var larger = MergePath(room: 2 * room)
    larger.start = start
    unsafe larger.words.initialize(from: words, count: room)
    self = larger
  }

  deinit {
    unsafe words.deallocate()
    unsafe ids.deallocate()
  }

  /// Notes the last token behind the byte at a place.
  @inline(__always)
  func set(_ word: UInt32, at place: Int) {
    precondition(place >= start && place - start < room)
    // Within the room.
    unsafe words[place - start] = word
  }

  /// How long the last token at a place is; every place on a way back has one.
  @inline(__always)
  func length(at place: Int) -> Int {
    precondition(place > start && place - start <= room)
    // Within the room.
    let length = Int(unsafe words[place - start - 1] >> MergeAutomaton.symbolBits)
    precondition(length > 0)
    return length
  }
}

/// Four walks side by side.
@safe struct MergeWalks: ~Copyable {
  /// How many bytes each has gone.
  private(set) var done = 0
  private var rows: (Int, Int, Int, Int)
  /// The rows of the second, third and fourth after each of the first bytes.
  private let trace: UnsafeMutablePointer<UInt32>
  private let count: Int

  /// - Parameters:
  ///   - row: Where the first begins.
  ///   - start: Where the others do.
  ///   - count: Of how many bytes the rows are kept.
  init(row: Int, start: Int, keeping count: Int) {
    rows = (row, start, start, start)
    self.count = count
    unsafe trace = .allocate(capacity: 3 * count)
    unsafe trace.initialize(repeating: 0, count: 3 * count)
  }

  deinit { unsafe trace.deallocate() }

  /// Where a walk is.
  func row(of walk: Int) -> Int {
    walk < 2 ? walk == 0 ? rows.0 : rows.1 : walk == 2 ? rows.2 : rows.3
  }

  /// Where one of the last three was after one of its first bytes.
  func row(of walk: Int, after offset: Int) -> Int {
    precondition(offset < count && (1..<4).contains(walk))
    return Int(unsafe trace[(walk - 1) * count + offset])
  }

  /// Goes on until each has gone a quarter, the first of which begins at `first`, or one of them is at a step that
  /// was never made.
  mutating func go(
    _ bytes: Span<UInt8>, from first: Int, _ quarter: Int, _ view: StepTable.View,
    to path: borrowing MergePath
  ) {
    precondition(count <= quarter)
    precondition(first >= path.start && first + 4 * quarter <= bytes.count)
    precondition(first + 4 * quarter - path.start <= path.room)
    unsafe bytes.withUnsafeBufferPointer { text in
      guard let text = text.baseAddress else { return }
      // The four quarters lie within the bytes and within the room.
      let words = unsafe path.words + (first - path.start)
      if done < count { unsafe go(text + first, quarter, to: count, true, view, words) }
      if done >= count { unsafe go(text + first, quarter, to: quarter, false, view, words) }
    }
  }

  @inline(__always)
  private mutating func go(
    _ text: UnsafePointer<UInt8>, _ quarter: Int, to end: Int, _ isKept: Bool,
    _ view: StepTable.View, _ words: UnsafeMutablePointer<UInt32>
  ) {
    var (a, b, c, d) = rows
    var place = done
    while place < end {
      let (one, two) = unsafe (
        view.step(from: a, text[place]), view.step(from: b, text[place &+ quarter])
      )
      let (three, four) = unsafe (
        view.step(from: c, text[place &+ 2 &* quarter]),
        view.step(from: d, text[place &+ 3 &* quarter])
      )
      if one == 0 || two == 0 || three == 0 || four == 0 { break }
      a = Int(truncatingIfNeeded: one & 0xFFFF_FFFF)
      b = Int(truncatingIfNeeded: two & 0xFFFF_FFFF)
      c = Int(truncatingIfNeeded: three & 0xFFFF_FFFF)
      d = Int(truncatingIfNeeded: four & 0xFFFF_FFFF)
      unsafe words[place] = UInt32(truncatingIfNeeded: one &>> 32)
      unsafe words[place &+ quarter] = UInt32(truncatingIfNeeded: two &>> 32)
      unsafe words[place &+ 2 &* quarter] = UInt32(truncatingIfNeeded: three &>> 32)
      unsafe words[place &+ 3 &* quarter] = UInt32(truncatingIfNeeded: four &>> 32)
      if isKept {
        // Below the count of those that are kept.
        unsafe trace[place] = UInt32(truncatingIfNeeded: b)
        unsafe trace[place &+ count] = UInt32(truncatingIfNeeded: c)
        unsafe trace[place &+ 2 &* count] = UInt32(truncatingIfNeeded: d)
      }
      place &+= 1
    }
    done = place
    rows = (a, b, c, d)
  }
}
