/// Byte pair encoding over bytes: a vocabulary, and merges in the order of their ranks.
///
/// Sennrich et al. 2016 ("Neural Machine Translation of Rare Words with Subword Units") for the merges,
/// GPT-2 (Radford et al. 2019) for the byte-level form. A pre-token is encoded by joining, again and
/// again, the leftmost of the adjacent pairs with the lowest rank, until no pair has one.
public struct BPEModel: TokenModel {
  /// An ordered pair of tokens and the token it becomes.
  public struct Merge: Hashable, Sendable {
    /// The token on the left.
    public let left: TokenID
    /// The token on the right.
    public let right: TokenID
    /// The token whose bytes are those of both.
    public let merged: TokenID

    /// `left` and `right` become `merged`.
    public init(left: TokenID, right: TokenID, merged: TokenID) {
      self.left = left
      self.right = right
      self.merged = merged
    }
  }

  /// All tokens with their ids, special tokens included.
  public let vocabulary: Vocabulary
  /// The merges in the order of their ranks, rank 0 first.
  public let merges: [Merge]
  /// Whether a pre-token that is a token as a whole is that token, whatever its merges would make
  /// (tiktoken's rule, `ignore_merges` of Hugging Face). It matters only where some token is one that
  /// merging never reaches.
  public let looksUpWholePreTokens: Bool
  /// What cuts text into pre-tokens, which no merge crosses.
  public let preTokenizer: any PreTokenizer
  /// Entries that no text gives, whole pre-tokens included.
  let specialIDs: Set<TokenID>
  let mergeTable: MergeTableStorage
  /// Made when a long pre-token comes.
  let longMergeTables = LongMergeTables()

  /// Checks that the parts fit together: all 256 bytes are tokens, and every merge joins two tokens
  /// into a third whose bytes are theirs.
  ///
  /// - Complexity: O(n) in the size of the vocabulary.
  public init(
    vocabulary: Vocabulary, merges: [Merge], preTokenizer: any PreTokenizer,
    specialTokens: SpecialTokens = SpecialTokens(), looksUpWholePreTokens: Bool = false
  ) throws(VocabularyError) {
    try self.init(
      vocabulary: vocabulary, merges: merges, preTokenizer: preTokenizer,
      specialTokens: specialTokens, looksUpWholePreTokens: looksUpWholePreTokens, mergesFit: false)
  }

  /// As above, without looking at bytes again where a reader has.
  ///
  /// - Parameter mergesFit: Each merge is known to join two tokens into a third whose bytes are theirs.
  init(
    vocabulary: Vocabulary, merges: [Merge], preTokenizer: any PreTokenizer,
    specialTokens: SpecialTokens, looksUpWholePreTokens: Bool, mergesFit: Bool
  ) throws(VocabularyError) {
    var idOfByte: [TokenID] = []
    for byte in UInt8.min...UInt8.max {
      guard let id = vocabulary.id(of: [byte]) else { throw .missingByte(byte) }
      idOfByte.append(id)
    }
    let arena = vocabulary.arena.span
    for (rank, merge) in (mergesFit ? [] : merges).enumerated() {
      guard let left = vocabulary.range(of: merge.left),
        let right = vocabulary.range(of: merge.right),
        let merged = vocabulary.range(of: merge.merged),
        left.count + right.count == merged.count,
        arena.extracting(left).elementsEqual(
          arena.extracting(merged).extracting(first: left.count)),
        arena.extracting(right).elementsEqual(
          arena.extracting(merged).extracting(last: right.count))
      else { throw .unknownTokenInMerge(rank: rank) }
    }
    self.vocabulary = vocabulary
    self.merges = merges
    self.preTokenizer = preTokenizer
    self.looksUpWholePreTokens = looksUpWholePreTokens
    specialIDs = Set(specialTokens.entries.map(\.id))
    mergeTable = try MergeTableStorage(merges, idOfByte: idOfByte)
  }

  /// True: every byte is a token.
  public var encodesAnyBytes: Bool { true }

  /// The split pattern's.
  public var safeCuts: SafeCutRule { preTokenizer.safeCuts }

  /// A worker with its own cache of pre-tokens.
  public func makeEncoder() -> any TokenEncoder { BPEEncoder(self) }

  /// A worker that writes out the bytes of each token.
  public func makeDecoder() -> any TokenDecoder { ByteDecoder(vocabulary) }
}
