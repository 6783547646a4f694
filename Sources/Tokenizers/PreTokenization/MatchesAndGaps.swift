/// Goes over a text by the matches of a user's expression: matches are pre-tokens and what lies between them
/// too, and a match of no character cuts.
struct MatchesAndGaps {
  /// Calls after which it is clear whether matches touch.
  private static let trial = 8
  /// Ends that are found before the array that takes them is asked for more room.
  private static let batch = 1024

  private let programs: CompiledForm.Programs
  /// How many ends a match of the running program gives.
  private var endCount: Int
  /// How many matches the first calls have found.
  private var calls = 0
  private var matches = 0
  /// Where the last pre-token ended, and where the next match is searched for.
  private var position: Int
  private var searchStart: Int

  init(_ programs: CompiledForm.Programs, from start: Int) {
    self.programs = programs
    endCount = programs.endCount
    position = start
    searchStart = start
  }

  /// Appends at most `limit` ends.
  mutating func appendEnds(
    of text: Span<UInt8>, limit: Int, to ends: inout [Int]
  ) throws(PreTokenizationError) {
    var matcher = try PCRE2Matcher(programs.repeated)
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
          if endCount == 1 {
            try appendSingle(search, text, count, &output)
          } else {
            try appendRepeated(search, text, count, &output)
          }
        }
      }
      room -= ends.count - before
      // Matches that do not touch are found one by one: looking for the next one in vain costs as much as
      // finding it.
      if endCount > 1, calls >= Self.trial, matches < 2 * calls {
        matcher = try PCRE2Matcher(programs.single)
        endCount = 1
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
  private mutating func appendRepeated(
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
