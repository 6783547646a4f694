/// Finds the pre-tokens of one named pattern by hand-written code: the same as `PatternPreTokenizer`,
/// several times as fast.
///
/// A scanner reads the classes of Unicode 16.0 from the generated table, one character at a time. Each
/// pattern has its own function from the beginning of a pre-token to its end, in which the alternatives
/// of the expression stand in their order.
struct PatternScanner: PreTokenizer {
  /// A named pattern that there is a scanner for.
  enum Kind {
    case gpt2, cl100k, o200k, llama3, qwen2
  }

  private let kind: Kind
  let safeCuts: SafeCutRule

  /// The scanner for a pattern, nil if there is none.
  init?(_ pattern: SplitPattern) {
    switch pattern {
    case .gpt2: kind = .gpt2
    case .cl100k: kind = .cl100k
    case .o200k: kind = .o200k
    case .llama3: kind = .llama3
    case .qwen2: kind = .qwen2
    default: return nil
    }
    safeCuts = pattern.safeCuts
  }

  func appendEnds(
    of text: Span<UInt8>, from start: Int, limit: Int, to ends: inout [Int]
  ) throws(PreTokenizationError) {
    guard start >= 0, start < text.count, limit > 0 else { return }
    switch kind {
    case .gpt2:
      unsafe Self.append(text, start, limit, &ends) { unsafe $0.endOfGPT2PreToken(from: $1) }
    case .cl100k:
      unsafe Self.append(text, start, limit, &ends) { unsafe $0.endOfCL100KPreToken(from: $1) }
    case .o200k:
      unsafe Self.append(text, start, limit, &ends) { unsafe $0.endOfO200KPreToken(from: $1) }
    case .llama3:
      unsafe Self.append(text, start, limit, &ends) { unsafe $0.endOfLlama3PreToken(from: $1) }
    case .qwen2:
      unsafe Self.append(text, start, limit, &ends) { unsafe $0.endOfQwen2PreToken(from: $1) }
    }
  }

  /// Walks from pre-token to pre-token. Inlined with `next`, so that each pattern has its own loop.
  @inline(__always)
  private static func append(
    _ text: Span<UInt8>, _ start: Int, _ limit: Int, _ ends: inout [Int],
    _ next: (ScannedText, Int) -> Int
  ) {
    _ = unsafe ScannedText.with(text) { text in
      var start = start
      var count = 0
      while count < limit, unsafe start < text.count {
        start = unsafe next(text, start)
        ends.append(start)
        count &+= 1
      }
    }
  }
}
