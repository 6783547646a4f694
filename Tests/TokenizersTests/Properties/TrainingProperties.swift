import TestSupport
import Testing
import Tokenizers

/// The trainer against its definition, on texts full of ties.
struct TrainingProperties {
  @Test(.tags(.property), arguments: [0, 2, 10])
  func equalToTheNaiveTrainer(_ minimumFrequency: Int) throws {
    var random = SeededRandom(seed: UInt64(minimumFrequency) + 1)
    for round in 0..<120 {
      let letters = Array("abcdef \n".utf8.prefix(2 + random.below(7)))
      var words: [[UInt8]: Int] = [:]
      var counts = PreTokenCounts()
      for _ in 0..<(1 + random.below(25)) {
        let word = (0..<(1 + random.below(12))).map { _ in random.pick(letters) }
        let count = 1 + random.below(4)
        words[word, default: 0] += count
        counts.add(word.span, count: count)
      }
      let expected = NaiveTrainer.train(
        words, mergeCount: 40, minimumFrequency: minimumFrequency)
      let result = try BPETrainer(goal: .merges(40), minimumFrequency: minimumFrequency).train(
        counts)
      let learnt = result.merges.map {
        NaiveTrainer.Merge(left: Int($0.left.rawValue), right: Int($0.right.rawValue))
      }
      #expect(learnt == expected, "round \(round): \(words)")
      #expect((result.merges.count < 40) == (result.stopReason != .goalReached))
    }
  }

  /// What training made of a text, encoding makes of it too: each word is one token or its parts.
  @Test(.tags(.property))
  func trainedMergesEncodeTheirCorpus() throws {
    let tokenizer = try SmallTokenizers.bpe(.gpt2, merges: 200)
    let model = try #require(tokenizer.model as? BPEModel)
    for (rank, merge) in model.merges.enumerated() {
      #expect(merge.merged == TokenID(UInt32(256 + rank)))
      let bytes = try #require(tokenizer.vocabulary.bytes(of: merge.merged))
      let left = try #require(tokenizer.vocabulary.bytes(of: merge.left))
      let right = try #require(tokenizer.vocabulary.bytes(of: merge.right))
      #expect(bytes == left + right)
      #expect(NaiveBPE(model).encode(bytes) == [merge.merged])
    }
  }

  @Test(arguments: [1, 2, 5])
  func countsDoNotDependOnThreadsOrPieces(_ threads: Int) throws {
    let preTokenizer = try PatternPreTokenizer(.gpt2)
    let reference = PreTokenCounter(preTokenizer: preTokenizer)
    let pieces = PreTokenCounter(preTokenizer: preTokenizer, threads: threads, blockSize: 700)
    for text in try Fixtures.texts() {
      try reference.append(text.span)
      try reference.endText()
      var start = 0
      while start < text.count {
        let end = min(text.count, start + 333)
        try pieces.append(Array(text[start..<end]).span)
        start = end
      }
      try pieces.endText()
    }
    let one = dictionary(try reference.takeCounts())
    let other = dictionary(try pieces.takeCounts())
    #expect(one == other)
    #expect(one.count > 3000)
  }

  private func dictionary(_ counts: borrowing PreTokenCounts) -> [[UInt8]: Int] {
    var dictionary: [[UInt8]: Int] = [:]
    counts.forEach { preToken, count, _ in
      var bytes: [UInt8] = []
      for position in preToken.indices { bytes.append(preToken[position]) }
      dictionary[bytes] = count
    }
    return dictionary
  }

  @Test
  func refusals() throws {
    #expect(throws: TrainingError.emptyCorpus) {
      try BPETrainer(goal: .merges(5)).train(PreTokenCounts())
    }
    var counts = PreTokenCounts()
    counts.add(Array("abab".utf8).span)
    #expect(throws: TrainingError.vocabularySizeTooSmall(256, least: 257)) {
      try BPETrainer(goal: .vocabularySize(256), specialTokens: ["<s>"]).train(counts)
    }
    #expect(throws: TrainingError.negativeMergeCount(-1)) {
      try BPETrainer(goal: .merges(-1)).train(counts)
    }
    #expect(throws: TrainingError.self) {
      try BPETrainer(goal: .merges(2), specialTokens: ["ab"]).train(counts)
    }
    #expect(throws: TrainingError.self) {
      try BPETrainer(goal: .merges(1), specialTokens: [""]).train(counts)
    }
    #expect(throws: TrainingError.cancelled) {
      try BPETrainer(goal: .merges(2)).train(counts) { _, _ in false }
    }
    let result = try BPETrainer(goal: .merges(9)).train(counts)
    #expect(result.stopReason == .noPairLeft)
    #expect(result.counts == [2, 1])
  }
}
