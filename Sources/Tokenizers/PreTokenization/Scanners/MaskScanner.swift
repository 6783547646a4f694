internal import CKernels

/// Finds the pre-tokens of GPT-2's pattern 64 bytes at a time, by the kernels in `split_kernels.c`.
///
/// Its twin in Swift, which goes character by character, is `PatternScanner`.
struct MaskScanner: PreTokenizer {
  /// The instructions of a kernel; of those that the processor lacks there are none.
  enum Level: Int32, CaseIterable, Sendable {
    case baseline = 0
    case avx2 = 1
    case avx512 = 2

    /// The highest level that this processor has.
    static let best = Level(rawValue: split_best_level()) ?? .baseline

    /// The level of an engine, nil for those that do not run kernels.
    init?(_ engine: Engine) {
      switch engine {
      case .automatic: self = .best
      case .baseline: self = .baseline
      case .avx2: self = .avx2
      case .avx512: self = .avx512
      case .reference, .portable: return nil
      }
    }
  }

  /// Ends found in one call of a kernel.
  private static let batch = 1024

  private let level: Level
  let safeCuts: SafeCutRule

  /// The scanner for a pattern, nil if there is none, or not at this level.
  init?(_ pattern: SplitPattern, level: Level = .best) {
    guard pattern == .gpt2, level.rawValue <= Level.best.rawValue else { return nil }
    self.level = level
    safeCuts = pattern.safeCuts
  }

  func appendEnds(
    of text: Span<UInt8>, from start: Int, limit: Int, to ends: inout [Int]
  ) throws(PreTokenizationError) {
    guard start >= 0, start < text.count, limit > 0 else { return }
    let room = min(limit, Self.batch)
    unsafe withUnsafeTemporaryAllocation(of: Int.self, capacity: room + Int(SPLIT_SLACK)) {
      buffer in
      unsafe text.withUnsafeBufferPointer { text in
        guard let base = text.baseAddress, let output = buffer.baseAddress else { return }
        var start = start
        var left = limit
        while left > 0, start < text.count {
          // The kernel reads the text, valid UTF-8 by the protocol's contract, and writes at most what
          // the buffer has room for.
          let count = unsafe split_gpt2(
            base, start, text.count, output, min(left, room), level.rawValue)
          unsafe ends.append(contentsOf: UnsafeBufferPointer(start: output, count: count))
          start = ends[ends.count - 1]
          left -= count
        }
      }
    }
  }
}
