import TestSupport
import Testing
import Tokenizers

/// Merges equal to those of Hugging Face's byte-level `BpeTrainer`, by the hashes of `values.md`.
struct TrainingReferenceTests {
  @Test
  func theTextbookExample() throws {
    let result = try train(Array("aaabdaaabac".utf8), .merges(3), pattern: .none)
    #expect(lines(of: result) == ["a a", "a b", "aa ab"])
    let ids = try tokenizer(result, .none).encode("aaabdaaabac")
    #expect(
      ids.map { result.vocabulary.bytes(of: $0) }
        == ["aaab", "d", "aaab", "a", "c"].map { Array($0.utf8) })
    #expect(ids[0] == ids[2])
  }

  @Test(
    .enabled(if: SharedData.isAvailable, Comment(rawValue: SharedData.hint)),
    arguments: [
      (
        "the-verdict", 512, 9_299,
        "e965865d61e3c12fb39e903717f22e3dacb5c6a085f667fb59684ffda4e26d00"
      ),
      (
        "the-verdict", 1024, 6_924,
        "0c0474d20c22f71d5511b344eb3c6fc8f8723d5afaf96948f8e4211a34720d84"
      ),
      (
        "tinyshakespeare", 512, 575_345,
        "77397bee6cb400ad31ff2cd09bfbc04825145bba602dcd03b8ac92534745aca6"
      ),
      (
        "tinyshakespeare", 1024, 459_792,
        "59e3843a806e42276b4b9c1b28823f05a059fd8f21e5fd8cd75e619c749daf2f"
      ),
      (
        "tinyshakespeare", 8192, 317_278,
        "72e6e170302b1445dae73abce132b5b44832308febfbfb5c9b472d08aef8387f"
      ),
    ])
  func mergesByHash(_ corpus: String, _ size: Int, _ tokenCount: Int, _ hash: String) throws {
    let text = try SharedData.bytes("texts/\(corpus).txt")
    for threads in [1, 2] {
      let result = try train(text, .vocabularySize(size), threads: threads)
      #expect(result.vocabulary.count == size)
      let lines = lines(of: result)
      #expect(sha256(Array(lines.joined(separator: "\n").utf8)) == hash, "\(threads) threads")
      if corpus == "tinyshakespeare" {
        #expect(
          lines.prefix(12) == [
            "Ġ t", "h e", "Ġ a", "o u", "Ġ s", "Ġ m", "i n", "Ġ w", "r e", "h a", "n d", "Ġt he",
          ])
      }
      #expect(try tokenizer(result, .gpt2).count(text.span) == tokenCount)
    }
  }

  private func train(
    _ text: [UInt8], _ goal: BPETrainer.Goal, pattern: SplitPattern = .gpt2, threads: Int = 1
  ) throws -> BPETrainer.Result {
    let counter = PreTokenCounter(
      preTokenizer: try PatternPreTokenizer(pattern), threads: threads)
    try counter.append(text.span)
    try counter.endText()
    return try BPETrainer(goal: goal).train(try counter.takeCounts())
  }

  private func lines(of result: BPETrainer.Result) -> [String] {
    result.merges.map { merge in
      [merge.left, merge.right].map {
        ByteAlphabet.spelling(of: result.vocabulary.bytes(of: $0) ?? [])
      }.joined(separator: " ")
    }
  }

  private func tokenizer(_ result: BPETrainer.Result, _ pattern: SplitPattern) throws -> Tokenizer {
    Tokenizer(
      model: try BPEModel(
        vocabulary: result.vocabulary, merges: result.merges,
        preTokenizer: try PatternPreTokenizer(pattern)))
  }
}
