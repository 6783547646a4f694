/// Counts the pre-tokens of a corpus that comes in pieces: the first half of BPE training.
///
/// Texts are streamed: memory holds the distinct pre-tokens, and a block of text for each thread. With a
/// bound on memory, what has been counted is sorted and written to a temporary file whenever the bound is
/// near, and read back at the end. The counts depend on neither threads nor memory.
public final class PreTokenCounter {
  private static let blockSize = 1 << 20

  private let threads: Int
  private let memory: Int?
  private let temporaryFolder: String
  private let safeCuts: SafeCutRule
  private let workers: [CountingWorker]
  private var pending: PendingText
  /// Where documents end in `pending`, and which they are; what follows belongs to one that goes on.
  private var documentEnds: [(end: Int, index: Int)] = []
  /// Which document goes on.
  private var documentIndex = 0
  /// Offset in the corpus of the document that `pending` begins with.
  private var documentStart = 0
  /// Fewer bytes than this are not worth starting a thread for.
  private let smallestPart: Int
  private var spill: SpillFile?
  private var runs: [Range<Int>] = []

  /// A counter without counts.
  ///
  /// - Parameters:
  ///   - preTokenizer: What cuts the texts.
  ///   - invalidUTF8: What to do with bytes that are not valid UTF-8.
  ///   - threads: On how many threads to count, at least 1.
  ///   - memory: Bytes that counting may take, text and tables together; at least 2^20 are taken. No bound
  ///     if nothing.
  ///   - temporaryFolder: Where to write what does not fit; `TMPDIR` or `/tmp` if nothing.
  public convenience init(
    preTokenizer: any PreTokenizer, invalidUTF8: InvalidUTF8Policy = .bytes, threads: Int = 1,
    memory: Int? = nil, temporaryFolder: String? = nil
  ) {
    // Text takes up to an eighth of the bound.
    let share = (memory ?? .max) / 16 / max(1, threads)
    self.init(
      preTokenizer: preTokenizer, invalidUTF8: invalidUTF8, threads: threads,
      blockSize: min(Self.blockSize, max(4096, share)), memory: memory,
      temporaryFolder: temporaryFolder)
  }

  /// As above with another number of bytes to collect for each thread: tests make it small.
  package init(
    preTokenizer: any PreTokenizer, invalidUTF8: InvalidUTF8Policy = .bytes, threads: Int,
    blockSize: Int, memory: Int? = nil, temporaryFolder: String? = nil
  ) {
    self.threads = max(1, threads)
    self.memory = memory
    self.temporaryFolder = temporaryFolder ?? SpillFile.defaultFolder
    safeCuts = preTokenizer.safeCuts
    workers = (0..<self.threads).map { _ in CountingWorker(preTokenizer, invalidUTF8) }
    pending = PendingText(blockSize: blockSize * self.threads)
    smallestPart = min(32 << 10, blockSize / 2)
  }

  /// Takes the next bytes of a text.
  ///
  /// - Throws: `TrainingError.text` for a text that cannot be split as asked, `.spill` if what does not fit
  ///   into memory cannot be written.
  public func append(_ bytes: Span<UInt8>) throws(TrainingError) {
    guard pending.append(bytes) else { return }
    let open = documentEnds.last?.end ?? 0
    try count(upTo: pending.lastSafeCut(safeCuts, notBefore: open + 1) ?? open)
  }

  /// Ends a text; what follows is another one.
  public func endText() throws(TrainingError) {
    // Short texts are collected: threads are not worth starting for each.
    if pending.bytes.count > documentEnds.last?.end ?? 0 {
      documentEnds.append((pending.bytes.count, documentIndex))
    } else if documentEnds.isEmpty {
      documentStart = pending.offset
    }
    documentIndex += 1
    if pending.isFull { try flush() }
  }

  /// Counts what has been collected, so that errors in it come now.
  public func flush() throws(TrainingError) { try count(upTo: pending.bytes.count) }

  /// The counts of all texts so far, which end here; the counter begins anew.
  ///
  /// - Throws: `TrainingError.spill` if what did not fit into memory cannot be written.
  public func finish() throws(TrainingError) -> CountedCorpus {
    try flush()
    pending.reset()
    documentStart = 0
    documentIndex = 0
    guard let memory, !runs.isEmpty || isAboveBoundWhenLearning(memory) else {
      return CountedCorpus(takeTotal())
    }
    try spillWorkers()
    guard let spill else { return CountedCorpus(PreTokenCounts()) }
    // Blocks of all runs together take a small part of the bound.
    let block = max(4096, min(1 << 18, memory / 8 / max(1, runs.count)))
    let readers = runs.map { run in
      var offset = run.lowerBound
      return PreTokenRunReader(readsFirst: true) { (buffer: inout [UInt8]) throws(TrainingError) in
        do throws(FileError) {
          try spill.read(at: offset, limit: min(block, run.upperBound - offset), into: &buffer)
        } catch {
          throw .spill(error)
        }
        offset += buffer.count
      }
    }
    runs = []
    self.spill = nil
    return CountedCorpus(readers)
  }

  /// The counts of all texts so far, in memory. For counters without a bound.
  public func takeCounts() throws(TrainingError) -> PreTokenCounts {
    precondition(memory == nil, "a bound on memory needs finish()")
    try flush()
    pending.reset()
    documentStart = 0
    documentIndex = 0
    return takeTotal()
  }

  private func takeTotal() -> PreTokenCounts {
    // Into the largest, so that the fewest are moved.
    let largest = workers.indices.max {
      workers[$0].counts.distinctCount < workers[$1].counts.distinctCount
    }
    var total = workers[largest ?? 0].takeCounts()
    for worker in workers {
      let counts = worker.takeCounts()
      total.add(counts)
    }
    return total
  }

  /// Whether the tables and the trainer's rows would not fit at the same time.
  private func isAboveBoundWhenLearning(_ memory: Int) -> Bool {
    workers.reduce(0) { $0 + $1.counts.memorySize } > memory / 4
  }

  /// Counts the first `end` bytes of what is pending, and removes them.
  private func count(upTo end: Int) throws(TrainingError) {
    if end > 0 {
      let block = pending.bytes
      let offset = pending.offset
      let parts = divide(block.span.extracting(0..<end))
      let workers = workers
      let results = ParallelWork.map(parts.count) { index in
        do throws(TokenizerError) {
          for range in parts[index] {
            try workers[index].count(block.span, range, base: offset)
          }
          return nil as TokenizerError?
        } catch {
          return error
        }
      }
      for case let failure? in results { throw located(failure) }
    }
    if let last = documentEnds.last(where: { $0.end <= end }) {
      documentStart = pending.offset + last.end
    }
    documentEnds.removeAll { $0.end <= end }
    pending.remove(upTo: end, searchedTo: pending.bytes.count)
    if let memory {
      // What one block can add: a new pre-token for every second byte, and no more than that.
      let more = pending.blockSize / threads / 2
      let size = workers.reduce(0) { $0 + $1.counts.memorySize(afterAdding: more) }
      if size > memory / 4 * 3 { try spillWorkers() }
    }
  }

  /// An error at an offset of what is pending, said of the document that it lies in.
  private func located(_ error: TokenizerError) -> TrainingError {
    var position = 0
    _ = error.mapped { offset in
      position = offset
      return offset
    }
    let before = documentEnds.last { $0.end <= position }
    let start = before.map { $0.end } ?? documentStart - pending.offset
    let index = documentEnds.first { $0.end > position }?.index ?? documentIndex
    return .text(error.moved(by: -start), document: index)
  }

  /// Shares the documents out: for each worker ranges of about the same number of bytes.
  private func divide(_ text: Span<UInt8>) -> [[Range<Int>]] {
    let threads = max(1, min(threads, text.count / max(1, smallestPart)))
    var parts: [[Range<Int>]] = [[]]
    var room = text.count / threads + 1
    var left = room
    var start = 0
    for end in documentEnds.map(\.end) + [text.count] where end > start && end <= text.count {
      var rest = start..<end
      while rest.count > left, parts.count < threads {
        // A document that does not fit goes on with the next worker.
        let cut = safeCuts.safeCut(
          in: text.extracting(rest), near: left, within: 1...max(1, rest.count - 1))
        if let cut {
          parts[parts.count - 1].append(rest.lowerBound..<rest.lowerBound + cut)
          rest = rest.lowerBound + cut..<rest.upperBound
        } else if parts[parts.count - 1].isEmpty {
          break
        }
        room = (text.count - rest.lowerBound) / (threads - parts.count) + 1
        left = room
        parts.append([])
      }
      if !rest.isEmpty { parts[parts.count - 1].append(rest) }
      left -= min(left, rest.count)
      start = end
    }
    return parts
  }

  /// Writes what each worker has counted as a sorted run, and forgets it.
  private func spillWorkers() throws(TrainingError) {
    do throws(FileError) {
      let file = if let spill { spill } else { try SpillFile(folder: temporaryFolder) }
      spill = file
      for worker in workers where worker.counts.distinctCount > 0 {
        let start = file.size
        try worker.drain(to: file)
        runs.append(start..<file.size)
      }
    } catch {
      throw .spill(error)
    }
  }
}
