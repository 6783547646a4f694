internal import Synchronization

/// Cuts text by a regular expression: the engine that defines what the pre-tokens are.
///
///     let splitter = try PatternPreTokenizer(.gpt2)
///     try splitter.forEachPreToken(in: "Hello world".utf8Span.span) { print($0) }  // 0..<5,
///     5..<11
///
/// Character classes are those of Unicode 16.0 (`UnicodeVersion.pinned`), see `ExpressionForm`:
/// PCRE2's own are those of the Unicode it was built with, and 10.42 lacks 9,272 letters that
/// tiktoken knows. The expression is compiled to two programs, `pinned` and `library`. The second
/// uses PCRE2's own classes and runs on stretches of text where no scalar is unsettled; there the
/// two agree.
///
/// What lies between the matches of a user's expression is a pre-token too, and a match of no
/// character cuts there. `\K` and `\G` are refused, `\C` too.
///
/// A value may be used by several threads at once.
public struct PatternPreTokenizer: PreTokenizer {
  /// The pattern that text is cut by.
  public let pattern: SplitPattern

  /// Which of the equivalent programs to run; all but the first are for tests and comparisons.
  package enum Strategy: Hashable, Sendable, CaseIterable {
    /// Whatever is fastest where it is right.
    case automatic
    /// The expression as it is written, pinned, one match at a time: the definition.
    case definition
    /// The fast expression, pinned.
    case pinned
    /// The fast expression with PCRE2's own classes: right only on settled text.
    case library
  }
  package private(set) var strategy: Strategy

  private let pinned: CompiledForm
  private let library: CompiledForm
  /// Whether the two are the same: no class of the expression is one on which versions of Unicode differ.
  private let isPinned: Bool

  /// Compiles `pattern`.
  ///
  /// - Throws: `PreTokenizationError.badPattern` with PCRE2's message and the offset in the
  ///   expression.
  public init(_ pattern: SplitPattern) throws(PreTokenizationError) {
    try self.init(pattern, strategy: .automatic)
  }

  /// Compiles `pattern` for one strategy, for PCRE2's interpreter if `usesJIT` is false.
  package init(
    _ pattern: SplitPattern, strategy: Strategy, usesJIT: Bool = true
  ) throws(PreTokenizationError) {
    self.pattern = pattern
    // Unicode 14 is the oldest one for which the table knows what is unsettled.
    self.strategy =
      strategy == .automatic && PCRE2Pattern.libraryUnicodeMajor < 14 ? .pinned : strategy
    if pattern.matching == .searching {
      // What PCRE2 has to say is said about the expression as the user wrote it.
      _ = try PCRE2Pattern(pattern.expression, anchored: false, usesJIT: false)
      _ = try ExpressionForm.library.rewrite(pattern.expression)
    }
    let forms = [ExpressionForm.pinned, .library].map { form in
      try? form.rewrite(pattern.fastExpression).text
    }
    isPinned = forms[0] != nil && forms[0] == forms[1]
    let isDefinition = strategy == .definition
    pinned = CompiledForm(
      isDefinition ? pattern.expression : pattern.fastExpression, form: .pinned,
      anchored: pattern.matching == .covering, repeats: !isDefinition, usesJIT: usesJIT)
    library = CompiledForm(
      pattern.fastExpression, form: .library, anchored: pattern.matching == .covering,
      repeats: true, usesJIT: usesJIT)
  }

  /// For a user's expression, which may look anywhere: whether all of the text is settled is found out once
  /// and not for each batch.
  public func prepared(for text: Span<UInt8>) -> any PreTokenizer {
    guard pattern.matching == .searching, strategy == .automatic else { return self }
    var prepared = self
    prepared.strategy = isPinned || text.isSettled(in: 0..<text.count) ? .library : .pinned
    return prepared
  }

  /// Where text may be cut in two without changing its pre-tokens.
  public var safeCuts: SafeCutRule { pattern.safeCuts }

  /// Appends to `ends` the end offsets of the pre-tokens that begin at `start` and after it.
  ///
  /// - Complexity: O(*n*) in the bytes passed, for the named patterns; as the expression has it,
  ///   for others.
  public func appendEnds(
    of text: Span<UInt8>, from start: Int, limit: Int, to ends: inout [Int]
  ) throws(PreTokenizationError) {
    guard start >= 0, start < text.count, limit > 0 else { return }
    switch (pattern.matching, strategy) {
    case (.wholeText, _): ends.append(text.count)
    case (_, .definition), (_, .pinned):
      try run(pinned, text, from: start, to: text.count, limit: limit, &ends)
    case (_, .library):
      try run(library, text, from: start, to: text.count, limit: limit, &ends)
    case (.covering, .automatic):
      try appendByRegions(of: text, from: start, limit: limit, to: &ends)
    case (.searching, .automatic):
      // An expression may look anywhere, so that the whole text must be settled; looking at a
      // long text for each batch would take quadratic time (`prepared` looks once).
      let isSettled =
        isPinned || text.count <= Self.largestWindow && text.isSettled(in: 0..<text.count)
      try run(
        isSettled ? library : pinned, text, from: start, to: text.count, limit: limit, &ends)
    }
  }

  /// Calls after which it is clear whether matches touch.
  private static let trial = 8
  private static let smallestWindow = 512
  private static let largestWindow = 65_536

  /// Chooses the program for one stretch of text after the other.
  ///
  /// A stretch ends at a safe cut, so that its pre-tokens are those of a text that ends there: the
  /// library's program runs on such a text and sees nothing but settled scalars. Where no cut is
  /// found in a window, or a scalar is unsettled, the pinned program runs on the text as it is. A
  /// window is as long as a batch of pre-tokens may be expected to reach, so that each byte is
  /// looked at about twice.
  private func appendByRegions(
    of text: Span<UInt8>, from start: Int, limit: Int, to ends: inout [Int]
  ) throws(PreTokenizationError) {
    var start = start
    var room = limit
    while start < text.count, room > 0 {
      let window = min(max(Self.smallestWindow, min(room, 8192) * 8), Self.largestWindow)
      let windowEnd = min(text.count - start, window) + start
      let cut =
        windowEnd == text.count
        ? windowEnd
        : safeCuts.lastSafeCut(in: text, notBefore: start + 1, notAfter: windowEnd)
      let before = ends.count
      if let cut, text.isSettled(in: start..<cut) {
        try run(library, text.extracting(0..<cut), from: start, to: cut, limit: room, &ends)
      } else {
        try run(pinned, text, from: start, to: windowEnd, limit: room, &ends)
      }
      room -= ends.count - before
      start = ends.last ?? text.count
    }
  }

  /// Appends the pre-tokens that begin at `start` and after it, up to the first that ends at `stop`
  /// or beyond.
  private func run(
    _ form: CompiledForm, _ text: Span<UInt8>, from start: Int, to stop: Int, limit: Int,
    _ ends: inout [Int]
  ) throws(PreTokenizationError) {
    let programs = try form.programs()
    var matcher = try PCRE2Matcher(programs.repeated)
    if pattern.matching == .covering {
      try Self.appendMatches(
        &matcher, programs.endCount, text, from: start, to: stop, limit: limit, &ends)
    } else {
      try Self.appendMatchesAndGaps(
        &matcher, programs, text, from: start, limit: limit, &ends)
    }
  }

  private static func appendMatches(
    _ matcher: inout PCRE2Matcher, _ endCount: Int, _ text: Span<UInt8>, from start: Int,
    to stop: Int, limit: Int, _ ends: inout [Int]
  ) throws(PreTokenizationError) {
    var position = start
    var room = limit
    while position < stop, room > 0 {
      let groups = try matcher.match(in: text, from: position)
      // A program that finds one end has it in the whole match, others have one in each group.
      let found = endCount == 1 ? min(groups, 1) : groups - 1
      guard found > 0 else { throw .matchFailed(message: "no match", offset: position) }
      if endCount == 1 {
        position = matcher.end(ofGroup: 0)
        ends.append(position)
        room -= 1
      } else {
        let taken = min(found, room)
        for group in 1...taken { ends.append(matcher.end(ofGroup: group)) }
        position = matcher.end(ofGroup: taken)
        room -= taken
      }
    }
  }

  private static func appendMatchesAndGaps(
    _ matcher: inout PCRE2Matcher, _ programs: CompiledForm.Programs, _ text: Span<UInt8>,
    from start: Int, limit: Int, _ ends: inout [Int]
  ) throws(PreTokenizationError) {
    var endCount = programs.endCount
    // How many matches the first calls have found.
    var calls = 0
    var matches = 0
    var position = start
    var searchStart = start
    var room = limit
    func append(_ end: Int) {
      ends.append(end)
      position = end
      room -= 1
    }
    while position < text.count, room > 0 {
      let groups = searchStart > text.count ? 0 : try matcher.match(in: text, from: searchStart)
      guard groups > 0 else { return append(text.count) }
      let matchStart = matcher.start(ofGroup: 0)
      if matchStart > position {
        append(matchStart)
        if room == 0 { return }
      }
      if endCount == 1 {
        let end = matcher.end(ofGroup: 0)
        if end > position { append(end) }
      } else {
        for group in 1..<groups where room > 0 { append(matcher.end(ofGroup: group)) }
        calls += 1
        matches += groups - 1
        // Matches that do not touch are found one by one, and looking for the next one in vain costs as much as
        // finding it.
        if calls == Self.trial, matches < 2 * calls {
          matcher = try PCRE2Matcher(programs.single)
          endCount = 1
        }
      }
      // A match of no character has cut here; the next one is searched for behind the next scalar.
      searchStart = position
      if searchStart == matchStart, searchStart < text.count {
        searchStart += text.utf8Sequence(at: searchStart).length
      }
    }
  }
}

/// One program of a pattern, compiled when it is first needed.
private final class CompiledForm: Sendable {
  /// Ends that one match of a repeated expression finds; measured on English, more gain nothing.
  private static let repeatCount = 4

  private let expression: String
  private let form: ExpressionForm
  private let isAnchored: Bool
  private let repeats: Bool
  private let usesJIT: Bool
  private let compiled = Mutex<Result<Programs, PreTokenizationError>?>(nil)

  /// The expression once, and a program that finds several matches that touch in one call.
  struct Programs {
    let single: PCRE2Pattern
    let repeated: PCRE2Pattern
    /// How many ends a match of the second gives: in the whole match if one, else in as many groups.
    let endCount: Int
  }

  init(
    _ expression: String, form: ExpressionForm, anchored: Bool, repeats: Bool, usesJIT: Bool
  ) {
    self.expression = expression
    self.form = form
    self.isAnchored = anchored
    self.repeats = repeats
    self.usesJIT = usesJIT
  }

  /// The programs; the first call compiles them.
  func programs() throws(PreTokenizationError) -> Programs {
    try compiled.withLock { compiled in
      if let compiled { return compiled }
      let result = Result { () throws(PreTokenizationError) in try compile() }
      compiled = result
      return result
    }.get()
  }

  private func compile() throws(PreTokenizationError) -> Programs {
    let rewritten = try form.rewrite(expression)
    let single = try PCRE2Pattern(rewritten.text, anchored: isAnchored, usesJIT: usesJIT)
    guard repeats, rewritten.isRepeatable, !single.canMatchEmpty else {
      return Programs(single: single, repeated: single, endCount: 1)
    }
    // One call finds several matches, each atomic as a match by itself is, and an empty group
    // behind each notes where it ended: (?>P)()(?:(?>P)()…)?+
    var text = "(?>\(rewritten.text))()"
    for _ in 1..<Self.repeatCount { text = "(?>\(rewritten.text))()(?:\(text))?+" }
    // An expression near PCRE2's size limits may be too long when repeated.
    guard let repeated = try? PCRE2Pattern(text, anchored: isAnchored, usesJIT: usesJIT) else {
      return Programs(single: single, repeated: single, endCount: 1)
    }
    return Programs(single: single, repeated: repeated, endCount: Self.repeatCount)
  }
}
