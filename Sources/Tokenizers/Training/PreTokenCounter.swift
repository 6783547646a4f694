/// Counts the pre-tokens of a corpus that comes in pieces: the first half of BPE training.
///
/// Texts are streamed: memory holds the distinct pre-tokens, and a block of text for each thread. The
/// counts do not depend on the number of threads.
public final class PreTokenCounter {
  private static let blockSize = 1 << 20

  private let preTokenizer: any PreTokenizer
  private let invalidUTF8: InvalidUTF8Policy
  private let threads: Int
  private var workers: [PreTokenCounts]
  private var pending: PendingText

  /// A counter without counts.
  ///
  /// - Parameters:
  ///   - preTokenizer: What cuts the texts.
  ///   - invalidUTF8: What to do with bytes that are not valid UTF-8.
  ///   - threads: On how many threads to count, at least 1.
  public convenience init(
    preTokenizer: any PreTokenizer, invalidUTF8: InvalidUTF8Policy = .bytes, threads: Int = 1
  ) {
    self.init(
      preTokenizer: preTokenizer, invalidUTF8: invalidUTF8, threads: threads,
      blockSize: Self.blockSize)
  }

  /// As above with another number of bytes to collect for each thread: tests make it small.
  package init(
    preTokenizer: any PreTokenizer, invalidUTF8: InvalidUTF8Policy = .bytes, threads: Int,
    blockSize: Int
  ) {
    self.preTokenizer = preTokenizer
    self.invalidUTF8 = invalidUTF8
    self.threads = max(1, threads)
    workers = Array(repeating: PreTokenCounts(), count: self.threads)
    pending = PendingText(blockSize: blockSize * self.threads)
  }

  /// Takes the next bytes of a text.
  public func append(_ bytes: Span<UInt8>) throws(TokenizerError) {
    guard pending.append(bytes) else { return }
    let cut = pending.lastSafeCut(preTokenizer.safeCuts) ?? 0
    try count(upTo: cut)
    pending.remove(upTo: cut, searchedTo: pending.bytes.count)
  }

  /// Ends a text; what follows is another one.
  public func endText() throws(TokenizerError) {
    try count(upTo: pending.bytes.count)
    pending.reset()
  }

  /// The counts of all texts so far. Call `endText` before.
  public func takeCounts() -> PreTokenCounts {
    var total = workers[0]
    for worker in workers.dropFirst() { total.add(worker) }
    workers = Array(repeating: PreTokenCounts(), count: threads)
    return total
  }

  private func count(upTo end: Int) throws(TokenizerError) {
    if end == 0 { return }
    let block = pending.bytes
    let text = block.span.extracting(0..<end)
    let ranges = preTokenizer.safeCuts.divide(text, into: threads)
    let preTokenizer = preTokenizer
    let policy = invalidUTF8
    // Each worker's counts are taken out, changed on one thread, and put back.
    var taken = workers
    workers = []
    let results = ParallelWork.mapInPlace(&taken, count: ranges.count) { counts, index in
      do throws(TokenizerError) {
        try Self.count(text.extracting(ranges[index]), preTokenizer, policy, into: &counts)
        return nil as TokenizerError?
      } catch {
        return error.moved(by: ranges[index].lowerBound)
      }
    }
    workers = taken
    for failure in results {
      if let failure { throw failure.moved(by: pending.offset) }
    }
  }

  private static func count(
    _ text: Span<UInt8>, _ preTokenizer: any PreTokenizer, _ policy: InvalidUTF8Policy,
    into counts: inout PreTokenCounts
  ) throws(TokenizerError) {
    guard let bad = UTF8Validation.firstInvalidSequence(in: text) else {
      return try count(text, splitAs: text, preTokenizer, nil, into: &counts)
    }
    if policy == .refuse { throw .invalidUTF8(offset: bad.lowerBound) }
    let repaired = RepairedText(repairing: text)
    if policy == .replace {
      let replaced = repaired.bytes.span
      try count(replaced, splitAs: replaced, preTokenizer, nil, into: &counts)
    } else {
      try count(text, splitAs: repaired.bytes.span, preTokenizer, repaired, into: &counts)
    }
  }

  /// Counts the pre-tokens of `text`, which are found in `valid` and mapped back by `repaired`.
  private static func count(
    _ text: Span<UInt8>, splitAs valid: Span<UInt8>, _ preTokenizer: any PreTokenizer,
    _ repaired: RepairedText?, into counts: inout PreTokenCounts
  ) throws(TokenizerError) {
    var ends: [Int] = []
    ends.reserveCapacity(1024)
    let preTokenizer = preTokenizer.prepared(for: valid)
    var position = 0
    var start = 0
    while position < valid.count {
      ends.removeAll(keepingCapacity: true)
      do {
        try preTokenizer.appendEnds(of: valid, from: position, limit: 1024, to: &ends)
      } catch {
        throw .preTokenization(error)
      }
      position = ends[ends.count - 1]
      repaired?.mapToOriginal(&ends[...])
      for end in ends {
        counts.add(text.extracting(start..<end))
        start = end
      }
    }
  }
}
