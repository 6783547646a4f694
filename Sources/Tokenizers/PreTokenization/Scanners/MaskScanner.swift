internal import CKernels

/// Finds the pre-tokens of a named pattern 64 bytes at a time, by the kernels in `split_kernels.c`.
///
/// Its twin in Swift, which goes character by character, is `PatternScanner`.
struct MaskScanner: PreTokenizer {
  /// The instructions of a kernel; of those that the processor lacks there are none.
  enum Level: Int32, CaseIterable, Comparable, Sendable {
    /// Words of 64 bits and nothing else.
    case plain = 0
    /// What every processor of its kind has: SSE2 on x86-64, NEON on 64-bit ARM.
    case baseline = 1
    case avx2 = 2
    case avx512 = 3

    /// The highest level that this processor has.
    static let best = Level(rawValue: split_best_level()) ?? .baseline

    /// The level of an engine, nil for the reference, which runs no kernels.
    init?(_ engine: Engine) {
      switch engine {
      case .automatic: self = .best
      case .portable: self = .plain
      case .baseline: self = .baseline
      case .avx2: self = .avx2
      case .avx512: self = .avx512
      case .reference: return nil
      }
    }

    static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
  }

  /// Ends found in one call of a kernel.
  private static let batch = 1024

  let level: Level
  let safeCuts: SafeCutRule
  /// The pattern's number among the kernels.
  private let kernel: Int32
  /// Goes on where masks do not tell where pre-tokens end.
  private let twin: PatternScanner

  /// The scanner for a pattern, nil if there is none, or not at this level.
  init?(_ pattern: SplitPattern, level: Level = .best) {
    guard level <= Level.best, let twin = PatternScanner(pattern) else { return nil }
    switch pattern {
    case .gpt2: kernel = Int32(SPLIT_GPT2)
    case .cl100k: kernel = Int32(SPLIT_CL100K)
    case .o200k: kernel = Int32(SPLIT_O200K)
    case .llama3: kernel = Int32(SPLIT_LLAMA3)
    case .qwen2: kernel = Int32(SPLIT_QWEN2)
    default: return nil
    }
    self.twin = twin
    self.level = level
    safeCuts = pattern.safeCuts
  }

  func appendEnds(
    of text: Span<UInt8>, from start: Int, limit: Int, to ends: inout [Int]
  ) throws(PreTokenizationError) {
    guard start >= 0, start < text.count, limit > 0 else { return }
    var start = start
    var left = limit
    while left > 0, start < text.count {
      let before = ends.count
      let hard = appendByMasks(text, from: start, limit: min(left, Self.batch), to: &ends)
      if ends.count > before { start = ends[ends.count - 1] }
      left -= ends.count - before
      // One at a time: what comes behind the hard place is for the masks again.
      while start < hard, left > 0 {
        try twin.appendEnds(of: text, from: start, limit: 1, to: &ends)
        start = ends[ends.count - 1]
        left -= 1
      }
    }
  }

  /// Appends ends of pre-tokens; returns up to where the twin has to go on, or 0.
  private func appendByMasks(
    _ text: Span<UInt8>, from start: Int, limit: Int, to ends: inout [Int]
  ) -> Int {
    var hard = 0
    unsafe text.withUnsafeBufferPointer { text in
      guard let base = text.baseAddress else { return }
      ends.append(addingCapacity: limit + Int(SPLIT_SLACK)) { output in
        unsafe output.withUnsafeMutableBufferPointer { buffer, initialized in
          guard let output = buffer.baseAddress else { return }
          // The kernel reads the text, valid UTF-8 by the protocol's contract, and writes at most what
          // the buffer has room for.
          initialized += unsafe split_text(
            kernel, level.rawValue, base, start, text.count, output + initialized, limit, &hard)
        }
      }
    }
    return hard
  }
}
