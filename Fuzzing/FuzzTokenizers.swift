import Glibc
import Tokenizers

// What libFuzzer calls with one input after the other: engine against engine, pieces against the whole, and
// back to the same bytes. Built and run by scripts/fuzz; a difference ends the process, and libFuzzer keeps
// the input.
//
// The first byte of an input chooses the pattern, the second how long the pieces of a stream are, the third
// the number of threads and, for one value in eight, that the text is repeated until threads are worth
// starting; the rest is the text.

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

  /// Texts from this length on are cut and encoded by several threads.
  private static let worthThreads = 1 << 16

  /// A text and its repetitions on several threads, by one of the engines: a cut is as good as none.
  func checkThreads(_ text: [UInt8], threads: Int) throws {
    let (engine, _, tokenizer) = engines[text.count % engines.count]
    var long: [UInt8] = []
    while long.count < Self.worthThreads { long += text }
    let ids = try tokenizer.encode(long.span)
    demand(
      try tokenizer.encode(long.span, threads: threads) == ids,
      "\(pattern.name): other ids by \(engine) on \(threads) threads")
    demand(try tokenizer.decodeBytes(ids) == long, "\(pattern.name): \(engine) loses bytes")
  }

  /// A text by every engine: pre-tokens, ids, ids of a stream in pieces, and the bytes again.
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
    let shared = getenv("TOKENIZE_DATA").map { String(cString: $0) + "/vocabs/" }
    return try patterns.map { pattern in
      var vocabulary = "vocabs/gpt2"
      if let shared, pattern == .cl100k || pattern == .o200k {
        vocabulary = "\(shared)\(pattern.name)_base.tiktoken"
      }
      return try Contenders(pattern, vocabulary: vocabulary)
    }
  } catch {
    fatalError("\(error)")
  }
}()

/// libFuzzer's beginning: vocabularies are loaded and their tables made before the first input is timed.
@_cdecl("LLVMFuzzerInitialize")
public func prepareFuzzing(
  _ count: UnsafeMutablePointer<CInt>?,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>?
) -> CInt {
  for contender in contenders {
    for (_, _, tokenizer) in contender.engines { tokenizer.prepare() }
  }
  return 0
}

/// libFuzzer's entry: 0 for an input that may stay in the corpus.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzTokenizers(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  guard let bytes, count >= 3 else { return 0 }
  let input = Array(UnsafeBufferPointer(start: bytes, count: count))
  do {
    let chosen = contenders[Int(input[0]) % contenders.count]
    let text = Array(input[3...])
    let threads = 1 + Int(input[2]) % 3
    try chosen.check(text, piece: 1 + Int(input[1]) * Int(input[1]) / 16, threads: threads)
    if input[2] >= 0xE0, !text.isEmpty { try chosen.checkThreads(text, threads: threads + 1) }
  } catch {
    fatalError("\(error)")
  }
  return 0
}
