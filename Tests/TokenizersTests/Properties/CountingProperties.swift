import Foundation
import TestSupport
import Testing

@testable import Tokenizers

/// Counting gives the same for any threads, pieces, documents and memory.
struct CountingProperties {
  private typealias Words = [[UInt8]: [Int]]

  /// Count and first place of each pre-token.
  private func words(_ corpus: CountedCorpus) throws -> Words {
    var words: Words = [:]
    try corpus.forEach { (preToken, count, first) throws(TrainingError) in
      words[preToken.array(in: preToken.indices)] = [count, first]
    }
    return words
  }

  /// The documents one by one, split whole.
  private func expected(
    _ documents: [[UInt8]], _ preTokenizer: any PreTokenizer
  ) throws -> Words {
    var words: Words = [:]
    var base = 0
    for document in documents {
      let repaired = RepairedText(repairing: document.span)
      var ends: [Int] = []
      if !document.isEmpty {
        try preTokenizer.appendEnds(of: repaired.bytes.span, from: 0, limit: .max, to: &ends)
      }
      repaired.mapToOriginal(&ends[...])
      var start = 0
      for end in ends {
        let word = Array(document[start..<end])
        words[word] = [(words[word]?[0] ?? 0) + 1, words[word]?[1] ?? base + start]
        start = end
      }
      base += document.count
    }
    return words
  }

  /// Counts of one thread added to those of another took quadratic time: their slots came in the order of
  /// the hashes, and filled the other table from one end.
  /// Now they come from all over the table, whenever one looks.
  @Test(arguments: 1...14) func addingCountsTakesLinearTime(bits: Int) {
    let count = 1 << bits
    #expect(Set((0..<count).map { PreTokenCounts.spread($0, bits: bits) }) == Set(0..<count))
    let parts = min(count, 16)
    for part in 1...parts {
      let some = (0..<part * count / parts).map { PreTokenCounts.spread($0, bits: bits) }
      // How many of them lie in each part of the table.
      var tally = [Int](repeating: 0, count: parts)
      for position in some { tally[position * parts / count] += 1 }
      // About as many as in any other: taken in order, the first would be full and the last empty.
      let most = 3 + count / parts / 4
      #expect((tally.max() ?? 0) - (tally.min() ?? 0) <= most, "\(part) of \(parts): \(tally)")
    }
  }

  @Test func addingCountsKeepsAll() {
    var one = PreTokenCounts()
    for number in 0..<100_000 { one.add(Array(String(number).utf8).span) }
    var sum = PreTokenCounts()
    sum.add(one)
    #expect(sum.distinctCount == 100_000)
    #expect(sum.totalCount == 100_000)
    var once = 0
    sum.forEach { _, count, _ in once += count == 1 ? 1 : 0 }
    #expect(once == 100_000)
  }

  @Test(.tags(.property), arguments: [1, 2, 5], [nil, 1 << 20, 1] as [Int?])
  func sameForThreadsPiecesAndMemory(_ threads: Int, _ memory: Int?) throws {
    let preTokenizer = try PatternPreTokenizer(.gpt2)
    var generator = TextGenerator(seed: UInt64(threads))
    for round in 0..<12 {
      let documents = (0..<(1 + generator.random.below(40))).map { _ in
        generator.bytes(fragments: generator.random.below(60))
      }
      let counter = PreTokenCounter(
        preTokenizer: preTokenizer, threads: threads, blockSize: 1 + generator.random.below(400),
        memory: memory)
      for document in documents {
        var start = 0
        while start < document.count {
          let end = min(document.count, start + 1 + generator.random.below(300))
          try counter.append(Array(document[start..<end]).span)
          start = end
        }
        try counter.endText()
        if generator.random.below(9) == 0 { try counter.flush() }
      }
      let counted = try counter.finish()
      let found = try words(counted)
      let expected = try expected(documents, preTokenizer)
      #expect(found == expected, "round \(round)")
      #expect(counted.distinctCount == expected.count)
      #expect(counted.totalCount == expected.values.reduce(0) { $0 + $1[0] })
    }
  }

  /// Sorting where the table lies: all lengths, zeros, and the limit between the two tables.
  @Test(.tags(.property)) func drainedInOrder() throws {
    var random = SeededRandom(seed: 8)
    for _ in 0..<20 {
      var counts = PreTokenCounts()
      var expected: [[UInt8]: Int] = [:]
      for _ in 0..<random.below(3000) {
        let word = (0..<(1 + random.below(19))).map { _ in UInt8(random.pick([0, 0, 1, 97, 255])) }
        counts.add(word.span)
        expected[word, default: 0] += 1
      }
      #expect(counts.distinctCount == expected.count)
      var drained: [[UInt8]] = []
      counts.drainSorted { preToken, count, _ in
        let word = preToken.array(in: preToken.indices)
        #expect(expected[word] == count)
        drained.append(word)
      }
      #expect(drained == expected.keys.sorted { $0.lexicographicallyPrecedes($1) })
      #expect(counts.distinctCount == 0 && counts.totalCount == 0)
    }
  }

  @Test func aBoundOnMemoryChangesNoMerge() throws {
    let text = try FileBytes.read(Fixtures.path("fixtures/texts/lighthouse.txt"))
    var results: [[BPEModel.Merge]] = []
    for (threads, memory) in [(1, nil), (1, 1), (2, 1), (3, 1 << 20)] as [(Int, Int?)] {
      for ties in TieRule.allCases {
        let counter = PreTokenCounter(
          preTokenizer: try PatternPreTokenizer(.gpt2), threads: threads, blockSize: 900,
          memory: memory)
        try counter.append(text.span)
        try counter.endText()
        let counted = try counter.finish()
        results.append(
          try BPETrainer(goal: .merges(300), ties: ties).train(counted).merges)
      }
    }
    for index in results.indices { #expect(results[index] == results[index % 3]) }
  }

  @Test func errorsNameTheDocument() throws {
    let preTokenizer = try PatternPreTokenizer(.gpt2)
    for threads in [1, 3] {
      let counter = PreTokenCounter(
        preTokenizer: preTokenizer, invalidUTF8: .refuse, threads: threads, blockSize: 64)
      #expect(throws: TrainingError.text(.invalidUTF8(offset: 3), document: 41)) {
        for document in 0..<100 {
          let text: [UInt8] = document == 41 ? [0x61, 0x62, 0x20, 0xFF] : Array("some words".utf8)
          try counter.append(text.span)
          try counter.endText()
        }
        try counter.flush()
      }
    }
    // In a document that goes on from block to block.
    let counter = PreTokenCounter(
      preTokenizer: preTokenizer, invalidUTF8: .refuse, threads: 1, blockSize: 16)
    #expect(throws: TrainingError.text(.invalidUTF8(offset: 500), document: 1)) {
      try counter.append(Array("first".utf8).span)
      try counter.endText()
      for _ in 0..<100 { try counter.append(Array("word ".utf8).span) }
      let bad: [UInt8] = [0xFF]
      try counter.append(bad.span)
      try counter.endText()
      try counter.flush()
    }
  }

  @Test func aFolderThatIsNotThereIsNamed() throws {
    let counter = PreTokenCounter(
      preTokenizer: try PatternPreTokenizer(.gpt2), threads: 1, blockSize: 10, memory: 1,
      temporaryFolder: "/nonexistent/folder")
    do {
      try counter.append(Array("many words that do not fit".utf8).span)
      try counter.endText()
      _ = try counter.finish()
      Issue.record("nothing was thrown")
    } catch {
      guard case .spill(let reason) = error else { throw error }
      #expect(reason.path == "/nonexistent/folder")
    }
  }
}
