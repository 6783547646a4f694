/// How far one tokenizer shortens one text.
public struct CompressionReport: Hashable, Sendable {
  /// Tokens of its vocabulary.
  public let vocabularySize: Int
  /// Tokens of the text.
  public let tokenCount: Int
  /// The text.
  public let text: TextStatistics

  /// A tokenizer of this size that makes so many tokens of `text`.
  public init(vocabularySize: Int, tokenCount: Int, text: TextStatistics) {
    self.vocabularySize = vocabularySize
    self.tokenCount = tokenCount
    self.text = text
  }

  /// Bytes that a token stands for, on average; nothing for an empty text.
  public var bytesPerToken: Double? { Self.ratio(text.byteCount, tokenCount) }
  /// Characters that a token stands for.
  public var charactersPerToken: Double? { Self.ratio(text.characterCount, tokenCount) }
  /// Tokens that a word takes (fertility).
  public var tokensPerWord: Double? { Self.ratio(tokenCount, text.wordCount) }
  /// How many times fewer tokens than characters there are: tokens by characters ÷ its tokens.
  public var compression: Double? { charactersPerToken }

  private static func ratio(_ part: Int, _ whole: Int) -> Double? {
    whole == 0 ? nil : Double(part) / Double(whole)
  }
}
