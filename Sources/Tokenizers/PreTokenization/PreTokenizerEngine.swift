/// Which code splits text. All engines give the same pre-tokens; they differ in speed.
public enum PreTokenizerEngine: String, Hashable, Sendable, CaseIterable {
  /// The fastest there is for the pattern.
  case automatic
  /// PCRE2: it runs any pattern and defines what is right.
  case reference
  /// A hand-written scanner in Swift, for the patterns that have one; PCRE2 for the others.
  case portable

  /// The engine for texts to be split by `pattern`.
  ///
  /// This is the one place that chooses.
  ///
  /// - Throws: `PreTokenizationError.badPattern` with PCRE2's message and the offset in the expression.
  public func makePreTokenizer(
    for pattern: SplitPattern
  ) throws(PreTokenizationError) -> any PreTokenizer {
    if self == .automatic, let scanner = MaskScanner(pattern) { return scanner }
    if self != .reference, let scanner = PatternScanner(pattern) { return scanner }
    return try PatternPreTokenizer(pattern)
  }
}
