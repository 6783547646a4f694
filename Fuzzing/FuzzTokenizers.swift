import Tokenizers

// What libFuzzer calls with one input after the other: engine against engine, pieces against the whole, and
// back to the same bytes. Built and run by scripts/fuzz; a difference ends the process, and libFuzzer keeps
// the input.
//
// The first byte of an input chooses the pattern, the second how long the pieces of a stream are, the third
// the number of threads; the rest is the text.

/// The tokenizers of one pattern, one for each engine of this machine.
private struct Contenders {
  let pattern: SplitPattern
  let engines: [(engine: Engine, splitter: any PreTokenizer, tokenizer: Tokenizer)]

  init(_ pattern: SplitPattern, vocabulary: String) throws {
    self.pattern = pattern
    engines = try Engine.available.map { engine in
      (
        engine, try engine.makePreTokenizer(for: pattern),
        try Tokenizer(contentsOf: vocabulary, pattern: pattern, engine: engine)
      )
    }
  }

  func check(_ text: [UInt8], piece: Int, threads: Int) throws {
    let isUTF8 = String(validating: text, as: UTF8.self) != nil
    var expectedEnds: [Range<Int>]?
    var expected: [TokenID]?
    for (engine, splitter, tokenizer) in engines {
      if isUTF8 {
        var ends: [Range<Int>] = []
        try splitter.forEachPreToken(in: text.span) { ends.append($0) }
        demand(ends == expectedEnds ?? ends, "\(pattern.name): other pre-tokens by \(engine)")
        expectedEnds = ends
      }
      let ids = try tokenizer.encode(text.span)
      demand(ids == expected ?? ids, "\(pattern.name): other ids by \(engine)")
      expected = ids
      demand(try tokenizer.decodeBytes(ids) == text, "\(pattern.name): \(engine) loses bytes")
      demand(
        try tokenizer.encode(text.span, threads: threads) == ids,
        "\(pattern.name): other ids by \(engine) on \(threads) threads")
      let encoder = StreamEncoder(tokenizer, threads: threads)
      // Twice through one encoder: the second time all is in its caches.
      for _ in 0..<2 {
        var streamed: [TokenID] = []
        var start = 0
        while start < text.count {
          let end = min(text.count, start + piece)
          for part in try encoder.append(text.span.extracting(start..<end)) { streamed += part }
          start = end
        }
        for part in try encoder.finish() { streamed += part }
        demand(streamed == ids, "\(pattern.name): other ids in pieces of \(piece) by \(engine)")
      }
    }
  }
}

private func demand(_ isSo: Bool, _ what: @autoclosure () -> String) {
  if !isSo { fatalError(what()) }
}

private let contenders: [Contenders] = {
  do {
    var patterns = SplitPattern.named
    patterns.append(SplitPattern(expression: #"\p{Lu}?\p{L}+|\d{1,2}|\s+(?!\S)|[^\s\w]+"#))
    return try patterns.map { try Contenders($0, vocabulary: "vocabs/gpt2") }
  } catch {
    fatalError("\(error)")
  }
}()

/// libFuzzer's entry: 0 for an input that may stay in the corpus.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzTokenizers(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  guard let bytes, count >= 3 else { return 0 }
  let input = Array(UnsafeBufferPointer(start: bytes, count: count))
  do {
    try contenders[Int(input[0]) % contenders.count].check(
      Array(input[3...]), piece: 1 + Int(input[1]) * Int(input[1]) / 16,
      threads: 1 + Int(input[2]) % 3)
  } catch {
    fatalError("\(error)")
  }
  return 0
}
