/// What a vocabulary holds.
public struct VocabularyReport: Sendable {
  /// All tokens, special ones included.
  public let size: Int
  /// Tokens of one byte.
  public let byteCount: Int
  /// Tokens of more bytes, made by merges or fitted.
  public let longerCount: Int
  /// Special tokens.
  public let specialCount: Int
  /// The largest id.
  public let largestID: TokenID?
  /// Ids below the largest that no token has.
  public let holeCount: Int
  /// Tokens that are a space and more.
  public let spaceInitialCount: Int
  /// Tokens that are not valid UTF-8 by themselves: parts of characters.
  public let partialCount: Int
  /// Bytes of a token on average, special ones left out.
  public let meanLength: Double
  /// The longest tokens, longest first; of equal length the smaller id first.
  public let longest: [TokenID]

  /// Looks at every token. O(n log n).
  public init(of tokenizer: Tokenizer, longest count: Int = 10) {
    let vocabulary = tokenizer.vocabulary
    let special = Set(tokenizer.specialTokens.entries.map(\.id))
    var lengths: [(id: TokenID, length: Int)] = []
    var (single, spaces, partial, total) = (0, 0, 0, 0)
    for id in vocabulary.tokenIDs where !special.contains(id) {
      let bytes = vocabulary.bytes(of: id) ?? []
      lengths.append((id, bytes.count))
      total += bytes.count
      if bytes.count == 1 { single += 1 }
      if bytes.count > 1, bytes[0] == 0x20 { spaces += 1 }
      if !UTF8Validation.isValid(bytes.span) { partial += 1 }
    }
    size = vocabulary.count
    byteCount = single
    longerCount = lengths.count - single
    specialCount = special.count
    largestID = vocabulary.largestID
    holeCount = vocabulary.largestID.map { Int($0.rawValue) + 1 - vocabulary.count } ?? 0
    spaceInitialCount = spaces
    partialCount = partial
    meanLength = lengths.isEmpty ? 0 : Double(total) / Double(lengths.count)
    lengths.sort { $0.length != $1.length ? $0.length > $1.length : $0.id < $1.id }
    longest = lengths.prefix(count).map(\.id)
  }
}

extension BPEModel {
  /// The merges that build a token, each once, in the order of their ranks; none for a single byte and for
  /// what no merge makes.
  ///
  /// - Complexity: O(n) in the number of merges.
  public func derivation(of id: TokenID) -> [(rank: Int, merge: Merge)] {
    var steps: [(rank: Int, merge: Merge)] = []
    var wanted: Set<TokenID> = [id]
    // A merge's parts are made before it: from the last merge to the first, all wanted ones are met.
    for rank in merges.indices.reversed() where wanted.remove(merges[rank].merged) != nil {
      steps.append((rank, merges[rank]))
      wanted.insert(merges[rank].left)
      wanted.insert(merges[rank].right)
    }
    return steps.reversed()
  }
}

extension Tokenizer {
  /// Tokens of a BPE vocabulary that no text gives, special ones left out: merging their own bytes does
  /// not make them. Empty for other models.
  ///
  /// What merges make of the bytes of a token does not depend on what stands around them as long as none
  /// of them crosses their ends, so a token that its own bytes do not give is given by none. Whether the
  /// split pattern ever leaves a token's bytes together is not looked at.
  ///
  /// - Complexity: O(n log n) in the bytes of all tokens.
  public func unreachableTokens() -> [TokenID] {
    // A token that whole pre-tokens are looked up as can be made, if there is such a pre-token.
    guard let model = model as? BPEModel, !model.looksUpWholePreTokens else { return [] }
    var merger = BPEMerger(model)
    var unreachable: [TokenID] = []
    var ids: [TokenID] = []
    for id in vocabulary.tokenIDs where !specialTokens.contains(id) {
      guard let bytes = vocabulary.bytes(of: id), bytes.count > 1 else { continue }
      ids.removeAll(keepingCapacity: true)
      merger.merge(bytes.span, into: &ids)
      if ids != [id] { unreachable.append(id) }
    }
    return unreachable
  }
}
