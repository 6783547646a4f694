import TestSupport
import Testing

@testable import Tokenizers

/// Merging by backtracking and by the heap against the naive model, on models of every kind.
struct LongPreTokenTests {
  /// A random model over a few letters.
  ///
  /// - Parameter isOrderly: Tokens are made once, of tokens made before; else merges come in any order, and
  ///   some make what another one makes too.
  private func model(_ random: inout SeededRandom, isOrderly: Bool) throws -> BPEModel {
    let letters = Array("abcd".utf8.prefix(1 + random.below(4)))
    var tokens: [[UInt8]] = letters.map { [$0] }
    var pairs: [(left: [UInt8], right: [UInt8])] = []
    var pairsSeen: Set<[[UInt8]]> = []
    for _ in 0..<1 + random.below(30) {
      let left = random.pick(tokens)
      let right = random.pick(tokens)
      let joined = left + right
      if joined.count > 12 || !pairsSeen.insert([left, right]).inserted { continue }
      if tokens.contains(joined) {
        if isOrderly { continue }
      } else {
        tokens.append(joined)
      }
      pairs.append((left, right))
    }
    if !isOrderly {
      for index in pairs.indices { pairs.swapAt(index, random.below(pairs.count)) }
    }
    // Ids in no order at all, with holes.
    let all = (0...255).map { [UInt8($0)] } + tokens.filter { $0.count > 1 }
    var numbers = Array(0..<UInt32(2 * all.count))
    for index in numbers.indices { numbers.swapAt(index, random.below(numbers.count)) }
    let vocabulary = try Vocabulary(zip(all, numbers).map { ($0, TokenID($1)) })
    let merges = try pairs.map { pair in
      BPEModel.Merge(
        left: try #require(vocabulary.id(of: pair.left)),
        right: try #require(vocabulary.id(of: pair.right)),
        merged: try #require(vocabulary.id(of: pair.left + pair.right)))
    }
    return try BPEModel(
      vocabulary: vocabulary, merges: merges, preTokenizer: try PatternPreTokenizer(.none))
  }

  /// Whether each token is made by one merge, of bytes and tokens made before.
  private func isOrderly(_ model: BPEModel) -> Bool {
    var made: Set<TokenID> = []
    for byte in UInt8.min...UInt8.max {
      made.formUnion([byte].compactMap { model.vocabulary.id(of: [$0]) })
    }
    for merge in model.merges {
      if !made.contains(merge.left) || !made.contains(merge.right) { return false }
      if !made.insert(merge.merged).inserted { return false }
    }
    return true
  }

  private func backtracking(_ model: BPEModel) -> LongMergeTables.Tables? {
    LongMergeTables.Tables(model)
  }

  /// The nodes with the ids of their tokens.
  private func nodes(
    _ tables: LongMergeTables.Tables, _ model: BPEModel
  ) -> [(MergeTree.Node, TokenID)] {
    model.mergeTable.withLookup { lookup in
      tables.tree.nodes.indices.map { (tables.tree.nodes[$0], lookup.token(UInt32($0))) }
    }
  }

  private func encode(
    _ bytes: [UInt8], _ model: BPEModel, _ tables: LongMergeTables.Tables
  ) -> [TokenID] {
    var merger = BacktrackingMerger(tables, model.mergeTable)
    var ids: [TokenID] = [TokenID(7)]
    merger.merge(bytes.span, into: &ids)
    return Array(ids.dropFirst())
  }

  /// By the automaton, as far as it goes, and on by backtracking.
  private func encodeByAutomaton(
    _ bytes: [UInt8], _ model: BPEModel, _ tables: LongMergeTables.Tables,
    limits: MergeAutomaton.Limits = .init()
  ) -> [TokenID] {
    var automaton = MergeAutomaton(tables, model.mergeTable, limits: limits)
    // Twice: the second time most steps are known.
    var ids: [TokenID] = []
    for _ in 0..<2 where !bytes.isEmpty {
      ids = [TokenID(7)]
      let done = automaton.merge(bytes.span, into: &ids)
      let merger = BacktrackingMerger(tables, model.mergeTable)
      _ = merger.backtrack(
        bytes.span.extracting(done..<bytes.count),
        after: done == 0 ? MergeTree.none : automaton.lastToken, into: &ids)
      ids.removeFirst()
    }
    return ids
  }

  /// Limits that are met at once.
  private func tightLimits(_ random: inout SeededRandom) -> MergeAutomaton.Limits {
    MergeAutomaton.Limits(
      states: random.pick([4, 8, 64, 1024]), chunk: 1 + random.below(40),
      credit: random.pick([0, 20, 1000, 1 << 20]), patience: 1 + random.below(8),
      quarter: 1 + random.below(12), traced: 1 + random.below(8))
  }

  private func encodeByHeap(_ bytes: [UInt8], _ model: BPEModel) -> [TokenID] {
    var ids: [TokenID] = []
    BPEMerger(model).mergeByHeap(bytes.span, into: &ids)
    return ids
  }

  @Test(.tags(.property), arguments: [true, false])
  func smallModelsEqualTheNaiveOne(_ isOrderly: Bool) throws {
    var orderlyCount = 0
    for seed in 0..<400 as Range<UInt64> {
      var random = SeededRandom(seed: seed)
      let model = try model(&random, isOrderly: isOrderly)
      let naive = NaiveBPE(model)
      let tables = backtracking(model)
      #expect((tables != nil) == self.isOrderly(model), "seed \(seed)")
      if let tables {
        orderlyCount += 1
        // A token is reached if and only if merging its own bytes makes it.
        for (node, id) in nodes(tables, model) {
          let bytes = try #require(model.vocabulary.bytes(of: id))
          #expect(
            (node.order != MergeTree.unmade) == (naive.encode(bytes) == [id]),
            "seed \(seed): \(escaped(bytes))")
        }
      }
      for _ in 0..<20 {
        let count = random.below(60)
        let letters = Array("abcde".utf8.prefix(1 + random.below(5)))
        let text = (0..<count).map { _ in random.pick(letters) }
        let expected = naive.encode(text)
        #expect(encodeByHeap(text, model) == expected, "seed \(seed): \(escaped(text))")
        if let tables {
          #expect(encode(text, model, tables) == expected, "seed \(seed): \(escaped(text))")
          let found = encodeByAutomaton(text, model, tables, limits: tightLimits(&random))
          #expect(found == expected, "automaton, seed \(seed): \(escaped(text))")
        }
      }
    }
    if isOrderly { #expect(orderlyCount == 400) } else { #expect(orderlyCount < 300) }
  }

  /// What an automaton begins with changes no ids: of texts over its alphabet, of others, and of others behind it.
  @Test(.tags(.property))
  func aSeedChangesNoIDs() throws {
    var seedCount = 0
    for seed in 0..<200 as Range<UInt64> {
      var random = SeededRandom(seed: seed)
      let model = try model(&random, isOrderly: true)
      let tables = try #require(backtracking(model))
      let naive = NaiveBPE(model)
      let limits = MergeAutomaton.Limits(states: random.pick([8, 64, 1 << 13]))
      let alphabet = Array("abcdef".utf8.prefix(1 + random.below(5)))
      var maker = MergeAutomaton(tables, model.mergeTable, limits: limits)
      guard let contents = maker.close(over: alphabet, most: random.pick([3, 4096])) else {
        continue
      }
      seedCount += 1
      var seeded = MergeAutomaton(tables, model.mergeTable, limits: limits, seed: contents)
      // All steps of texts over the alphabet are there.
      let states = seeded.stateCount
      for index in 0..<30 {
        let letters = index < 10 ? alphabet : Array("abcdefghijklmnopqrstuvwxyz".utf8)
        let text = (0..<1 + random.below(80)).map { _ in random.pick(letters) }
        #expect(contents.suits(text.span) == text.prefix(64).allSatisfy(alphabet.contains))
        let expected = naive.encode(text)
        var ids: [TokenID] = []
        let done = seeded.merge(text.span, into: &ids)
        _ = BacktrackingMerger(tables, model.mergeTable).backtrack(
          text.span.extracting(done..<text.count),
          after: done == 0 ? MergeTree.none : seeded.lastToken, into: &ids)
        #expect(ids == expected, "seed \(seed): \(escaped(text))")
        if index < 10 { #expect(seeded.stateCount == states, "seed \(seed)") }
      }
    }
    // Of the others there are too many states for the limits.
    #expect(seedCount > 60)
  }

  /// A prepared model has one for digits, if its pattern leaves them together.
  @Test func preparedModelsBeginWithDigits() throws {
    for (pattern, hasSeed) in [(SplitPattern.gpt2, true), (.none, true), (.cl100k, false)] {
      let tokenizer = try SmallTokenizers.bpe(pattern)
      let model = try #require(tokenizer.model as? BPEModel)
      #expect(model.longMergeTables.seedIfMade == nil)
      tokenizer.prepare()
      #expect((model.longMergeTables.seedIfMade != nil) == hasSeed, "\(pattern)")
      var random = SeededRandom(seed: 2)
      let digits = (0..<30_000).map { _ in random.pick(MergeAutomatonSeed.digits) }
      var texts = [digits, digits + Array("abc".utf8) + digits]
      texts.append(Array("x".utf8) + digits)
      if pattern == .none { texts.append(digits + Array(repeating: 0x20, count: 5000) + digits) }
      for text in texts {
        var expected: [TokenID] = []
        try model.preTokenizer.forEachPreToken(in: text.span) { range in
          expected += encodeByHeap(Array(text[range]), model)
        }
        #expect(try tokenizer.encode(text.span) == expected, "\(pattern)")
      }
    }
  }

  /// Runs of one letter under merges that double, and under merges that add one: where the greedy choice is
  /// wrong at the end, over and over.
  @Test
  func runsOfOneLetter() throws {
    for grows in [true, false] {
      var tokens: [[UInt8]] = (0...255).map { [UInt8($0)] }
      var pairs: [(Int, Int)] = []
      for step in 1...6 {
        let count = grows ? 1 << step : step + 1
        let left = grows ? count / 2 : count - 1
        pairs.append((left, count - left))
        tokens.append([UInt8](repeating: 97, count: count))
      }
      let vocabulary = try Vocabulary(
        tokens.enumerated().map { ($1, TokenID(UInt32($0))) })
      func run(_ count: Int) throws -> TokenID {
        try #require(vocabulary.id(of: [UInt8](repeating: 97, count: count)))
      }
      let model = try BPEModel(
        vocabulary: vocabulary,
        merges: try pairs.map {
          BPEModel.Merge(left: try run($0.0), right: try run($0.1), merged: try run($0.0 + $0.1))
        }, preTokenizer: try PatternPreTokenizer(.none))
      let tables = try #require(backtracking(model))
      let naive = NaiveBPE(model)
      for count in 0...200 {
        let text = [UInt8](repeating: 97, count: count)
        let expected = naive.encode(text)
        #expect(encode(text, model, tables) == expected, "\(count) letters")
        for chunk in [1, 7, 64] {
          let found = encodeByAutomaton(
            text, model, tables, limits: .init(states: 16, chunk: chunk))
          #expect(found == expected, "\(count) letters, chunks of \(chunk)")
        }
      }
    }
  }

  @Test(.tags(.property))
  func aTrainedModelEqualsTheNaiveOne() throws {
    let tokenizer = try SmallTokenizers.bpe(.none)
    let model = try #require(tokenizer.model as? BPEModel)
    let tables = try #require(backtracking(model))
    let naive = NaiveBPE(model)
    for seed in 0..<40 as Range<UInt64> {
      var generator = TextGenerator(seed: seed)
      let text = seed % 2 == 0 ? generator.text(fragments: 30) : generator.bytes(fragments: 30)
      let expected = naive.encode(text)
      #expect(encode(text, model, tables) == expected, "seed \(seed): \(escaped(text))")
      var random = SeededRandom(seed: seed)
      let found = encodeByAutomaton(text, model, tables, limits: tightLimits(&random))
      #expect(found == expected, "automaton, seed \(seed): \(escaped(text))")
    }
    for text in try Fixtures.texts() {
      let expected = encodeByHeap(text, model)
      #expect(encode(text, model, tables) == expected)
      #expect(encodeByAutomaton(text, model, tables) == expected)
    }
  }

  /// A pair that was inserted and is not held would be missing wherever tokens stand side by side.
  @Test(.tags(.property), arguments: [0, 1, 5, 300, 50_000])
  func theFilterHoldsAllPairsAndFewOthers(_ count: Int) {
    var random = SeededRandom(seed: UInt64(count))
    func pair() -> [UInt32] { (0..<2).map { _ in UInt32(random.below(1 << 17)) } }
    let pairs = (0..<count).map { _ in pair() }
    let filter = MergeFilter(pairCount: count)
    for pair in pairs { filter.insert(pair[0], pair[1]) }
    let lookup = filter.lookup
    #expect(pairs.allSatisfy { lookup.mayHold($0[0], $0[1]) })
    let inserted = Set(pairs)
    let others = (0..<20_000).map { _ in pair() }.filter { !inserted.contains($0) }
    let wrong = others.count { lookup.mayHold($0[0], $0[1]) }
    // A word or two of few pairs may be nearly full or nearly empty.
    #expect(wrong < others.count / (count < 300 ? 2 : 20), "\(wrong) of \(others.count)")
  }

  /// What a user calls goes over from the heap to backtracking; ids stay the same.
  @Test
  func laterPreTokensGiveTheSameIDs() throws {
    let tokenizer = try SmallTokenizers.bpe(.none)
    let text = try Fixtures.texts().reduce([], +)
    let first = try tokenizer.encode(Array(text.prefix(10_000)).span)
    let whole = try tokenizer.encode(text.span)
    let model = try #require(tokenizer.model as? BPEModel)
    #expect(whole == encodeByHeap(text, model))
    #expect(try tokenizer.encode(Array(text.prefix(10_000)).span) == first)
  }

  @Test(
    .tags(.property, .slow),
    .enabled(if: SharedData.isAvailable, Comment(rawValue: SharedData.hint)),
    arguments: ["r50k_base", "p50k_base", "cl100k_base", "o200k_base"])
  func publishedVocabulariesEqualTheHeap(_ name: String) throws {
    let tokenizer = try Tokenizer(
      contentsOf: SharedData.path("vocabs/\(name).tiktoken"))
    let model = try #require(tokenizer.model as? BPEModel)
    let tables = try #require(backtracking(model))
    // Merging reaches all tokens of these.
    #expect(tables.tree.nodes.allSatisfy { $0.order != MergeTree.unmade })
    var random = SeededRandom(seed: 3)
    let alphabets = [
      "a", "abcdefghijklmnopqrstuvwxyz", " ", "\n", "0123456789", "=", "日本語文字列", "😀😃😄",
      "e\u{301}\u{300}", " \n\t", "etaoin ETAOIN",
    ]
    for alphabet in alphabets {
      let letters = alphabet.unicodeScalars.map { Array(String($0).utf8) }
      for count in [1, 2, 3, 10, 100, 1000, 3000, 9000] {
        let text = (0..<count).flatMap { _ in random.pick(letters) }
        let expected = encodeByHeap(text, model)
        #expect(encode(text, model, tables) == expected, "\(count) of \(alphabet)")
        let found = encodeByAutomaton(text, model, tables, limits: .init(chunk: 100))
        #expect(found == expected, "automaton, \(count) of \(alphabet)")
      }
    }
    for seed in 0..<20 as Range<UInt64> {
      var generator = TextGenerator(seed: seed)
      let text = generator.bytes(fragments: 100)
      let expected = encodeByHeap(text, model)
      #expect(encode(text, model, tables) == expected, "seed \(seed)")
      #expect(encodeByAutomaton(text, model, tables) == expected, "seed \(seed)")
    }
  }

  /// Tokens of one class stand beside the same tokens, and the classes are few.
  @Test(.tags(.property))
  func tokensOfAClassAreAlike() throws {
    for seed in 0..<100 as Range<UInt64> {
      var random = SeededRandom(seed: seed)
      let model = try model(&random, isOrderly: true)
      let tables = try #require(backtracking(model))
      var classes = MergeClasses(tables, model.mergeTable)
      let naive = NaiveBPE(model)
      let tokens = nodes(tables, model).enumerated().filter {
        $1.0.order != MergeTree.unmade && ($1.0.length > 1 || $0 >= 97 && $0 < 102)
      }
      for (left, (_, leftID)) in tokens {
        let leftClass = classes.of(UInt32(left))
        #expect(leftClass != MergeClasses.start)
        for (right, (_, rightID)) in tokens {
          let bytes =
            try #require(model.vocabulary.bytes(of: leftID))
            + #require(model.vocabulary.bytes(of: rightID))
          let found = classes.mayStand(leftClass, UInt32(right))
          #expect(
            found == (naive.encode(bytes) == [leftID, rightID]), "seed \(seed): \(escaped(bytes))")
        }
      }
    }
  }

  /// Rows of bits say of all tokens what looking at each says, when there are fewer rows than classes too.
  @Test(.tags(.property), arguments: [1, 1 << 20])
  func rowsOfClassesEqualTheObviousWay(_ rowBytes: Int) throws {
    var models: [BPEModel] = []
    for seed in 0..<60 as Range<UInt64> {
      var random = SeededRandom(seed: seed)
      models.append(try model(&random, isOrderly: true))
    }
    models.append(try #require(try SmallTokenizers.bpe(.none).model as? BPEModel))
    for (number, model) in models.enumerated() {
      let tables = try #require(backtracking(model))
      var classes = MergeClasses(tables, model.mergeTable, rowBytes: rowBytes)
      let trie = tables.trie
      for left in trie.sorted {
        let leftClass = classes.of(left)
        let expected = trie.sorted.map { classes.mayStand(leftClass, $0) }
        // So many times that a row is made on the way.
        let stands = trie.sorted.map { classes.stands(leftClass, $0) }
        #expect(stands == expected, "model \(number)")
        for first in stride(from: 0, to: trie.sorted.count, by: 17) {
          let count = min(1 + (first + Int(left)) % 62, trie.sorted.count - first)
          let found = classes.standing(
            leftClass, .init(first: UInt32(first), count: UInt32(count), depth: 1))
          let bits = (0..<count).reduce(UInt64(0)) {
            $0 | (expected[first + $1] ? 1 : 0) << UInt64($1)
          }
          #expect(found == bits, "model \(number)")
        }
      }
      let all = classes.standing(MergeClasses.start, .init(first: 0, count: 62, depth: 1))
      #expect(all == 1 << 62 - 1)
    }
  }

  /// Steps stay where they are while bytes come that were never there, up to the last of the 256.
  @Test
  func stepTablesOfAllBytes() {
    var random = SeededRandom(seed: 5)
    for stateCount in [1, 2, 19] {
      var table = StepTable(stateLimit: stateCount)
      // The next state and the high half of each step; 0 where there is none.
      var expected = [[(next: Int, half: UInt64)]](
        repeating: Array(repeating: (0, 0), count: 256), count: stateCount)
      var bytes = Array(UInt8.min...UInt8.max)
      for index in bytes.indices { bytes.swapAt(index, random.below(256)) }
      for (number, byte) in bytes.enumerated() {
        let (before, _) = (
          table.hasColumn(for: byte), table.addColumn(for: byte, stateCount: stateCount)
        )
        let after = table.hasColumn(for: byte)
        #expect(!before && after)
        let state = random.below(stateCount)
        let step = (next: random.below(stateCount), half: UInt64(1 + random.below(1 << 20)))
        table.set(state, byte, UInt64(table.row(of: step.next)) | step.half << 32)
        expected[state][Int(byte)] = step
        if number % 15 != 0, number != 255 { continue }
        for known in bytes {
          for state in 0..<stateCount {
            let word = unsafe table.view.step(from: table.row(of: state), known)
            let next = table.state(ofRow: Int(word & 0xFFFF_FFFF))
            let step = expected[state][Int(known)]
            #expect(word >> 32 == step.half && next == step.next, "\(number + 1) bytes")
          }
        }
      }
      table.removeAll(stateCount: stateCount)
      for byte in bytes {
        let word = unsafe table.view.step(from: table.row(of: stateCount - 1), byte)
        #expect(word == 0)
      }
    }
  }

  /// What a user calls, on pre-tokens that are long enough for each way of merging and change their kind within.
  @Test(.tags(.slow)) func longPreTokensOfManyKindsEqualTheHeap() throws {
    let tokenizer = try SmallTokenizers.bpe(.none)
    let model = try #require(tokenizer.model as? BPEModel)
    var random = SeededRandom(seed: 11)
    let kinds: [() -> [UInt8]] = [
      { [UInt8](repeating: 0x61, count: 6000) }, { [UInt8](repeating: 0x20, count: 50_000) },
      { (0..<9000).map { _ in UInt8(97 + random.below(26)) } },
      { (0..<20_000).map { _ in UInt8(48 + random.below(10)) } },
      { (0..<3000).flatMap { _ in Array(random.pick(["the", "and", "Then", "of", "ing"]).utf8) } },
      { (0..<3000).map { _ in UInt8(random.below(256)) } },
    ]
    tokenizer.prepare()
    for first in kinds.indices {
      for second in [first, (first + 1) % kinds.count, (first + 4) % kinds.count] {
        let text = kinds[first]() + kinds[second]()
        #expect(try tokenizer.encode(text.span) == encodeByHeap(text, model), "\(first) \(second)")
      }
    }
  }
}
