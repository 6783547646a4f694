import TestSupport
import Testing

@testable import Tokenizers

@Suite struct PatternPreTokenizerTests {
  @Test(
    arguments: ["gpt2", "cl100k", "o200k", "llama3", "qwen2", "expressions"],
    [PatternPreTokenizer.Strategy.automatic, .definition, .pinned])
  func splitsAsTheTableSays(table: String, strategy: PatternPreTokenizer.Strategy) throws {
    let rows = try Fixtures.jsonLines("fixtures/splits/\(table).jsonl", of: SplitRow.self)
    #expect(rows.count > 20)
    for usesJIT in [true, false] {
      var splitters: [String: PatternPreTokenizer] = [:]
      for row in rows {
        let pattern = SplitPattern.named(row.pattern) ?? SplitPattern(expression: row.pattern)
        let splitter =
          try splitters[row.pattern]
          ?? PatternPreTokenizer(pattern, strategy: strategy, usesJIT: usesJIT)
        splitters[row.pattern] = splitter
        let text = Array(row.text.utf8)
        for limit in [1, 1024] {
          let ends = try ends(of: text, by: splitter, limit: limit)
          #expect(
            pieces(of: text, ends: ends).map(escaped) == row.pieces.map { escaped($0.utf8) },
            "\(row.pattern) \(escaped(row.text.utf8))")
        }
      }
    }
  }

  @Test(
    arguments: ["gpt2", "cl100k", "o200k", "llama3", "qwen2", "expressions"], Engine.available)
  func everyEngineSplitsAsTheTableSays(table: String, engine: Engine) throws {
    try check(table) { try engine.makePreTokenizer(for: $0) }
  }

  /// The scanners that the kernels leave to what masks do not tell.
  @Test(arguments: ["gpt2", "cl100k", "o200k", "llama3", "qwen2"])
  func scannersSplitAsTheTableSays(table: String) throws {
    try check(table) { try #require(PatternScanner($0)) }
  }

  private func check(
    _ table: String, by makeSplitter: (SplitPattern) throws -> any PreTokenizer
  ) throws {
    let rows = try Fixtures.jsonLines("fixtures/splits/\(table).jsonl", of: SplitRow.self)
    for row in rows {
      let pattern = SplitPattern.named(row.pattern) ?? SplitPattern(expression: row.pattern)
      let splitter = try makeSplitter(pattern)
      let text = Array(row.text.utf8)
      var found: [[UInt8]] = []
      try splitter.forEachPreToken(in: text.span) { found.append(Array(text[$0])) }
      #expect(
        found.map(escaped) == row.pieces.map { escaped($0.utf8) },
        "\(row.pattern) \(escaped(row.text.utf8))")
    }
  }

  @Test func noneKeepsTheTextWhole() throws {
    let splitter = try PatternPreTokenizer(.none)
    #expect(try ends(of: Array("a b\nc".utf8), by: splitter) == [5])
    #expect(try ends(of: [], by: splitter) == [])
    #expect(splitter.safeCuts == .nowhere)
  }

  @Test func patternsAreFoundByName() {
    #expect(
      SplitPattern.named.map(\.name) == ["gpt2", "cl100k", "o200k", "llama3", "qwen2", "none"])
    #expect(SplitPattern.named("gpt2") == .gpt2)
    #expect(SplitPattern.named("r50k") == .gpt2)
    #expect(SplitPattern.named("p50k") == .gpt2)
    #expect(SplitPattern.named("gpt3") == nil)
  }

  /// Where matches hardly ever touch, several are found in a call with what lies between them: characters with which no
  /// match can begin.
  @Test func knowsWhatMayLieBetweenMatches() throws {
    let form = CompiledForm(
      "[b-y]+x|é", form: .library, anchored: false, repeats: true, usesJIT: true)
    var matcher = try PCRE2Matcher(try #require(try form.gappedProgram()))
    // A call ends before a b with which no match begins, and before a character beyond ASCII.
    let text = Array("..bxbx--a b dx\u{e4}cx bx".utf8)
    var found: [[Int]] = []
    try matcher.search(text.span) { search throws(PreTokenizationError) in
      for start in [0, 6, 14] {
        let groups = try search.match(from: start)
        found.append([search.start(ofGroup: 0), search.end(ofGroup: 1)])
        for group in 2..<max(2, groups) {
          found.append([search.start(ofGroup: group), search.end(ofGroup: group)])
        }
      }
    }
    #expect(found == [[2, 6], [12, 14], [16, 18], [19, 21]])
    let first = (0..<256).map { (0x62...0x79).contains($0) || $0 >= 0x80 }
    #expect(CompiledForm.characterClass(without: first) == #"[\x{0}-\x{61}\x{7a}-\x{7f}]"#)
    #expect(CompiledForm.characterClass(without: [Bool](repeating: true, count: 256)) == nil)
    // PCRE2 itself looks for the one byte that a match begins with.
    #expect(
      try CompiledForm("abc", form: .library, anchored: false, repeats: true, usesJIT: true)
        .gappedProgram() == nil)
    // A match of no character may be anywhere.
    #expect(
      try CompiledForm("[ab]*", form: .library, anchored: false, repeats: true, usesJIT: true)
        .gappedProgram() == nil)
  }

  @Test func startsInTheMiddleAndEndsAtTheEnd() throws {
    let splitter = try PatternPreTokenizer(.gpt2)
    let text = Array("one two three".utf8)
    var ends = [99]
    try splitter.appendEnds(of: text.span, from: 3, limit: 1, to: &ends)
    #expect(ends == [99, 7])
    try splitter.appendEnds(of: text.span, from: 13, limit: 5, to: &ends)
    #expect(ends == [99, 7])
  }

  @Test(arguments: [
    ("(", 1), ("a[b", 3), ("é*+*(", 4), (#"a\p{Nonsense}"#, 13), ("x{2,1}", 5), (#"\C"#, 2),
  ])
  func refusesBadExpressions(expression: String, offset: Int) {
    #expect {
      try PatternPreTokenizer(SplitPattern(expression: expression))
    } throws: { error in
      guard case .badPattern(let message, let place)? = error as? PreTokenizationError else {
        return false
      }
      return !message.isEmpty && abs(place - offset) <= 1
    }
  }

  @Test(arguments: [(#"ab\Kc"#, 2), (#"\Ga"#, 0), ("x(?C1)", 1)])
  func refusesWhatASplitPatternMayNotHold(expression: String, offset: Int) {
    #expect {
      try PatternPreTokenizer(SplitPattern(expression: expression))
    } throws: { error in
      guard case .badPattern(_, let place)? = error as? PreTokenizationError else { return false }
      return place == offset
    }
  }

  @Test func takesNULInAnExpression() throws {
    let splitter = try PatternPreTokenizer(SplitPattern(expression: "a\0b"))
    #expect(try ends(of: Array("xa\0by".utf8), by: splitter) == [1, 4, 5])
  }

  @Test func fallsBackWhereMachineCodeRunsOutOfStack() throws {
    let splitter = try PatternPreTokenizer(SplitPattern(expression: "(?:a|(b))+"))
    let text = [UInt8](repeating: UInt8(ascii: "a"), count: 300_000)
    #expect(try ends(of: text, by: splitter) == [300_000])
  }

  /// Long runs and single pieces take linear time: quadratic time would be minutes.
  @Test(.timeLimit(.minutes(1)), arguments: coveringPatterns)
  func takesLinearTimeOnRuns(pattern: SplitPattern) throws {
    let splitter = try PatternPreTokenizer(pattern)
    let count = 1 << 20
    let runs = [" ", "a", "A", "\n", "!", "\u{4E2D}", "\u{A0}", "\u{1E4D0}"]
    for unit in runs.map({ Array($0.utf8) }) {
      var text: [UInt8] = []
      for _ in 0..<count / unit.count { text += unit }
      text += Array("x".utf8)
      for limit in [1, 1024] {
        let ends = try ends(of: text, by: splitter, limit: limit)
        #expect(ends.last == text.count)
        #expect(ends.count <= 3)
      }
    }
  }

  /// Many short pieces without a safe cut, and an unsettled scalar in each window.
  @Test(.timeLimit(.minutes(1)), arguments: coveringPatterns)
  func takesLinearTimeWithoutCuts(pattern: SplitPattern) throws {
    let splitter = try PatternPreTokenizer(pattern)
    var text: [UInt8] = []
    while text.count < 1 << 20 { text += Array("你好，世界。\u{31350}！1".utf8) }
    let ends = try ends(of: text, by: splitter, limit: 16)
    #expect(ends.last == text.count)
  }
}
