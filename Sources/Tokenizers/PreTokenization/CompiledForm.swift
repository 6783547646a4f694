internal import Synchronization

/// One form of a pattern's expression, compiled when it is first needed.
final class CompiledForm: Sendable {
  /// Ends that one match of a repeated expression finds; measured on English, more gain nothing.
  private static let repeatCount = 4

  private let expression: String
  private let form: ExpressionForm
  private let isAnchored: Bool
  private let repeats: Bool
  private let usesJIT: Bool
  private let compiled = Mutex<Result<Programs, PreTokenizationError>?>(nil)
  private let gapped = Mutex<PCRE2Pattern??>(nil)
  /// Whether matches are taken to touch: until they were met that do not.
  private let touching = Atomic<Bool>(true)

  /// The expression once, and a program that finds several matches that touch in one call.
  struct Programs {
    let single: PCRE2Pattern
    let repeated: PCRE2Pattern
    /// How many ends a match of the second gives: in the whole match if one, else in as many groups.
    let endCount: Int
  }

  /// A program that finds several matches with gaps between them in one call; nil where it is not known what a match
  /// begins with. The first call compiles it.
  ///
  /// The first match begins where the whole match does and ends in group 1; the next ones are the next groups.
  func gappedProgram() throws(PreTokenizationError) -> PCRE2Pattern? {
    let programs = try programs()
    if programs.endCount == 1 { return nil }
    return gapped.withLock { gapped in
      if let gapped { return gapped }
      let made = makeGapped(programs.single)
      gapped = .some(made)
      return made
    }
  }

  /// Whether it is worth trying to find several matches that touch. Not a promise: what is found is the same.
  var triesTouching: Bool {
    get { touching.load(ordering: .relaxed) }
    set { touching.store(newValue, ordering: .relaxed) }
  }

  private func makeGapped(_ single: PCRE2Pattern) -> PCRE2Pattern? {
    guard let rewritten = try? form.rewrite(expression), let first = single.firstBytes,
      let gap = Self.characterClass(without: first)
    else { return nil }
    // No match begins in such a gap, so that the next one is where a search would find it, or behind the whole:
    // (?>P)()(?:G*+((?>P))(?:G*+((?>P))…)?+)?+.
    let match = "(?>\(rewritten.text))"
    var text = ""
    for _ in 1..<Self.repeatCount { text = "(?:\(gap)*+(\(match))\(text))?+" }
    return try? PCRE2Pattern(match + "()" + text, anchored: isAnchored, usesJIT: usesJIT)
  }

  /// A class of the ASCII characters that are none of some bytes; nil if there is none. Classes with characters beyond
  /// are slow to match.
  static func characterClass(without first: [Bool]) -> String? {
    var ranges: [ClosedRange<Int>] = []
    for byte in 0..<0x80 where !first[byte] {
      if let last = ranges.last, last.upperBound + 1 == byte {
        ranges[ranges.count - 1] = last.lowerBound...byte
      } else {
        ranges.append(byte...byte)
      }
    }
    if ranges.isEmpty { return nil }
    func hexadecimal(_ value: Int) -> String { "\\x{\(String(value, radix: 16))}" }
    let body = ranges.map { hexadecimal($0.lowerBound) + "-" + hexadecimal($0.upperBound) }
    return "[" + body.joined() + "]"
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
