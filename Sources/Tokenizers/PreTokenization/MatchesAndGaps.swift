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
    case .gapped: try PCRE2Matcher(form.gappedProgram()?.pattern ?? programs.single)
    }
  }

  /// Up to `count` ends, several matches a call and what lies between them.
  private mutating func appendGapped(
    _ search: PCRE2Search, _ text: Span<UInt8>, _ count: Int,
    _ output: inout OutputSpan<Int>
  ) throws(PreTokenizationError) {
    guard let isGap = try form.gappedProgram()?.isGap else { return }
    let gapBytes = isGap.span
    // A copy that stays in a register.
    var (position, room) = (position, count)
    defer { (self.position, searchStart) = (position, position) }
    while position < text.count, room > 0 {
      let groups = try search.match(from: position)
      // Where the first match begins, else the end of what lies behind the last.
      var start = groups > 0 ? search.start(ofGroup: 0) : text.count
      var group = 1
      while room > 0 {
        if start > position {
          output.append(start)
          position = start
          room -= 1
        }
        guard group < groups, room > 0 else { break }
        position = search.end(ofGroup: group)
        output.append(position)
        room -= 1
        group += 1
        guard group < groups else { break }
        // As the program has done it.
        start = position
        if start < text.count, gapBytes[Int(text[start])] { start += 1 }
      }
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
