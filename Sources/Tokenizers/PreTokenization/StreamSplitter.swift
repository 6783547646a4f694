/// Splits a stream into pre-tokens: bytes go in as they come, and the pre-tokens are those of the whole
/// text at once. Memory is bounded as long as the text has safe places to cut it at.
///
///     let splitter = StreamSplitter(try PatternPreTokenizer(.gpt2))
///     try splitter.append(block) { text, ends in … }
///     try splitter.finish { text, ends in … }
public final class StreamSplitter {
  private static let blockSize = 1 << 20

  private let preTokenizer: any PreTokenizer
  private let invalidUTF8: InvalidUTF8Policy
  private let threads: Int
  private var pending: PendingText

  /// A splitter at the beginning of a stream.
  public init(
    _ preTokenizer: any PreTokenizer, invalidUTF8: InvalidUTF8Policy = .bytes, threads: Int = 1
  ) {
    self.preTokenizer = preTokenizer
    self.invalidUTF8 = invalidUTF8
    self.threads = max(1, threads)
    pending = PendingText(blockSize: Self.blockSize * self.threads)
  }

  /// Takes the next bytes of the stream.
  ///
  /// - Parameter body: Called with stretches of text, one after another, and the ends of the pre-tokens
  ///   that they consist of.
  public func append(
    _ bytes: Span<UInt8>, _ body: (_ text: Span<UInt8>, _ ends: [Int]) throws -> Void
  ) throws {
    guard pending.append(bytes) else { return }
    let cut = pending.lastSafeCut(preTokenizer.safeCuts) ?? 0
    try split(upTo: cut, body)
    pending.remove(upTo: cut, searchedTo: pending.bytes.count)
  }

  /// Ends the stream; what follows is another one.
  public func finish(_ body: (_ text: Span<UInt8>, _ ends: [Int]) throws -> Void) throws {
    try split(upTo: pending.bytes.count, body)
    pending.reset()
  }

  private func split(
    upTo end: Int, _ body: (_ text: Span<UInt8>, _ ends: [Int]) throws -> Void
  ) throws {
    if end == 0 { return }
    let block = pending.bytes
    let text = block.span.extracting(0..<end)
    let ranges = preTokenizer.safeCuts.divide(text, into: threads)
    let (preTokenizer, policy) = (preTokenizer, invalidUTF8)
    let results = ParallelWork.map(ranges.count) { index -> Result<Piece, TokenizerError> in
      Result { () throws(TokenizerError) in
        try Self.split(text.extracting(ranges[index]), preTokenizer, policy)
      }
    }
    for (range, result) in zip(ranges, results) {
      switch result {
      case .failure(let error): throw error.moved(by: pending.offset + range.lowerBound)
      case .success(let piece):
        if let replaced = piece.replaced {
          try body(replaced.span, piece.ends)
        } else {
          try body(text.extracting(range), piece.ends)
        }
      }
    }
  }

  private struct Piece {
    var ends: [Int]
    /// The text that the ends are of, where it is not the original.
    var replaced: [UInt8]?
  }

  private static func split(
    _ text: Span<UInt8>, _ preTokenizer: any PreTokenizer, _ policy: InvalidUTF8Policy
  ) throws(TokenizerError) -> Piece {
    var ends: [Int] = []
    do {
      guard let bad = UTF8Validation.firstInvalidSequence(in: text) else {
        try preTokenizer.prepared(for: text).appendEnds(of: text, from: 0, limit: .max, to: &ends)
        return Piece(ends: ends)
      }
      if policy == .refuse { throw TokenizerError.invalidUTF8(offset: bad.lowerBound) }
      let repaired = RepairedText(repairing: text)
      let valid = repaired.bytes.span
      try preTokenizer.prepared(for: valid).appendEnds(of: valid, from: 0, limit: .max, to: &ends)
      if policy == .replace { return Piece(ends: ends, replaced: repaired.bytes) }
      repaired.mapToOriginal(&ends[...])
      return Piece(ends: ends)
    } catch let error as PreTokenizationError {
      throw .preTokenization(error)
    } catch let error as TokenizerError {
      throw error
    } catch {
      // Nothing else is thrown above.
      throw .preTokenization(.matchFailed(message: "\(error)", offset: 0))
    }
  }
}
