/// What training begins with: bytes, or a vocabulary that is to be extended.
///
/// Training numbers its tokens from 0 without holes, in the order of their ids.
struct TrainingStart {
  let mergeCount: Int
  let tokens: TrainingTokens
  private let base: (tokenizer: Tokenizer, model: BPEModel)?
  /// The id of each token that is there at the start.
  private let ids: [UInt32]
  private let specialTokens: [String]

  /// Checks what is asked for.
  init(_ trainer: BPETrainer) throws(TrainingError) {
    specialTokens = trainer.specialTokens
    if let length = trainer.maximumTokenLength, length < 1 { throw .badTokenLength(length) }
    var taken = 256
    if let tokenizer = trainer.base {
      guard let model = tokenizer.model as? BPEModel, !model.looksUpWholePreTokens else {
        throw .cannotBeExtended
      }
      base = (tokenizer, model)
      let vocabulary = model.vocabulary
      ids = vocabulary.tokenIDs.map(\.rawValue)
      tokens = TrainingTokens(
        vocabulary.tokenIDs.map { vocabulary.bytes(of: $0) ?? [] }, refusesKnown: true)
      taken = ids.count
    } else {
      base = nil
      ids = (0..<256).map { UInt32($0) }
      tokens = TrainingTokens(ByteAlphabet.bytesInOrder.map { [$0] }, refusesKnown: false)
    }
    let least = taken + specialTokens.count
    // A number of a token has 31 bits, an id 32, the largest of which stays free.
    let most = min(Int(TrainingRows.inner) - ids.count, Int(UInt32.max - (ids.last ?? 0)))
    switch trainer.goal {
    case .merges(let count):
      guard count >= 0 else { throw .negativeMergeCount(count) }
      mergeCount = max(0, min(count, most - specialTokens.count))
    case .vocabularySize(let size):
      guard size >= least else { throw .vocabularySizeTooSmall(size, least: least) }
      mergeCount = max(0, min(size - least, most - specialTokens.count))
    }
    keepsOrder = trainer.ties == .firstSeen
    memory = trainer.memory
    temporaryFolder = trainer.temporaryFolder
  }

  private let keepsOrder: Bool
  private let memory: Int?
  private let temporaryFolder: String?

  /// An empty corpus, of which each pre-token begins as these tokens.
  func makeRows() -> TrainingRowsBuilder {
    let encoder = base.map { BaseEncoder($0.model, ids) }
    return TrainingRowsBuilder(
      keepsOrder: keepsOrder, memory: memory, temporaryFolder: temporaryFolder,
      encode: encoder.map { encoder in { encoder.append($0, to: &$1) } })
  }

  /// What was learnt, as vocabulary and merges.
  ///
  /// - Parameter learnt: Merges by number.
  func result(
    _ learnt: [(left: UInt32, right: UInt32)], counts: [Int], _ stopReason: BPETrainer.StopReason,
    byteCount: Int, tokenCounts: (initial: Int, final: Int)
  ) throws(TrainingError) -> BPETrainer.Result {
    let firstNew = (ids.last ?? 0) + 1
    func id(_ number: UInt32) -> TokenID {
      let number = Int(number)
      return TokenID(number < ids.count ? ids[number] : firstNew + UInt32(number - ids.count))
    }
    var merges = base?.model.merges ?? []
    var all = (0..<tokens.count).map { number in
      (bytes: tokens.bytes(UInt32(number)), id: id(UInt32(number)))
    }
    for (rank, merge) in learnt.enumerated() {
      merges.append(
        BPEModel.Merge(
          left: id(merge.left), right: id(merge.right), merged: id(UInt32(ids.count + rank))))
    }
    var entries = base?.tokenizer.specialTokens.entries ?? []
    for text in specialTokens {
      let entry = SpecialTokens.Entry(text: text, id: id(UInt32(all.count)))
      entries.append(entry)
      all.append((Array(text.utf8), entry.id))
    }
    do {
      return BPETrainer.Result(
        merges: merges, learntCount: learnt.count, counts: counts, stopReason: stopReason,
        vocabulary: try Vocabulary(all), specialTokens: SpecialTokens(entries),
        byteCount: byteCount, initialTokenCount: tokenCounts.initial,
        tokenCount: tokenCounts.final)
    } catch {
      // Merges never make a token twice; a special token may spell one that they make.
      throw .unusableSpecialTokens(error)
    }
  }
}

/// Turns pre-tokens into the tokens of a vocabulary, by number.
private final class BaseEncoder {
  private var merger: BPEMerger
  private let ids: [UInt32]
  private var scratch: [TokenID] = []

  init(_ model: BPEModel, _ ids: [UInt32]) {
    merger = BPEMerger(model)
    self.ids = ids
  }

  func append(_ preToken: Span<UInt8>, to row: inout [UInt32]) {
    scratch.removeAll(keepingCapacity: true)
    merger.merge(preToken, into: &scratch)
    for id in scratch { row.append(number(of: id.rawValue)) }
  }

  private func number(of id: UInt32) -> UInt32 {
    // Without holes below, which is how most vocabularies are, an id is its own number.
    if Int(id) < ids.count, ids[Int(id)] == id { return id }
    var low = 0
    var high = ids.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if ids[middle] <= id { low = middle } else { high = middle }
    }
    return UInt32(low)
  }
}
