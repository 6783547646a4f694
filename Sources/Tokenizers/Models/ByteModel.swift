/// One token a byte: 256 tokens, each with its byte's value as id.
public struct ByteModel: TokenModel {
  /// The 256 bytes, and special tokens from 256 on.
  public let vocabulary: Vocabulary

  /// Bytes with special tokens, whose ids follow in the order given.
  ///
  /// - Throws: `VocabularyError` if a special token is empty, a single byte, or given twice.
  public init(specialTokens: [String] = []) throws(VocabularyError) {
    var tokens = (UInt8.min...UInt8.max).map { [$0] }
    tokens += specialTokens.map { Array($0.utf8) }
    vocabulary = try Vocabulary(tokens.enumerated().map { ($1, TokenID(UInt32($0))) })
  }

  /// True.
  public var encodesAnyBytes: Bool { true }

  /// Anywhere.
  public var safeCuts: SafeCutRule { .everywhere }

  /// A worker without state.
  public func makeEncoder() -> any TokenEncoder { Encoder() }

  /// A worker that writes each token's byte.
  public func makeDecoder() -> any TokenDecoder { ByteDecoder(vocabulary) }

  private final class Encoder: TokenEncoder {
    func encode(_ text: Span<UInt8>, into ids: inout [TokenID]) throws(TokenizerError) {
      ids.reserveCapacity(ids.count + text.count)
      for position in text.indices { ids.append(TokenID(UInt32(text[position]))) }
    }

    func encode(
      _ bytes: Span<UInt8>, repaired: RepairedText, into ids: inout [TokenID]
    ) throws(TokenizerError) {
      try encode(bytes, into: &ids)
    }
  }
}
