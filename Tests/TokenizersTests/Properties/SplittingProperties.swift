import TestSupport
import Testing

@testable import Tokenizers

/// Equalities that hold for the pre-tokens of any text.
@Suite(.tags(.property)) struct SplittingProperties {
  /// Every engine of a pattern, and the definition that they are measured by.
  struct Engines {
    let name: String
    let engines: [(name: String, splitter: any PreTokenizer)]
    let definition: PatternPreTokenizer

    init(_ pattern: SplitPattern) throws {
      name = pattern.name
      definition = try PatternPreTokenizer(pattern, strategy: .definition)
      // Of the engines that run kernels each is another one only where the pattern has kernels.
      let kernels = try Engine.available.compactMap { engine -> (String, any PreTokenizer)? in
        if let level = MaskScanner.Level(engine), MaskScanner(pattern, level: level) == nil {
          return nil
        }
        return (engine.rawValue, try engine.makePreTokenizer(for: pattern))
      }
      // What the kernels leave to it, and more.
      let twin = PatternScanner(pattern).map { [("scanner", $0 as any PreTokenizer)] }
      engines = kernels + (twin ?? [])
    }

    /// Compares each engine with the definition.
    func check(_ text: [UInt8], limits: [Int], _ comment: String) throws {
      let expected = try ends(of: text, by: definition)
      #expect(expected.last == text.count)
      #expect(zip([0] + expected, expected).allSatisfy { $0 < $1 })
      for (engine, splitter) in engines {
        for limit in limits {
          let found = try ends(of: text, by: splitter, limit: limit)
          let difference = difference(text, found, expected)
          #expect(difference == "", "\(name) by \(engine), limit \(limit), \(comment)")
        }
      }
    }
  }

  /// Made once; an engine that cannot be made fails every test that asks for them.
  static let splitters = Result { try coveringPatterns.map(Engines.init) }

  @Test(arguments: UInt64(1)...150)
  func enginesAgreeWithTheDefinition(seed: UInt64) throws {
    var generator = TextGenerator(seed: seed)
    let text = generator.text(fragments: 200)
    for splitter in try Self.splitters.get() {
      try splitter.check(text, limits: [1, 2, 3, 5, 64, 1024, Int.max], "seed \(seed)")
    }
  }

  /// Text as people write it, in which masks hardly ever have to leave the work to their twins.
  @Test(arguments: UInt64(1)...120)
  func enginesAgreeOnProse(seed: UInt64) throws {
    var generator = TextGenerator(seed: seed)
    let text = generator.prose(words: 400)
    for splitter in try Self.splitters.get() {
      try splitter.check(text, limits: [7, 1024], "prose, seed \(seed)")
    }
  }

  /// Short texts of few characters meet in all orders: what generated prose would hardly do.
  @Test(arguments: UInt64(1)...60)
  func enginesAgreeOnShortTexts(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let alphabet = [
      "a", "S", "ſ", "日", "ǅ", "ʰ", "1", "٣", "½", "'", "!", "/", "“", "\u{301}", "\u{903}", " ",
      "\t",
      "\n", "\r", "\u{A0}", "\u{85}", "\u{3000}", "\u{180E}", "😀", "re", "VE", "ll", "\u{0}",
    ]
    for _ in 0..<400 {
      let count = 1 + random.below(9)
      let text = Array((0..<count).map { _ in random.pick(alphabet) }.joined().utf8)
      for splitter in try Self.splitters.get() {
        try splitter.check(text, limits: [1024], "seed \(seed)")
      }
    }
  }

  /// Slashes and line ends behind visible characters go with them in turn, over many times 64 bytes too.
  @Test(arguments: UInt64(1)...40)
  func slashesGoWithLineEnds(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    for _ in 0..<60 {
      let alphabet = random.pick([
        ["/", "\n"], ["/", "\n", "/", "\n", "*"], ["/", "\r", "\n", "*", "a", " ", ";", "A", "1"],
        ["//", "\n", " ", "x", "é", "\u{301}"],
      ])
      let count = 1 + random.below(random.pick([12, 70, 200]))
      let text = Array((0..<count).map { _ in random.pick(alphabet) }.joined().utf8)
      for splitter in try Self.splitters.get() {
        try splitter.check(text, limits: [3, 1024], "seed \(seed)")
      }
    }
  }

  /// Every scalar, alone and beside others like it, wherever in 64 bytes: kernels tell most of those beyond ASCII by their
  /// bytes and the plain one all of them by the table.
  @Test(.tags(.slow), arguments: coveringPatterns)
  func kernelsClassEveryScalarAsThePlainOneDoes(pattern: SplitPattern) throws {
    let plain = try #require(MaskScanner(pattern, level: .plain))
    var texts: [[UInt8]] = []
    for offset in [0, 1, 2, 3] {
      var text = [UInt8](repeating: 0x78, count: offset)
      for value in UInt32(0x80)...0x1_FFFF {
        guard let scalar = Unicode.Scalar(value) else { continue }
        let bytes = Array(String(Character(scalar)).utf8)
        text += offset == 0 ? bytes : bytes + [offset == 1 ? 0x41 : 0x20] + bytes + bytes
      }
      texts.append(text)
    }
    for level in MaskScanner.Level.allCases where level != .plain {
      guard let scanner = MaskScanner(pattern, level: level) else { continue }
      for text in texts {
        let expected = try ends(of: text, by: plain)
        #expect(difference(text, try ends(of: text, by: scanner), expected) == "", "\(level)")
      }
    }
  }

  @Test(arguments: UInt64(1)...60)
  func theLibrarysClassesAgreeOnSettledText(seed: UInt64) throws {
    var generator = TextGenerator(seed: seed)
    let text = generator.plainText(fragments: 300)
    let isSettled = text.span.isSettled(in: 0..<text.count)
    #expect(isSettled)
    guard PCRE2Pattern.libraryUnicodeMajor >= 14 else { return }
    for pattern in coveringPatterns {
      let definition = try ends(of: text, by: PatternPreTokenizer(pattern, strategy: .definition))
      for strategy in [PatternPreTokenizer.Strategy.library, .pinned] {
        for usesJIT in [true, false] {
          let splitter = try PatternPreTokenizer(pattern, strategy: strategy, usesJIT: usesJIT)
          let difference = difference(text, try ends(of: text, by: splitter), definition)
          #expect(difference == "", "seed \(seed), \(pattern.name), \(strategy)")
        }
      }
    }
  }

  /// Windows, batches and safe cuts are crossed many times in a long text.
  @Test(.tags(.slow), arguments: [3, 1024], coveringPatterns.indices)
  func longTextsAgreeWithTheDefinition(limit: Int, index: Int) throws {
    var generator = TextGenerator(seed: 99)
    var text = generator.plainText(fragments: 20_000)
    text += generator.text(fragments: 10_000)
    try Self.splitters.get()[index].check(text, limits: [limit], "long")
  }

  /// Every scalar beside a contraction, line ends and digits: where its class shows.
  @Test(.tags(.slow), arguments: coveringPatterns.indices)
  func everyScalarInContextAgreesWithTheDefinition(index: Int) throws {
    var text: [UInt8] = []
    for run in ScalarSet.runs {
      // Inside of a run all scalars are alike to the table: its ends and some within show enough.
      for value in stride(from: run.first, through: run.last, by: 97) + [run.last] {
        guard let scalar = Unicode.Scalar(value) else { continue }
        let scalarText = Array(String(Character(scalar)).utf8)
        text += scalarText + Array("'s".utf8) + scalarText + Array("\n \nx 1".utf8)
        text += scalarText + Array("2345678 A".utf8) + scalarText + Array("b\n".utf8)
      }
    }
    try Self.splitters.get()[index].check(text, limits: [1024], "every class")
  }

  /// A long text is looked at once, whether all of it is settled, and then split in batches.
  @Test(.tags(.slow), arguments: [true, false])
  func preparedForALongTextAgreesWithTheDefinition(isSettled: Bool) throws {
    var generator = TextGenerator(seed: 5)
    var text = generator.plainText(fragments: 20_000)
    if !isSettled { text += Array(" \u{1C89}\u{1C89} 'x \u{180E}y".utf8) }
    #expect(text.count > 100_000)
    // The last two have no class that is pinned, and matches that hardly ever touch, or that touch now and then.
    for expression in [#"\p{L}+|\d{1,3}"#, #"\s+(?!\S)|[^\s\w]+"#, "[A-Za-z]+", "[a-m]|[^a-z]+"] {
      let pattern = SplitPattern(expression: expression)
      let definition = try PatternPreTokenizer(pattern, strategy: .definition)
      let expected = try ends(of: text, by: definition)
      let prepared = try PatternPreTokenizer(pattern).prepared(for: text.span)
      // Others stand in for the scalars that are not settled.
      #expect(try #require(prepared as? PatternPreTokenizer).strategy == .library)
      let found = try ends(of: text, by: prepared)
      #expect(difference(text, found, expected) == "", "\(expression)")
    }
  }

  static let expressions = [
    #"\p{L}+"#, #"\s"#, #"\d{1,3}"#, #"[^\s\p{L}]+"#, #"(?=\p{Lu})"#, #"\b"#, #"(?<=\p{N})\p{L}"#,
    "a*",
    #"(\p{L})\1"#, #"(?i)[\p{Lu}x]+"#, #"\W+|\w"#, "", "q",
    #"\p{L}+|\p{N}{1,3}|[^\s\p{L}\p{N}]+|\s+"#, #"(?<=\s)\w+|(?<!\w)\S|\p{M}+"#,
    #" ?\w+|\s+(?!\S)|[^\s\w]+"#,
    #"(?i)'(?:[sdmt]|ll|ve|re)|\p{Lu}?\p{Ll}+|\p{Lo}+k?"#, #"[^\x00-\x7F]+"#,
    #"[\p{S}\p{Cf}]|\p{Cn}+|.\p{Mc}"#,
    #"\S+(?=\s)"#, #"(?<=[\p{L}\p{Mn}]{2})."#, "é|[\\w一-龥]+",
    // Matches with a character or more between them, some of which begin where they cannot go on.
    "[A-Za-z]+", #"\d+"#, "[a-z]{2}|[0-9]x", #"(?i)[st]\b|é+"#, "[^a-z ]+(?=e|$)",
    #"(?<=\s)[a-n]+"#,
  ]

  @Test(arguments: UInt64(1)...25)
  func batchesOfAnySizeAgreeForExpressions(seed: UInt64) throws {
    var generator = TextGenerator(seed: seed)
    let text = generator.text(fragments: 60)
    let plain = generator.plainText(fragments: 60)
    // Hardly anything but scalars that have others stand in for them.
    let unsettled = generator.unsettledText(fragments: 60)
    for expression in Self.expressions {
      let pattern = SplitPattern(expression: expression)
      let definition = try PatternPreTokenizer(pattern, strategy: .definition)
      let splitter = try PatternPreTokenizer(pattern)
      for text in [text, plain, unsettled] {
        let prepared = splitter.prepared(for: text.span)
        let expected = try ends(of: text, by: definition, limit: .max)
        #expect(expected.last == text.count)
        #expect(zip([0] + expected, expected).allSatisfy { $0 < $1 })
        for limit in [1, 2, 7, 1024] {
          for (name, splitter) in [
            ("as it is", splitter as any PreTokenizer), ("prepared", prepared),
          ] {
            let difference = difference(
              text, try ends(of: text, by: splitter, limit: limit), expected)
            #expect(difference == "", "seed \(seed), \(expression), limit \(limit), \(name)")
          }
        }
      }
    }
  }
}
