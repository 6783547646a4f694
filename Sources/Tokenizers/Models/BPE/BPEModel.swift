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
  ///
  /// For a model read from a rank table the first access finds them, which takes tens of milliseconds.
  public var merges: [Merge] { lazyMerges.merges }
  /// Whether a pre-token that is a token as a whole is that token, whatever its merges would make
  /// (tiktoken's rule, `ignore_merges` of Hugging Face). It matters only where some token is one that
  /// merging never reaches.
  public var looksUpWholePreTokens: Bool { lazyMerges.looksUpWholePreTokens }
  /// What cuts text into pre-tokens, which no merge crosses.
  public let preTokenizer: any PreTokenizer
  /// Entries that no text gives, whole pre-tokens included.
  let specialIDs: Set<TokenID>
  let lazyMerges: BPEMerges
  var mergeTable: MergeTableStorage { lazyMerges.made.table }
  /// Made when a long pre-token comes.
  let longMergeTables = LongMergeTables()
  /// Made when a caller asks for it.
  let seeds = PreTokenSeeds()

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
    _ = try Self.idOfByte(in: vocabulary)
    if !mergesFit, let rank = Self.firstUnfit(merges, vocabulary) {
      throw .unknownTokenInMerge(rank: rank)
    }
    try self.init(
      vocabulary, .merges(merges), preTokenizer, specialTokens,
      looksUpWholePreTokens: looksUpWholePreTokens, isDeferrable: mergesFit)
  }

  /// The rank of the first merge that does not join the bytes of two tokens to those of a third; nil if there is
  /// none.
  static func firstUnfit(_ merges: [Merge], _ vocabulary: Vocabulary) -> Int? {
    let tokens = vocabulary.tokens
    let bytes = tokens.arena
    let arena = bytes.span
    for (rank, merge) in merges.enumerated() {
      guard let left = tokens.range(of: merge.left),
        let right = tokens.range(of: merge.right),
        let merged = tokens.range(of: merge.merged),
        left.count + right.count == merged.count,
        arena.extracting(left).elementsEqual(
          arena.extracting(merged).extracting(first: left.count)),
        arena.extracting(right).elementsEqual(
          arena.extracting(merged).extracting(last: right.count))
      else { return rank }
    }
    return nil
  }

  /// A model of a rank table, whose merges are not looked for until something needs them.
  ///
  /// A pre-token that is a token as a whole is that token: of tokens that merging makes this is what
  /// merging says.
  init(
    rankTable vocabulary: Vocabulary, preTokenizer: any PreTokenizer, specialTokens: SpecialTokens
  ) throws(VocabularyError) {
    try self.init(
      vocabulary, .positions(except: Set(specialTokens.entries.map(\.id))), preTokenizer,
      specialTokens, looksUpWholePreTokens: true, isDeferrable: true)
  }

  private init(
    _ vocabulary: Vocabulary, _ order: BPEMerges.Order, _ preTokenizer: any PreTokenizer,
    _ specialTokens: SpecialTokens, looksUpWholePreTokens: Bool, isDeferrable: Bool
  ) throws(VocabularyError) {
    self.vocabulary = vocabulary
    self.preTokenizer = preTokenizer
    specialIDs = Set(specialTokens.entries.map(\.id))
    lazyMerges = try BPEMerges(
      order, vocabulary, idOfByte: try Self.idOfByte(in: vocabulary),
      looksUpWholePreTokens: looksUpWholePreTokens, isDeferrable: isDeferrable)
  }

  /// A model whose table of merges was made before; `idOfByte` has the token of each byte.
  init(
    prepared table: MergeTableStorage, _ vocabulary: Vocabulary, idOfByte: [TokenID],
    preTokenizer: any PreTokenizer
  ) {
    self.vocabulary = vocabulary
    self.preTokenizer = preTokenizer
    specialIDs = []
    lazyMerges = BPEMerges(prepared: table, vocabulary, idOfByte: idOfByte)
  }

  /// The token of each byte.
  static func idOfByte(in vocabulary: Vocabulary) throws(VocabularyError) -> [TokenID] {
    var ids: [TokenID] = []
    ids.reserveCapacity(256)
    for byte in UInt8.min...UInt8.max {
      guard let id = vocabulary.id(of: [byte]) else { throw .missingByte(byte) }
      ids.append(id)
    }
    return ids
  }

  /// True: every byte is a token.
  public var encodesAnyBytes: Bool { true }

  /// The split pattern's.
  public var safeCuts: SafeCutRule { preTokenizer.safeCuts }

  /// A worker with its own cache of pre-tokens.
  public func makeEncoder() -> any TokenEncoder { BPEEncoder(self) }

  /// Workers that share one.
  public func makeEncoders(_ count: Int) -> [any TokenEncoder] {
    if count < 1 { return [] }
    let cache = PreTokenCache(hash: preTokenHash, users: count)
    return (0..<count).map { BPEEncoder(self, sharing: cache, as: $0) }
  }

  /// How the caches of this model's engine hash.
  var preTokenHash: PreTokenHash {
    switch preTokenizer {
    case let scanner as MaskScanner: PreTokenHash(scanner.level)
    case let splitter as PatternPreTokenizer: PreTokenHash(splitter.level)
    default: PreTokenHash(nil)
    }
  }

  /// Makes the table of merges, what long pre-tokens need, and what encoders of long texts begin with.
  public func prepare() {
    _ = lazyMerges.made
    WorkerThreads.run(2) { part in
      if part == 0 { longMergeTables.prepare(self) } else { seeds.prepare(self) }
    }
  }

  /// A worker that writes out the bytes of each token.
  public func makeDecoder() -> any TokenDecoder { ByteDecoder(vocabulary) }
}
