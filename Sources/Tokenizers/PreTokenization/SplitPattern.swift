/// The regular expression that defines the pre-tokens of a text, in PCRE2's syntax.
///
///     let pattern = SplitPattern.gpt2
///     let own = SplitPattern(expression: #"\p{L}+|\d"#)
///
/// The named patterns are those of the tokenizers they are named after, word for word but for
/// Rust's `$`, which is `\z` here. Their matches cover any text. What lies between the matches of
/// any other expression is a pre-token too, so that no byte is lost: Hugging Face calls that
/// "isolated".
public struct SplitPattern: Hashable, Sendable {
  /// What the pattern is called, `gpt2` for instance; `custom` for a user's expression.
  public let name: String

  /// The expression; empty for `none`.
  public let expression: String

  /// Where the pattern comes from, in a sentence.
  public let notes: String

  /// Where text may be cut without changing its pre-tokens.
  public let safeCuts: SafeCutRule

  /// How pre-tokens come from matches.
  enum Matching: Hashable {
    /// There is no expression: the text is one pre-token.
    case wholeText
    /// A match begins wherever the one before ended, up to the end, and none is empty.
    case covering
    /// Matches are searched for; what lies between them is a pre-token.
    case searching
  }
  let matching: Matching

  /// An expression with the same matches as `expression`, which PCRE2 runs faster.
  let fastExpression: String

  private init(
    name: String, expression: String, fastExpression: String, matching: Matching,
    safeCuts: SafeCutRule, notes: String
  ) {
    self.name = name
    self.expression = expression
    self.fastExpression = fastExpression
    self.matching = matching
    self.safeCuts = safeCuts
    self.notes = notes
  }

  /// A user's expression: compiled, and refused if need be, when a pre-tokenizer is made of it.
  ///
  /// Character classes mean what Unicode 16.0 says (`UnicodeVersion.pinned`), scripts and other
  /// properties what PCRE2 was built with.
  public init(expression: String) {
    self.init(
      name: "custom", expression: expression, fastExpression: expression, matching: .searching,
      safeCuts: .nowhere, notes: "A regular expression of the user's.")
  }

  /// The patterns that have names.
  public static let named: [SplitPattern] = [.gpt2, .cl100k, .o200k, .llama3, .qwen2, .none]

  /// The pattern of this name, nil if there is none. `r50k` and `p50k` are other names of `gpt2`.
  public static func named(_ name: String) -> SplitPattern? {
    if name == "r50k" || name == "p50k" { return .gpt2 }
    return named.first { $0.name == name }
  }

  /// The text is one pre-token.
  public static let none = SplitPattern(
    name: "none", expression: "", fastExpression: "", matching: .wholeText, safeCuts: .nowhere,
    notes: "The whole text is one pre-token.")

  /// GPT-2's pattern, also that of r50k and p50k.
  public static let gpt2 = SplitPattern(
    name: "gpt2",
    expression:
      #"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++\z|\s+(?!\S)|\s"#,
    // What begins with a letter, or a space and a letter, is matched by ` ?\p{L}++` alone; the same
    // for digits; each ASCII form holds if no scalar beyond ASCII follows that could go on with the
    // run.
    fastExpression:
      " ?[A-Za-z]++\(asciiFollows)"
      + "|'(?:[sdmt]|ll|ve|re)"
      + "| ?\(asciiOther)++\(asciiFollows)"
      + #"| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++\z|\s+(?!\S)|\s"#,
    matching: .covering,
    safeCuts: .whiteSpace(lineEnds: .afterVisible),
    notes: "GPT-2, r50k and p50k, in the possessive form of tiktoken's.")

  /// The pattern of cl100k (GPT-3.5, GPT-4).
  public static let cl100k = SplitPattern(
    name: "cl100k",
    expression:
      #"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"#
      + #"|\s++\z|\s*[\r\n]|\s+(?!\S)|\s"#,
    // Each ASCII form stands before the alternative that it repeats; the first one cannot begin
    // with an apostrophe, so that the contractions may stay behind it.
    fastExpression:
      "\(asciiPrefix)?+[A-Za-z]++\(asciiFollows)"
      + #"|'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++"#
      + "|[0-9]{1,3}+\(asciiFollows)"
      + #"|\p{N}{1,3}+"#
      + "| ?\(asciiOther)++\(asciiFollows)[\\r\\n]*+"
      + #"| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++\z|\s*[\r\n]|\s+(?!\S)|\s"#,
    matching: .covering,
    safeCuts: .whiteSpace(lineEnds: .afterLettersAndBeforeVisible),
    notes: "cl100k_base, in the possessive form of tiktoken's.")

  /// The pattern of o200k (GPT-4o and later).
  public static let o200k = SplitPattern(
    name: "o200k",
    expression:
      #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"#
      + #"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"#
      + #"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"#
      + #"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"#
      + #"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"#,
    // The ASCII word ends before an apostrophe only if the whole alternative, which may go on with
    // a contraction, is tried instead.
    fastExpression:
      "\(asciiPrefixOrApostrophe)?+[A-Z]*+[a-z]++(?![^\\x00-\\x7f]|')"
      + #"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"#
      + #"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"#
      + #"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"#
      + #"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"#
      + "|[0-9]{1,3}+\(asciiFollows)"
      + #"|\p{N}{1,3}+"#
      + "| ?\(asciiOther)++\(asciiFollows)[\\r\\n/]*+"
      + #"| ?[^\s\p{L}\p{N}]++[\r\n/]*+|\s*[\r\n]++|\s+(?!\S)|\s++"#,
    matching: .covering,
    safeCuts: .whiteSpace(lineEnds: .afterLettersAndBeforeVisibleButSlash),
    notes: "o200k_base, as published.")

  /// The pattern of Llama 3: cl100k's first form, in which white space at the end of a text is no case of
  /// its own.
  public static let llama3 = likeCL100K(
    name: "llama3", digits: #"\p{N}{1,3}"#, fastDigits: "[0-9]{1,3}+\(asciiFollows)|\\p{N}{1,3}+",
    notes: "Llama 3, as published.")

  /// The pattern of Qwen 2: as Llama 3's, each digit alone.
  public static let qwen2 = likeCL100K(
    name: "qwen2", digits: #"\p{N}"#, fastDigits: #"\p{N}"#, notes: "Qwen 2, as published.")

  private static func likeCL100K(
    name: String, digits: String, fastDigits: String, notes: String
  ) -> SplitPattern {
    SplitPattern(
      name: name,
      expression:
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"# + digits
        + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#,
      // As cl100k's.
      fastExpression:
        "\(asciiPrefix)?+[A-Za-z]++\(asciiFollows)"
        + #"|'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|"# + fastDigits
        + "| ?\(asciiOther)++\(asciiFollows)[\\r\\n]*+"
        + #"| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s*[\r\n]++|\s+(?!\S)|\s++"#,
      matching: .covering,
      safeCuts: .whiteSpace(lineEnds: .afterLettersAndBeforeVisible),
      notes: notes)
  }

  /// What follows, if anything does, is ASCII.
  private static let asciiFollows = #"(?![^\x00-\x7f])"#
  /// ASCII that is no letter, no digit and no white space.
  private static let asciiOther = #"[\x00-\x08\x0e-\x1f!-/:-@\[-`{-\x7f]"#
  /// ASCII that is no letter, no digit, no line end.
  private static let asciiPrefixOrApostrophe = #"[\x00-\x09\x0b\x0c\x0e-/:-@\[-`{-\x7f]"#
  /// The same without the apostrophe.
  private static let asciiPrefix = #"[\x00-\x09\x0b\x0c\x0e-&(-/:-@\[-`{-\x7f]"#
}

extension SplitPattern: CustomStringConvertible {
  /// The name of a named pattern, else the expression.
  public var description: String { matching == .searching ? expression : name }
}
