internal import Synchronization

/// The tokens of a tokenizer with their ids: bytes of an id, id of bytes. Special tokens are entries too.
///
/// Ids may have holes, and may be any 32-bit number without costing memory for it.
public struct Vocabulary: Sendable {
  /// Number of tokens, special tokens included.
  public let count: Int
  /// The largest id, or nothing for an empty vocabulary. With holes it is not `count - 1`.
  public let largestID: TokenID?
  private let source: Source

  private enum Source: Sendable {
    case made(TokenList)
    case later(TokenListLater)
  }

  /// Collects tokens under their ids.
  ///
  /// - Parameter tokens: Bytes and id of each token, in any order.
  /// - Throws: `VocabularyError` if two tokens share an id or their bytes, or one is empty.
  /// - Complexity: O(n log n) in the number of tokens, and linear in their bytes.
  public init(_ tokens: [(bytes: [UInt8], id: TokenID)]) throws(VocabularyError) {
    let sorted = tokens.sorted { $0.id < $1.id }
    var arena: [UInt8] = []
    arena.reserveCapacity(sorted.reduce(0) { $0 + $1.bytes.count })
    var offsets: [UInt32] = [0]
    offsets.reserveCapacity(sorted.count + 1)
    for token in sorted {
      arena += token.bytes
      guard let end = UInt32(exactly: arena.count) else { throw .tooLarge }
      offsets.append(end)
    }
    try self.init(arena: arena, offsets: offsets, ids: sorted.map(\.id.rawValue))
  }

  /// Takes tokens whose bytes lie anywhere in `arena`, ids ascending.
  init(arena: [UInt8], ranges: [Range<Int>], ids: [UInt32]) throws(VocabularyError) {
    guard UInt32(exactly: arena.count) != nil else { throw .tooLarge }
    var ordered: [UInt8] = []
    var offsets: [UInt32] = [0]
    offsets.reserveCapacity(ids.count + 1)
    var end = 0
    for range in ranges {
      if range.lowerBound != end || !ordered.isEmpty {
        // Not in the order of the ids: copied together.
        if ordered.isEmpty { ordered = Array(arena[..<end]) }
        ordered += arena[range]
      }
      end += range.count
      offsets.append(UInt32(end))
    }
    try self.init(arena: ordered.isEmpty ? arena : ordered, offsets: offsets, ids: ids)
  }

  /// The same vocabulary with other bytes for some of its tokens.
  func replacing(_ entries: [SpecialTokens.Entry]) throws(VocabularyError) -> Vocabulary {
    var texts: [TokenID: [UInt8]] = [:]
    for entry in entries { texts[entry.id] = Array(entry.text.utf8) }
    return try Vocabulary(tokenIDs.map { (texts[$0] ?? bytes(of: $0) ?? [], $0) })
  }

  /// Takes tokens that already lie in the order of their ids.
  init(arena: [UInt8], offsets: [UInt32], ids: [UInt32]) throws(VocabularyError) {
    count = ids.count
    largestID = ids.last.map { TokenID($0) }
    source = .made(try TokenList(arena: arena, offsets: offsets, ids: ids))
  }

  /// Tokens that are made when someone asks for one: encoding does not.
  ///
  /// - Parameters:
  ///   - known: Some of them that are there.
  ///   - make: Gives `count` tokens of which the last has `largestID`; may be called more than once, by
  ///     threads that come at the same time.
  init(
    count: Int, largestID: TokenID?, known: TokenList, make: @escaping @Sendable () -> TokenList
  ) {
    self.count = count
    self.largestID = largestID
    source = .later(TokenListLater(known, make))
  }

  /// The tokens. Loops over many of them keep it: it is there for certain then.
  @inline(__always)
  var tokens: TokenList {
    switch source {
    case .made(let list): list
    case .later(let later): later.made
    }
  }

  /// Bytes of all tokens, one after another, in ascending order of id.
  var arena: [UInt8] { tokens.arena }

  /// All ids in ascending order.
  public var tokenIDs: [TokenID] { tokens.ids.map { TokenID($0) } }

  /// The bytes of the token with this id, or nothing if there is none.
  public func bytes(of id: TokenID) -> [UInt8]? {
    if case .later(let later) = source, let bytes = later.known.bytes(of: id) { return bytes }
    return tokens.bytes(of: id)
  }

  /// The id of the token with exactly these bytes, or nothing if there is none. O(length).
  public func id(of bytes: [UInt8]) -> TokenID? { id(of: bytes.span) }

  /// The id of the token with exactly these bytes, or nothing if there is none. O(length).
  public func id(of bytes: Span<UInt8>) -> TokenID? {
    let tokens = tokens
    return tokens.position(of: bytes).map { TokenID(tokens.ids[$0]) }
  }
}

/// Tokens that are made when someone asks.
private final class TokenListLater: Sendable {
  private let list = AtomicLazyReference<TokenList>()
  private let make: @Sendable () -> TokenList
  /// Those of which it is known beforehand.
  let known: TokenList

  init(_ known: TokenList, _ make: @escaping @Sendable () -> TokenList) {
    self.known = known
    self.make = make
  }

  var made: TokenList { list.load() ?? list.storeIfNil(make()) }
}

/// Why tokens do not make a vocabulary.
public enum VocabularyError: Error, Hashable, Sendable {
  /// Two tokens have this id.
  case duplicateID(TokenID)
  /// Two ids have these bytes.
  case duplicateToken([UInt8], TokenID, TokenID)
  /// The token with this id has no bytes.
  case emptyToken(TokenID)
  /// No token stands for this byte alone, so that not every text could be encoded.
  case missingByte(UInt8)
  /// The tokens take more than 4 GiB.
  case tooLarge
  /// A merge names a token, or makes one, that is not in the vocabulary: its rank.
  case unknownTokenInMerge(rank: Int)
  /// The same pair stands twice among the merges: the rank of the second.
  case duplicateMerge(rank: Int)
  /// More merges, or tokens in merges, than 2,097,150, which is what fits in the table of merges.
  case tooManyMerges
}

extension VocabularyError: CustomStringConvertible {
  /// One sentence that says what does not fit.
  public var description: String {
    switch self {
    case .duplicateID(let id): "id \(id) is given to two tokens"
    case .duplicateToken(let bytes, let first, let second):
      "ids \(first) and \(second) are both '\(ByteAlphabet.spelling(of: bytes))'"
    case .emptyToken(let id): "the token with id \(id) is empty"
    case .missingByte(let byte): "no token stands for byte \(byte) alone"
    case .tooLarge: "the tokens take more than 4 GiB"
    case .unknownTokenInMerge(let rank):
      "merge \(rank) names a token, or makes one, that the vocabulary does not hold"
    case .duplicateMerge(let rank): "merge \(rank) repeats an earlier pair"
    case .tooManyMerges: "there are more than 2,097,150 merges, or tokens in them"
    }
  }
}
