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
  /// The kernels that work on the pre-tokens afterwards, none for the reference.
  var level: MaskScanner.Level?

  private let pinned: CompiledForm
  private let library: CompiledForm
  /// Whether the two are the same: no class of the expression is one on which versions of Unicode differ.
  private let isPinned: Bool
  /// Whether the expression takes a stand-in for the scalar in whose place it is.
  private let takesStandIns: Bool
  /// Prepared for a text with unsettled scalars, the same text with stand-ins.
  private var standIns: [UInt8]?

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
      try? form.rewrite(pattern.fastExpression)
    }
    isPinned = forms[0] != nil && forms[0]?.text == forms[1]?.text
    takesStandIns = forms[0]?.seesOnlyClasses ?? false
    let isDefinition = strategy == .definition
    pinned = CompiledForm(
      isDefinition ? pattern.expression : pattern.fastExpression, form: .pinned,
      anchored: pattern.matching == .covering, repeats: !isDefinition, usesJIT: usesJIT)
    library = CompiledForm(
      pattern.fastExpression, form: .library, anchored: pattern.matching == .covering,
      repeats: true, usesJIT: usesJIT)
  }

  /// For a user's expression, which may look anywhere, all of the text is looked through once and not for each
  /// batch. Where scalars are unsettled, a copy of the text is made in which others stand in for them, if the
  /// expression is such that this makes no difference (`StandIns`).
  public func prepared(for text: Span<UInt8>) -> any PreTokenizer {
    guard pattern.matching == .searching, strategy == .automatic else { return self }
    var prepared = self
    prepared.strategy = .library
    if isPinned { return prepared }
    let first = text.nextUnsettled(in: 0..<text.count)
    if first == text.count { return prepared }
    prepared.standIns = takesStandIns ? StandIns.replace(in: text, from: first) : nil
    if prepared.standIns == nil { prepared.strategy = .pinned }
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
      if let standIns {
        precondition(standIns.count == text.count, "prepared for another text")
        try run(library, standIns.span, from: start, to: text.count, limit: limit, &ends)
      } else {
        try run(library, text, from: start, to: text.count, limit: limit, &ends)
      }
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
    if pattern.matching == .covering {
      let programs = try form.programs()
      var matcher = try PCRE2Matcher(programs.repeated)
      try Self.appendMatches(
        &matcher, programs.endCount, text, from: start, to: stop, limit: limit, &ends)
    } else {
      var pass = try MatchesAndGaps(form, from: start)
      try pass.appendEnds(of: text, limit: limit, to: &ends)
    }
  }

  private static func appendMatches(
    _ matcher: inout PCRE2Matcher, _ endCount: Int, _ text: Span<UInt8>, from start: Int,
    to stop: Int, limit: Int, _ ends: inout [Int]
  ) throws(PreTokenizationError) {
    var position = start
    var room = limit
    try matcher.search(text) { search throws(PreTokenizationError) in
      while position < stop, room > 0 {
        let groups = try search.match(from: position)
        // A program that finds one end has it in the whole match, others have one in each group.
        let found = endCount == 1 ? min(groups, 1) : groups - 1
        guard found > 0 else { throw .matchFailed(message: "no match", offset: position) }
        if endCount == 1 {
          position = search.end(ofGroup: 0)
          ends.append(position)
          room -= 1
        } else {
          let taken = min(found, room)
          for group in 1...taken { ends.append(search.end(ofGroup: group)) }
          position = search.end(ofGroup: taken)
          room -= taken
        }
      }
    }
  }
}
