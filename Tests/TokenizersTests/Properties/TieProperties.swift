import TestSupport
import Testing
import Tokenizers

/// Each tie rule, each limit, on texts in which nearly every step is a tie; at every level of the counts.
struct TieProperties {
  /// Words over few letters, in the order in which they are met.
  private func corpus(_ random: inout SeededRandom) -> [(word: [UInt8], count: Int)] {
    let letters = Array("abcdef z".utf8.prefix(2 + random.below(7)))
    var corpus: [(word: [UInt8], count: Int)] = []
    for _ in 0..<(1 + random.below(25)) {
      // Now and then a row of the length for which places are found in another way.
      let length = random.below(12) == 0 ? 60 + random.below(90) : 1 + random.below(12)
      let word = (0..<length).map { _ in random.pick(letters) }
      let count = random.below(20) == 0 ? (1 << 30) + random.below(4) : 1 + random.below(4)
      if let index = corpus.firstIndex(where: { $0.word == word }) {
        corpus[index].count += count
      } else {
        corpus.append((word, count))
      }
    }
    return corpus
  }

  private func train(
    _ trainer: BPETrainer, _ corpus: [(word: [UInt8], count: Int)]
  ) throws -> [[[UInt8]]] {
    var counts = PreTokenCounts()
    var place = 0
    for (word, count) in corpus {
      counts.add(word.span, count: count, first: place)
      place += word.count
    }
    let result = try trainer.train(counts)
    // The count of tokens is that of the corpus merged from the start.
    var rows = corpus.map { (tokens: $0.word.map { [$0] }, count: $0.count) }
    let merges = result.merges.suffix(result.learntCount).map { merge in
      [merge.left, merge.right].map { result.vocabulary.bytes(of: $0) ?? [] }
    }
    if trainer.base == nil {
      for merge in merges {
        rows = rows.map { (NaiveTieTrainer.replace(merge, in: $0.tokens), $0.count) }
      }
      #expect(result.tokenCount == rows.reduce(0) { $0 + $1.tokens.count * $1.count })
      #expect(result.byteCount == corpus.reduce(0) { $0 + $1.word.count * $1.count })
    }
    return merges
  }

  @Test(.tags(.property), arguments: TieRule.allCases, [2, 16, 1 << 40])
  func equalToTheNaiveTrainer(_ ties: TieRule, _ levelStep: Int) throws {
    try compareWithNaive(ties, levelStep, memory: [nil])
  }

  /// With rows on disk: no pair too many in memory at a time, some, many.
  @Test(.tags(.property), arguments: TieRule.allCases, [2, 1 << 40])
  func equalToTheNaiveTrainerWithinMemory(_ ties: TieRule, _ levelStep: Int) throws {
    try compareWithNaive(ties, levelStep, memory: [0, 1000, 8000, 60_000])
  }

  private func compareWithNaive(_ ties: TieRule, _ levelStep: Int, memory: [Int?]) throws {
    var random = SeededRandom(seed: UInt64(levelStep) + 11)
    for round in 0..<60 {
      let corpus = corpus(&random)
      var naive = NaiveTieTrainer(ties: ties)
      naive.minimumFrequency = random.pick([0, 0, 2, 10])
      naive.maximumTokenLength = random.pick([.max, .max, 1, 2, 3, 7])
      var trainer = BPETrainer(
        goal: .merges(40), minimumFrequency: naive.minimumFrequency,
        maximumTokenLength: naive.maximumTokenLength == .max ? nil : naive.maximumTokenLength,
        ties: ties, memory: random.pick(memory))
      trainer.levelStep = levelStep
      let expected = naive.train(
        corpus.map { ($0.word.map { [$0] }, $0.count) }, mergeCount: 40)
      let learnt = try train(trainer, corpus)
      #expect(learnt == expected, "round \(round): \(corpus)")
    }
  }

  @Test(.tags(.property))
  func firstSeenIsMinbpes() throws {
    var random = SeededRandom(seed: 5)
    for round in 0..<40 {
      let letters = Array("abc ".utf8)
      let chunks = (0..<30).map { _ in
        (0..<(1 + random.below(9))).map { _ in random.pick(letters) }
      }
      var counts = PreTokenCounts()
      var place = 0
      for chunk in chunks {
        counts.add(chunk.span, first: place)
        place += chunk.count
      }
      let result = try BPETrainer(goal: .merges(30), ties: .firstSeen).train(counts)
      let learnt = result.merges.map { merge in
        [merge.left, merge.right].map { result.vocabulary.bytes(of: $0) ?? [] }
      }
      #expect(learnt == MinbpeOracle.train(chunks, mergeCount: 30), "round \(round): \(chunks)")
    }
  }

  @Test(.tags(.property))
  func extendingAddsMergesOnTop() throws {
    var random = SeededRandom(seed: 17)
    for round in 0..<40 {
      let first = corpus(&random)
      let second = corpus(&random)
      var counts = PreTokenCounts()
      for (word, count) in first { counts.add(word.span, count: count) }
      let base = try BPETrainer(
        goal: .merges(random.below(20)), specialTokens: ["<|end|>"]
      ).train(counts)
      let preTokenizer = try PatternPreTokenizer(.none)
      let model = try BPEModel(
        vocabulary: base.vocabulary, merges: base.merges, preTokenizer: preTokenizer)
      let tokenizer = Tokenizer(
        model: model, specialTokens: base.specialTokens, splitPattern: SplitPattern.none)

      // The oracle starts from the rows that the old vocabulary gives.
      let encoder = NaiveBPE(model)
      var naive = NaiveTieTrainer(ties: .huggingface)
      naive.tokens = base.vocabulary.tokenIDs.map { base.vocabulary.bytes(of: $0) ?? [] }
      let rows = second.map { word, count in
        (tokens: encoder.encode(word).map { base.vocabulary.bytes(of: $0) ?? [] }, count: count)
      }
      let expected = naive.train(rows, mergeCount: 15)
      let trainer = BPETrainer(
        goal: .merges(15), specialTokens: ["<|new|>"], base: tokenizer,
        memory: random.pick([nil, 0, 2000]))
      let learnt = try train(trainer, second)
      #expect(learnt == expected, "round \(round)")

      var again = PreTokenCounts()
      for (word, count) in second { again.add(word.span, count: count) }
      let result = try trainer.train(again)
      #expect(Array(result.merges.prefix(base.merges.count)) == base.merges)
      for id in base.vocabulary.tokenIDs {
        #expect(result.vocabulary.bytes(of: id) == base.vocabulary.bytes(of: id))
      }
      let newID = TokenID(UInt32(base.vocabulary.count + expected.count))
      #expect(result.specialTokens["<|end|>"] == base.specialTokens["<|end|>"])
      #expect(result.specialTokens["<|new|>"] == newID)
    }
  }

  @Test(arguments: [nil, 0]) func limits(_ memory: Int?) throws {
    var counts = PreTokenCounts()
    counts.add(Array("abab".utf8).span, count: 3)
    let short = try BPETrainer(
      goal: .merges(9), maximumTokenLength: 2, memory: memory
    ).train(counts)
    #expect(short.learntCount == 1 && short.stopReason == .noPairLeft)
    let rare = try BPETrainer(
      goal: .merges(9), minimumFrequency: 4, memory: memory
    ).train(counts)
    #expect(rare.learntCount == 1 && rare.stopReason == .belowMinimumFrequency)
    #expect(rare.counts == [6])
    // Everything is one token before the minimum frequency plays a part.
    let whole = try BPETrainer(
      goal: .merges(9), minimumFrequency: 3, memory: memory
    ).train(counts)
    #expect(whole.learntCount == 2 && whole.stopReason == .noPairLeft)
    #expect(throws: TrainingError.badTokenLength(0)) {
      try BPETrainer(goal: .merges(9), maximumTokenLength: 0).train(counts)
    }
    var large = PreTokenCounts()
    large.add(Array("ab".utf8).span, count: Int.max / 2 + 1)
    #expect(throws: TrainingError.countsTooLarge) {
      try BPETrainer(goal: .merges(9)).train(large)
    }
    var most = PreTokenCounts()
    most.add(Array("ab".utf8).span, count: Int.max / 2)
    let one = try BPETrainer(goal: .merges(9), memory: memory).train(most)
    #expect(one.counts == [Int.max / 2])
  }
}
