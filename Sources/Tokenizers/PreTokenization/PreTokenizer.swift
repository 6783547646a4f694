/// Cuts text into pre-tokens: the ranges of bytes that no merge crosses.
///
/// The contract, the same for every engine: the text is valid UTF-8; the pre-tokens are non-empty,
/// in order, and cover the text without a gap; each begins where the one before ended, so a list of
/// ends says everything; no pre-token begins or ends inside a scalar. An engine works on a batch of
/// pre-tokens at a time, so that calling it through the protocol costs nothing a pre-token.
public protocol PreTokenizer: Sendable {
  /// Appends to `ends` the end offsets of the pre-tokens of `text` that begin at `start` and after
  /// it.
  ///
  /// - Parameters:
  ///   - text: Valid UTF-8, the whole of it: its end counts as the end of the text.
  ///   - start: Where a pre-token begins: 0, or an end that was given before. `start == text.count`
  ///     appends nothing.
  ///   - limit: The most ends to append, at least 1. Fewer are appended only if the text ends
  ///     before.
  ///   - ends: Byte offsets from the beginning of `text`.
  /// - Throws: `PreTokenizationError` when the engine gives up (limits of a regular expression).
  func appendEnds(
    of text: Span<UInt8>, from start: Int, limit: Int, to ends: inout [Int]
  ) throws(PreTokenizationError)

  /// Where text may be cut in two without changing its pre-tokens.
  var safeCuts: SafeCutRule { get }
}

extension PreTokenizer {
  /// Calls `body` with the range of each pre-token of `text`, in order.
  ///
  ///     try GPT2.preTokenizer.forEachPreToken(in: text) { range in print(range) }
  public func forEachPreToken(in text: Span<UInt8>, _ body: (Range<Int>) throws -> Void) throws {
    var ends: [Int] = []
    ends.reserveCapacity(1024)
    var start = 0
    while start < text.count {
      ends.removeAll(keepingCapacity: true)
      try appendEnds(of: text, from: start, limit: 1024, to: &ends)
      for end in ends {
        try body(start..<end)
        start = end
      }
    }
  }
}

/// Why text could not be cut into pre-tokens.
public enum PreTokenizationError: Error, Hashable, Sendable {
  /// The regular expression did not compile: the engine's message and the offset in the expression,
  /// in bytes.
  case badPattern(message: String, offset: Int)
  /// Matching was given up at a byte offset of the text: the engine's message.
  case matchFailed(message: String, offset: Int)
  /// The engine that was asked for is not there.
  case engine(EngineError)
}
