import Testing

@testable import Tokenizers

/// The classes of an expression against the table, for every scalar.
@Suite(.tags(.slow)) struct UnicodePinningTests {
  /// Scalars in order, as text, and where runs of one class lie in it.
  struct Corpus: Sendable {
    var text: [UInt8] = []
    var runs: [(range: Range<Int>, scalarClass: ScalarClass)] = []

    init(where isIncluded: (ScalarClass) -> Bool) {
      for run in ScalarSet.runs where isIncluded(run.scalarClass) {
        let start = text.count
        for value in run.first...run.last {
          if let scalar = Unicode.Scalar(value) { text.append(contentsOf: UTF8.encode(scalar)!) }
        }
        runs.append((start..<text.count, run.scalarClass))
      }
    }

    /// The parts of the text that hold members, neighbours joined.
    func expected(_ isMember: (ScalarClass) -> Bool) -> [Range<Int>] {
      var ranges: [Range<Int>] = []
      for run in runs where isMember(run.scalarClass) {
        if let last = ranges.last, last.upperBound == run.range.lowerBound {
          ranges[ranges.count - 1] = last.lowerBound..<run.range.upperBound
        } else {
          ranges.append(run.range)
        }
      }
      return ranges
    }

    /// The parts of the text that an expression of one scalar matches.
    func matches(_ expression: String, form: ExpressionForm) throws -> [Range<Int>] {
      let rewritten = try form.rewrite(expression).text
      let pattern = try PCRE2Pattern("(?:\(rewritten))++", anchored: false)
      var matcher = try PCRE2Matcher(pattern)
      var ranges: [Range<Int>] = []
      var position = 0
      try matcher.search(text.span) { search throws(PreTokenizationError) in
        while position < text.count, try search.match(from: position) > 0 {
          ranges.append(search.start(ofGroup: 0)..<search.end(ofGroup: 0))
          position = search.end(ofGroup: 0)
        }
      }
      return ranges
    }
  }

  static let everyScalar = Corpus { _ in true }
  static let settled = Corpus { !$0.isUnsettled }

  @Test(arguments: GeneralCategory.allCases.filter { $0 != .surrogate })
  func pinnedCategoriesAreThoseOfTheTable(category: GeneralCategory) throws {
    let name = category.shortName
    let expected = Self.everyScalar.expected { $0.category == category }
    for expression in [#"\p{\#(name)}"#, #"[^\P{\#(name)}]"#] {
      #expect(
        try Self.everyScalar.matches(expression, form: .pinned) == expected,
        "\(expression)")
    }
  }

  static let groups: [(String, CategorySet)] = [
    (#"\pL"#, CategorySet.letter), (#"\p{L&}"#, .casedLetter), (#"\p{Lc}"#, .casedLetter),
    (#"\p{M}"#, .mark), (#"\p{ n }"#, .number), (#"\p{P}"#, .punctuation), (#"\p{S}"#, .symbol),
    (#"\p{Z}"#, .separator), (#"\p{Xan}"#, [.letter, .number]),
    (#"\d"#, CategorySet(.decimalNumber)),
    (#"\w"#, [.letter, .number, CategorySet(.nonspacingMark), CategorySet(.connectorPunctuation)]),
    (#"[[:alpha:]]"#, .letter), (#"[[:alnum:]]"#, [.letter, .number]),
  ]

  @Test(arguments: groups)
  func pinnedGroupsAreThoseOfTheTable(expression: String, set: CategorySet) throws {
    let expected = Self.everyScalar.expected { $0.isAny(of: set) }
    #expect(
      try Self.everyScalar.matches(expression, form: .pinned) == expected)
    #expect(
      try Self.everyScalar.matches("(?i)\(expression)", form: .pinned) == expected)
  }

  @Test func spaceIsWhiteSpace() throws {
    let expected = Self.everyScalar.expected { $0.isWhiteSpace }
    let byteCount = expected.reduce(0) { $0 + $1.count }
    #expect(byteCount == 6 + 2 * 2 + 17 * 3)
    for expression in [#"\s"#, #"[\s]"#, #"[^\S]"#, "[[:space:]]", #"\p{Xps}"#] {
      #expect(
        try Self.everyScalar.matches(expression, form: .pinned) == expected,
        "\(expression)")
    }
  }

  /// The promise that the fast form rests on.
  @Test func libraryClassesAgreeOnSettledScalars() throws {
    guard PCRE2Pattern.libraryUnicodeMajor >= 14 else { return }
    #expect(Self.settled.text.count > 900_000)
    for category in GeneralCategory.allCases where category != .surrogate {
      let expected = Self.settled.expected { $0.category == category }
      #expect(
        try Self.settled.matches(#"\p{\#(category.shortName)}"#, form: .library)
          == expected, "\(category)")
    }
    #expect(
      try Self.settled.matches(#"\s"#, form: .library)
        == Self.settled.expected { $0.isWhiteSpace })
    let word = Self.settled.expected { ScalarProperty.word.contains($0) }
    #expect(try Self.settled.matches(#"\w"#, form: .library) == word)
  }

  @Test(arguments: [
    (#"a|[b-d]\."#, true), (#"(?i:a)(?=b)(?<!c)(?>d)"#, true), ("(a)", false), ("(?<n>a)", false),
    (#"\1"#, false), ("(*UTF)a", false), ("(?x)a", false), ("a(?R)?", false), (#"(?i)a"#, true),
    ("(?P<n>a)", false),
  ])
  func knowsWhatCanBeRepeated(expression: String, isRepeatable: Bool) throws {
    #expect(try ExpressionForm.pinned.rewrite(expression).isRepeatable == isRepeatable)
  }

  @Test(arguments: [
    (#"\p{L}+|[^\s\p{Nd}a-z_]{2,}|\w(?=\d)|."#, true),
    (#"(?i)(?<!\S)k[[:alpha:]x-z]\x41\x{7f}\R$"#, true),
    (#"(?<word>\w+)|(\s)\.\-\n\t\0\077\cA\Qa.b\E"#, true), (#"[\x00-\x7F\n\-\]\0\177]\v\N"#, true),
    ("é", false), (#"\Qé\E"#, false), ("[a-é]", false), ("[é]", false), (#"\x{e9}"#, false),
    (#"\xe9"#, false), (#"[\xE9-\xFF]"#, false), (#"[\x{4e00}-\x{9fff}]"#, false),
    (#"[\351]"#, false),
    (#"\o{351}"#, false), (#"\N{U+e9}"#, false), (#"\b"#, false), (#"\B"#, false), (#"\X"#, false),
    (#"\h"#, false), (#"[\h]"#, false), ("[[:punct:]]", false), ("[[:<:]]a", false),
    (#"\p{Greek}"#, false), (#"[\p{Han}]"#, false), (#"(\p{L})\1"#, false),
    (#"(\p{L})\g{1}"#, false),
    (#"(?<a>\p{L})\k<a>"#, false), (#"(?P<a>\p{L})(?P=a)"#, false), ("(*sr:a)", false),
    (#"(\w)(?(1)a|b)"#, false),
  ])
  func knowsWhatSeesOnlyClasses(expression: String, seesOnlyClasses: Bool) throws {
    // Each is an expression that PCRE2 takes.
    _ = try PCRE2Pattern(expression, anchored: false)
    for form in [ExpressionForm.pinned, .library] {
      #expect(try form.rewrite(expression).seesOnlyClasses == seesOnlyClasses)
    }
  }

  @Test func leavesTheRestAlone() throws {
    for expression in [#"a\p{Greek}[\h[:punct:]-z]\bx{2,3}\x{1F600}"#, #"[]\]]\[(?#\d)\c["#] {
      #expect(try ExpressionForm.pinned.rewrite(expression).text == expression)
    }
  }
}
