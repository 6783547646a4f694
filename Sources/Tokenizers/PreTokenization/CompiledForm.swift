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
