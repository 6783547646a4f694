/// Learns merges from counted pre-tokens: the pair that occurs most becomes a token, again and again.
///
/// The rule is that of Hugging Face's byte-level `BpeTrainer`, byte for byte: 256 byte tokens in GPT-2's
/// order; then always the pair with the highest count, overlapping windows counted ("aaa" holds (a, a)
/// twice), each distinct pre-token counted once times its frequency; of equal counts the smallest
/// (left id, right id), unless another `TieRule` is asked for; replaced from left to right without overlap.
/// It stops at the size asked for, or when the best count falls below max(1, minimum frequency). The slow,
/// obvious form is `NaiveTrainer` in the tests' support.
public struct BPETrainer: Sendable {
  /// When enough has been learnt.
  public enum Goal: Hashable, Sendable {
    /// This many merges.
    case merges(Int)
    /// A vocabulary of this many tokens: bytes, merges and special tokens, and those that are extended.
    case vocabularySize(Int)
  }

  /// Why training ended.
  public enum StopReason: String, Hashable, Sendable {
    /// What was asked for was reached.
    case goalReached
    /// No pair is left: every pre-token is one token, or as long as tokens may be.
    case noPairLeft
    /// Every pair left occurs less often than the minimum frequency.
    case belowMinimumFrequency
  }

  /// What was learnt.
  public struct Result: Sendable {
    /// The merges in the order of their ranks: those of the vocabulary that is extended, then those learnt.
    public let merges: [BPEModel.Merge]
    /// How many of them were learnt: the last ones.
    public let learntCount: Int
    /// How often the pair of each merge learnt occurred when it was chosen.
    public let counts: [Int]
    /// Why it ended.
    public let stopReason: StopReason
    /// The vocabulary: bytes, merges, then the special tokens; of an extended one the old tokens under
    /// their old ids, then the new merges and the new special tokens.
    public let vocabulary: Vocabulary
    /// The special tokens with their ids.
    public let specialTokens: SpecialTokens
    /// Bytes of the corpus.
    public let byteCount: Int
    /// Tokens of the corpus before the first merge that was learnt.
    public let initialTokenCount: Int
    /// Tokens of the corpus in the end.
    public let tokenCount: Int
  }

  /// When enough has been learnt.
  public var goal: Goal
  /// Pairs that occur less often are not merged; 0 and 1 mean the same.
  public var minimumFrequency: Int
  /// Tokens are never made longer than this many bytes.
  public var maximumTokenLength: Int?
  /// What decides between pairs that occur equally often.
  public var ties: TieRule
  /// Texts of special tokens: they get the last ids, in this order.
  public var specialTokens: [String]
  /// A vocabulary to which merges are added: none of its ids and merges changes. It must split text as the
  /// counts were made.
  public var base: Tokenizer?

  /// Bytes that learning may take, beside the vocabulary and the longest pre-token; no bound if nothing.
  ///
  /// A corpus of more distinct pre-tokens lies in a temporary file, and what the next merges need of it is
  /// in memory; the merges are the same. With `TieRule.firstSeen`, which needs the order of the text, it
  /// stays in memory whole.
  public var memory: Int?
  /// Where to write what does not fit; `TMPDIR` or `/tmp` if nothing.
  public var temporaryFolder: String?

  /// A trainer with these options.
  public init(
    goal: Goal, minimumFrequency: Int = 0, maximumTokenLength: Int? = nil,
    ties: TieRule = .huggingface, specialTokens: [String] = [], base: Tokenizer? = nil,
    memory: Int? = nil, temporaryFolder: String? = nil
  ) {
    self.goal = goal
    self.minimumFrequency = minimumFrequency
    self.maximumTokenLength = maximumTokenLength
    self.ties = ties
    self.specialTokens = specialTokens
    self.base = base
    self.memory = memory
    self.temporaryFolder = temporaryFolder
  }

  /// By what the level of `PairCounts` is divided when it is lowered; tests change it.
  package var levelStep = 16

  /// Learns from `counts`.
  ///
  /// - Parameter progress: Called after each merge with the number of merges so far and the number
  ///   asked for; returning false ends training with an error.
  /// - Complexity: O(n log n) for n bytes of distinct pre-tokens: each merge costs as much as its pair
  ///   has occurrences, not as much as the corpus.
  public func train(
    _ counts: borrowing PreTokenCounts,
    progress: (_ done: Int, _ asked: Int) -> Bool = { _, _ in true }
  ) throws(TrainingError) -> Result {
    let start = try TrainingStart(self)
    var builder = start.makeRows()
    try counts.forEach { (preToken, count, first) throws(TrainingError) in
      try builder.append(preToken, count: count, first: first)
    }
    return try learn(start, &builder, progress)
  }

  /// Learns from a corpus, which is used up: the memory of its counts is given back before learning begins.
  ///
  /// Otherwise as above.
  public func train(
    _ corpus: CountedCorpus, progress: (_ done: Int, _ asked: Int) -> Bool = { _, _ in true }
  ) throws(TrainingError) -> Result {
    let start = try TrainingStart(self)
    var builder = start.makeRows()
    try corpus.forEach { (preToken, count, first) throws(TrainingError) in
      try builder.append(preToken, count: count, first: first)
    }
    corpus.discard()
    return try learn(start, &builder, progress)
  }

  private func learn(
    _ start: TrainingStart, _ builder: inout TrainingRowsBuilder,
    _ progress: (_ done: Int, _ asked: Int) -> Bool
  ) throws(TrainingError) -> Result {
    guard builder.weight > 0 else { throw .emptyCorpus }
    let byteCount = builder.weight
    let initialTokenCount = builder.tokenCount
    let (rows, spilled) = try builder.finish()
    var state = PairCounts(
      rows, spilled, start.tokens, ties: ties, longestToken: maximumTokenLength ?? .max,
      floor: max(1, minimumFrequency), levelStep: levelStep)
    var merges: [(left: UInt32, right: UInt32)] = []
    var counts: [Int] = []
    var tokenCount = initialTokenCount
    var stopReason = StopReason.goalReached
    while merges.count < start.mergeCount {
      guard let best = try state.popMostFrequent() else {
        stopReason = try state.hasPairLeft() ? .belowMinimumFrequency : .noPairLeft
        break
      }
      tokenCount -= state.merge(best)
      merges.append((best.left, best.right))
      counts.append(best.count)
      if !progress(merges.count, start.mergeCount) { throw .cancelled }
    }
    return try start.result(
      merges, counts: counts, stopReason, byteCount: byteCount,
      tokenCounts: (initialTokenCount, tokenCount))
  }
}
