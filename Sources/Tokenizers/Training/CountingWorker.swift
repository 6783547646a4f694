/// Counts on one thread: the scratch memory of splitting, and a table of its own.
// `@unchecked`: the counter gives each worker to one thread at a time.
final class CountingWorker: @unchecked Sendable {
  /// Ends of pre-tokens found at a time: 8 KiB of them, which stay in the first-level cache.
  private static let batch = 1024

  private let preTokenizer: any PreTokenizer
  private let invalidUTF8: InvalidUTF8Policy
  private(set) var counts = PreTokenCounts()
  private var ends: [Int] = []
  private var keys: [ShortPreToken]

  init(_ preTokenizer: any PreTokenizer, _ invalidUTF8: InvalidUTF8Policy) {
    self.preTokenizer = preTokenizer
    self.invalidUTF8 = invalidUTF8
    keys = [ShortPreToken](repeating: ShortPreToken(), count: Self.batch)
    ends.reserveCapacity(Self.batch)
  }

  func takeCounts() -> PreTokenCounts {
    var taken = PreTokenCounts()
    swap(&taken, &counts)
    return taken
  }

  /// Counts the pre-tokens of one part of a text, which lies at `base` of the corpus.
  func count(_ text: Span<UInt8>, _ range: Range<Int>, base: Int) throws(TokenizerError) {
    let part = text.extracting(range)
    let base = base + range.lowerBound
    do throws(TokenizerError) {
      guard let bad = UTF8Validation.firstInvalidSequence(in: part) else {
        return try count(part, splitAs: part, nil, base)
      }
      if invalidUTF8 == .refuse { throw .invalidUTF8(offset: bad.lowerBound) }
      let repaired = RepairedText(repairing: part)
      if invalidUTF8 == .replace {
        let replaced = repaired.bytes.span
        try count(replaced, splitAs: replaced, nil, base)
      } else {
        try count(part, splitAs: repaired.bytes.span, repaired, base)
      }
    } catch {
      throw error.moved(by: range.lowerBound)
    }
  }

  /// Counts the pre-tokens of `text`, which are found in `valid` and mapped back by `repaired`.
  private func count(
    _ text: Span<UInt8>, splitAs valid: Span<UInt8>, _ repaired: RepairedText?, _ base: Int
  ) throws(TokenizerError) {
    var position = 0
    var start = 0
    // Taken out for the whole text, so that each access is one of a local.
    var ends: [Int] = []
    var keys: [ShortPreToken] = []
    swap(&ends, &self.ends)
    swap(&keys, &self.keys)
    defer {
      swap(&ends, &self.ends)
      swap(&keys, &self.keys)
    }
    let preTokenizer = preTokenizer.prepared(for: valid)
    while position < valid.count {
      ends.removeAll(keepingCapacity: true)
      do {
        try preTokenizer.appendEnds(of: valid, from: position, limit: Self.batch, to: &ends)
      } catch {
        throw .preTokenization(error)
      }
      position = ends[ends.count - 1]
      repaired?.mapToOriginal(&ends[...])
      unsafe keys.withUnsafeMutableBufferPointer { keys in
        // As many keys as there can be ends.
        unsafe counts.add(text, from: start, ends.span, base: base, scratch: keys)
      }
      start = ends[ends.count - 1]
    }
  }

  /// Writes all counts as a sorted run, and forgets them.
  func drain(to file: SpillFile) throws(FileError) {
    var writer = PreTokenRunWriter(writesFirst: true)
    try counts.drainSorted {
      (preToken: Span<UInt8>, count: Int, first: Int) throws(FileError) in
      // Counts of texts are far below what overflows.
      try? writer.append(preToken, count: count, first: first)
      if writer.buffer.count >= 1 << 18 {
        try file.append(writer.buffer.span)
        writer.buffer.removeAll(keepingCapacity: true)
      }
    }
    writer.finish()
    try file.append(writer.buffer.span)
  }
}
