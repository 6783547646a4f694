/// Goes over a text by the matches of a user's expression: matches are pre-tokens and what lies between them
/// too, and a match of no character cuts.
struct MatchesAndGaps {
  /// Calls after which it is clear whether matches touch.
  private static let trial = 8
  /// Ends that are found before the array that takes them is asked for more room.
  private static let batch = 1024

  /// How matches are found.
  private enum Manner {
    /// One a call.
    case single
    /// Several that touch in a call, each of which gives as many ends.
    case touching
    /// Several in a call, with what lies between them.
    case gapped
  }

  private let form: CompiledForm
  private var manner: Manner
  /// How many matches the first calls have found.
  private var calls = 0
  private var matches = 0
  /// Where the last pre-token ended, and where the next match is searched for.
  private var position: Int
  private var searchStart: Int

  init(_ form: CompiledForm, from start: Int) throws(PreTokenizationError) {
    self.form = form
    manner = try form.programs().endCount == 1 ? .single : .touching
    position = start
    searchStart = start
  }

  /// Appends at most `limit` ends.
  mutating func appendEnds(
    of text: Span<UInt8>, limit: Int, to ends: inout [Int]
  ) throws(PreTokenizationError) {
    if manner == .touching, !form.triesTouching { manner = try mannerOfGaps() }
    var matcher = try makeMatcher()
    var room = limit
    while position < text.count, room > 0 {
      let count = min(room, Self.batch)
      // Asked for exactly what is missing, an array would be copied for each batch.
      if ends.capacity - ends.count < count {
        ends.reserveCapacity(max(2 * ends.capacity, ends.count + count))
      }
      let before = ends.count
      try matcher.search(text) { search throws(PreTokenizationError) in
        try ends.append(addingCapacity: count) { output throws(PreTokenizationError) in
          switch manner {
          case .single: try appendSingle(search, text, count, &output)
          case .touching: try appendTouching(search, text, count, &output)
          case .gapped: try appendGapped(search, text, count, &output)
          }
        }
      }
      room -= ends.count - before
      // Looking for a next match that touches in vain costs as much as finding it.
      if manner == .touching, calls >= Self.trial, matches < 2 * calls {
        manner = try mannerOfGaps()
        // That finds those that touch as well, in texts to come.
        if manner == .gapped { form.triesTouching = false }
        matcher = try makeMatcher()
      }
    }
  }

  /// How matches that do not touch are found.
  private func mannerOfGaps() throws(PreTokenizationError) -> Manner {
    try form.gappedProgram() == nil ? .single : .gapped
  }

  private func makeMatcher() throws(PreTokenizationError) -> PCRE2Matcher {
    let programs = try form.programs()
    return switch manner {
    case .single: try PCRE2Matcher(programs.single)
    case .touching: try PCRE2Matcher(programs.repeated)
    case .gapped: try PCRE2Matcher(form.gappedProgram() ?? programs.single)
    }
  }

  /// Up to `count` ends, several matches a call and what lies between them.
  private mutating func appendGapped(
    _ search: PCRE2Search, _ text: Span<UInt8>, _ count: Int,
    _ output: inout OutputSpan<Int>
  ) throws(PreTokenizationError) {
    // Each match gives its end and that of what lies before it.
    let most = 2 * search.groupCount
    let textCount = text.count
    var room = count
    // Copies that stay in registers.
    var position = position
    defer { (self.position, searchStart) = (position, position) }
    // While there is room for all that a call may give, nobody asks for it.
    try unsafe output.withUnsafeMutableBufferPointer {
      buffer, initialized throws(PreTokenizationError) in
      guard let first = unsafe buffer.baseAddress.map({ unsafe $0 + initialized }) else { return }
      var next = unsafe first
      defer {
        initialized += unsafe next - first
        room -= unsafe next - first
      }
      while position < textCount, unsafe next - first <= room - most {
        try unsafe Self.writeEnds(search, textCount, &position, to: &next)
      }
    }
    var ends = [Int](repeating: 0, count: most)
    while position < textCount, room > 0 {
      let start = position
      let found = try unsafe ends.withUnsafeMutableBufferPointer {
        buffer throws(PreTokenizationError) in
        guard let first = buffer.baseAddress else { return 0 }
        var next = unsafe first
        try unsafe Self.writeEnds(search, textCount, &position, to: &next)
        return unsafe next - first
      }
      let taken = min(found, room)
      // What there is no room for is found again.
      for end in ends[..<taken] { output.append(end) }
      position = taken > 0 ? ends[taken - 1] : start
      room -= taken
    }
  }

  /// Writes the ends that one call gives to `next`, where there is room for two of each group.
  @inline(__always)
  private static func writeEnds(
    _ search: PCRE2Search, _ textCount: Int, _ position: inout Int,
    to next: inout UnsafeMutablePointer<Int>
  ) throws(PreTokenizationError) {
    let groups = try search.match(from: position)
    // Where the first match begins, else the end of what lies behind the last. Written at once, counted if there is
    // something between.
    var start = groups > 0 ? search.start(ofGroup: 0) : textCount
    unsafe next.pointee = start
    unsafe next += start > position ? 1 : 0
    position = start
    if groups < 2 { return }
    position = search.end(ofGroup: 1)
    unsafe next.pointee = position
    unsafe next += 1
    for group in stride(from: 2, to: groups, by: 1) {
      start = search.start(ofGroup: group)
      unsafe next.pointee = start
      unsafe next += start > position ? 1 : 0
      position = search.end(ofGroup: group)
      unsafe next.pointee = position
      unsafe next += 1
    }
  }

  /// Up to `count` ends, one match a call.
  private mutating func appendSingle(
    _ search: PCRE2Search, _ text: Span<UInt8>, _ count: Int,
    _ output: inout OutputSpan<Int>
  ) throws(PreTokenizationError) {
    // Copies that stay in registers.
    var (position, searchStart, room) = (position, searchStart, count)
    defer { (self.position, self.searchStart) = (position, searchStart) }
    while position < text.count, room > 0 {
      let isFound = searchStart > text.count ? false : try search.match(from: searchStart) > 0
      let matchStart = isFound ? search.start(ofGroup: 0) : text.count
      if matchStart > position {
        output.append(matchStart)
        position = matchStart
        room -= 1
        if room == 0 || !isFound { break }
      }
      let matchEnd = search.end(ofGroup: 0)
      if matchEnd > position {
        output.append(matchEnd)
        position = matchEnd
        room -= 1
      }
      searchStart = position
      // A match of no character has cut here; the next one is searched for behind the next scalar.
      if searchStart == matchStart, searchStart < text.count {
        searchStart += text.utf8Sequence(at: searchStart).length
      }
    }
  }

  /// Up to `count` ends, several matches that touch a call; after the first calls fewer, if matches do not.
  private mutating func appendTouching(
    _ search: PCRE2Search, _ text: Span<UInt8>, _ count: Int,
    _ output: inout OutputSpan<Int>
  ) throws(PreTokenizationError) {
    var room = count
    while position < text.count, room > 0, calls != Self.trial || matches >= 2 * calls {
      let groups = try search.match(from: position)
      let matchStart = groups > 0 ? search.start(ofGroup: 0) : text.count
      if matchStart > position {
        output.append(matchStart)
        position = matchStart
        room -= 1
      }
      if groups > 0, room > 0 {
        let taken = min(groups - 1, room)
        for group in 1...taken { output.append(search.end(ofGroup: group)) }
        position = search.end(ofGroup: taken)
        room -= taken
      }
      if calls < Self.trial {
        calls += 1
        matches += max(0, groups - 1)
      }
    }
    searchStart = position
  }
}
