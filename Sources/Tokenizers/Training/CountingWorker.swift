/// Counts on one thread: the scratch memory of splitting, and a table of its own.
// `@unchecked`: the counter gives each worker to one thread at a time.
final class CountingWorker: @unchecked Sendable {
  /// Ends of pre-tokens found at a time: 8 KiB of them, which stay in the first-level cache.
  private static let batch = 1024

  private let preTokenizer: any PreTokenizer
  private let invalidUTF8: InvalidUTF8Policy
  private(set) var counts = PreTokenCounts()
  private var ends: [Int] = []
  private var keys: [PreTokenKey]

  init(_ preTokenizer: any PreTokenizer, _ invalidUTF8: InvalidUTF8Policy) {
    self.preTokenizer = preTokenizer
    self.invalidUTF8 = invalidUTF8
    keys = [PreTokenKey](repeating: PreTokenKey(), count: Self.batch)
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
    var keys: [PreTokenKey] = []
    swap(&ends, &self.ends)
    swap(&keys, &self.keys)
    defer {
      swap(&ends, &self.ends)
      swap(&keys, &self.keys)
    }
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

/// One block of text, shared out to the workers.
// `@unchecked`: who made it does not look at it before it has waited; each worker has one thread.
final class CountingJob: @unchecked Sendable {
  /// The documents of a block, for messages.
  struct Documents {
    /// Where they end in the block, and which they are.
    var ends: [(end: Int, index: Int)]
    /// Offset in the corpus of the one that the block begins with.
    var start: Int
    /// Which goes on behind the last end.
    var open: Int
  }

  private var bytes: [UInt8]
  private let parts: [[Range<Int>]]
  private let workers: [CountingWorker]
  private let offset: Int
  private let documents: Documents
  private var work: BackgroundWork?
  /// What went wrong, once it is done.
  private(set) var failure: TrainingError?

  /// - Parameters:
  ///   - parts: The ranges of `bytes` that each worker counts.
  ///   - offset: Where the block begins in the corpus.
  init(
    _ bytes: [UInt8], _ parts: [[Range<Int>]], _ workers: [CountingWorker], offset: Int,
    documents: Documents
  ) {
    self.bytes = bytes
    self.parts = parts
    self.workers = workers
    self.offset = offset
    self.documents = documents
  }

  /// Begins, and returns at once.
  func start() { work = BackgroundWork { self.run() } }

  /// Returns when it is done.
  func wait() {
    work?.wait()
    work = nil
  }

  /// The memory of the block, once it is done.
  func takeBytes() -> [UInt8] {
    var taken: [UInt8] = []
    swap(&taken, &bytes)
    return taken
  }

  /// Counts.
  func run() {
    let bytes = bytes
    let results = ParallelWork.map(parts.count) { index in
      do throws(TokenizerError) {
        for range in parts[index] {
          try workers[index].count(bytes.span, range, base: offset)
        }
        return nil as TokenizerError?
      } catch {
        return error
      }
    }
    for case let error? in results where failure == nil { failure = located(error) }
  }

  /// An error at an offset of the block, said of the document that it lies in.
  private func located(_ error: TokenizerError) -> TrainingError {
    var position = 0
    _ = error.mapped { offset in
      position = offset
      return offset
    }
    let before = documents.ends.last { $0.end <= position }
    let start = before.map { $0.end } ?? documents.start - offset
    let index = documents.ends.first { $0.end > position }?.index ?? documents.open
    return .text(error.moved(by: -start), document: index)
  }
}
