/// Learns merges from counted pre-tokens: the pair that occurs most becomes a token, again and again.
///
/// The rule is that of Hugging Face's byte-level `BpeTrainer`, byte for byte: 256 byte tokens in GPT-2's
/// order; then always the pair with the highest count, overlapping windows counted ("aaa" holds (a, a)
/// twice), each distinct pre-token counted once times its frequency; of equal counts the smallest
/// (left id, right id); replaced from left to right without overlap. It stops at the size asked for, or
/// when the best count falls below max(1, minimum frequency). The slow, obvious form is `NaiveTrainer`
/// in the tests' support.
public struct BPETrainer: Sendable {
  /// When enough has been learnt.
  public enum Goal: Hashable, Sendable {
    /// This many merges.
    case merges(Int)
    /// A vocabulary of this many tokens: bytes, merges and special tokens.
    case vocabularySize(Int)
  }

  /// Why training ended.
  public enum StopReason: String, Hashable, Sendable {
    /// What was asked for was reached.
    case goalReached
    /// No pair is left: every pre-token is one token.
    case noPairLeft
    /// Every pair left occurs less often than the minimum frequency.
    case belowMinimumFrequency
  }

  /// What was learnt.
  public struct Result: Sendable {
    /// The merges in the order in which they were learnt; ids in GPT-2's layout, merges from 256.
    public let merges: [BPEModel.Merge]
    /// How often each merge's pair occurred when it was chosen.
    public let counts: [Int]
    /// Why it ended.
    public let stopReason: StopReason
    /// The vocabulary: bytes, merges, then the special tokens.
    public let vocabulary: Vocabulary
    /// The special tokens with the ids that follow the last merge's.
    public let specialTokens: SpecialTokens
  }

  /// When enough has been learnt.
  public var goal: Goal
  /// Pairs that occur less often are not merged; 0 and 1 mean the same.
  public var minimumFrequency: Int
  /// Texts of special tokens: they get the last ids, in this order.
  public var specialTokens: [String]

  /// A trainer with these options.
  public init(goal: Goal, minimumFrequency: Int = 0, specialTokens: [String] = []) {
    self.goal = goal
    self.minimumFrequency = minimumFrequency
    self.specialTokens = specialTokens
  }

  /// Learns from `counts`.
  ///
  /// - Parameter progress: Called after each merge with the number of merges so far and the number
  ///   asked for; returning false ends training with an error.
  /// - Complexity: O(n log n) for n bytes of distinct pre-tokens: each merge costs as much as its pair
  ///   has occurrences, not as much as the corpus.
  public func train(
    _ counts: PreTokenCounts, progress: (_ done: Int, _ asked: Int) -> Bool = { _, _ in true }
  ) throws(TrainingError) -> Result {
    let mergeCount = try askedMergeCount()
    guard counts.totalCount > 0 else { throw .emptyCorpus }
    var state = try PairCounts(counts)
    var merges: [BPEModel.Merge] = []
    var chosenCounts: [Int] = []
    var stopReason = StopReason.goalReached
    while merges.count < mergeCount {
      guard let best = state.popMostFrequent() else {
        stopReason = .noPairLeft
        break
      }
      if best.count < minimumFrequency {
        stopReason = .belowMinimumFrequency
        break
      }
      let merged = UInt32(256 + merges.count)
      state.merge(best, into: merged)
      merges.append(
        BPEModel.Merge(
          left: TokenID(best.left), right: TokenID(best.right), merged: TokenID(merged)))
      chosenCounts.append(best.count)
      if !progress(merges.count, mergeCount) { throw .cancelled }
    }
    let (vocabulary, special) = try makeVocabulary(merges)
    return Result(
      merges: merges, counts: chosenCounts, stopReason: stopReason, vocabulary: vocabulary,
      specialTokens: special)
  }

  private func askedMergeCount() throws(TrainingError) -> Int {
    switch goal {
    case .merges(let count):
      guard count >= 0 else { throw .negativeMergeCount(count) }
      return min(count, Int(UInt32.max) - 256 - specialTokens.count)
    case .vocabularySize(let size):
      let least = 256 + specialTokens.count
      guard size >= least else { throw .vocabularySizeTooSmall(size, least: least) }
      return min(size, Int(UInt32.max)) - least
    }
  }

  private func makeVocabulary(
    _ merges: [BPEModel.Merge]
  ) throws(TrainingError) -> (Vocabulary, SpecialTokens) {
    var tokens = ByteAlphabet.bytesInOrder.map { [$0] }
    for merge in merges {
      tokens.append(tokens[Int(merge.left.rawValue)] + tokens[Int(merge.right.rawValue)])
    }
    var entries: [SpecialTokens.Entry] = []
    for text in specialTokens {
      entries.append(.init(text: text, id: TokenID(UInt32(tokens.count))))
      tokens.append(Array(text.utf8))
    }
    do {
      let vocabulary = try Vocabulary(
        tokens.enumerated().map { (bytes: $1, id: TokenID(UInt32($0))) })
      return (vocabulary, SpecialTokens(entries))
    } catch {
      // Merges never make a token twice; a special token may spell one that they make.
      throw .unusableSpecialTokens(error)
    }
  }
}

/// Why a vocabulary could not be trained.
public enum TrainingError: Error, Hashable, Sendable {
  /// The corpus holds no text.
  case emptyCorpus
  /// A number of merges below zero.
  case negativeMergeCount(Int)
  /// A vocabulary of this size has no room for bytes and special tokens.
  case vocabularySizeTooSmall(Int, least: Int)
  /// A special token is empty, given twice, or spells a token that was learnt.
  case unusableSpecialTokens(VocabularyError)
  /// The distinct pre-tokens take more than 4 GiB.
  case tooManyDistinctPreTokens
  /// The text could not be read as asked.
  case text(TokenizerError)
  /// The caller ended it.
  case cancelled
}

extension TrainingError: CustomStringConvertible {
  /// One sentence: what was met, what to try.
  public var description: String {
    switch self {
    case .emptyCorpus: "the corpus holds no text to learn from"
    case .negativeMergeCount(let count): "\(count) merges cannot be learnt; give 0 or more"
    case .vocabularySizeTooSmall(let size, let least):
      "a vocabulary of \(size) has no room for 256 bytes and the special tokens; give at least \(least)"
    case .unusableSpecialTokens(let error): "the special tokens do not fit the vocabulary: \(error)"
    case .tooManyDistinctPreTokens: "the distinct pre-tokens of the corpus take more than 4 GiB"
    case .text(let error): error.description
    case .cancelled: "training was ended before it was done"
    }
  }
}
