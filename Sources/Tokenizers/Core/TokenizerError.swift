/// Why text could not be encoded or ids could not be decoded.
public enum TokenizerError: Error, Hashable, Sendable {
  /// The text is not UTF-8 at this byte offset, and the policy or the model refuses that.
  case invalidUTF8(offset: Int)
  /// A character that the vocabulary does not hold, at this byte offset; the model has no unknown token.
  case unknownCharacter(String, offset: Int)
  /// A word that the vocabulary does not hold, at this byte offset; the model has no unknown token.
  case unknownWord(String, offset: Int)
  /// Text that spells a special token, at this byte offset, where the policy refuses it.
  case specialTokenInText(String, offset: Int)
  /// An id that no token of the vocabulary has, at this index of the ids.
  case unknownTokenID(TokenID, index: Int)
  /// The text could not be split.
  case preTokenization(PreTokenizationError)
  /// Grapheme clusters could not be found.
  case segmentation(TextSegmentationError)
  /// The tokenizer has no special token of this name.
  case noSuchSpecialToken(String)
}

extension TokenizerError: CustomStringConvertible {
  /// One sentence: where, what was met, what to try.
  public var description: String {
    switch self {
    case .invalidUTF8(let offset):
      "the text is not valid UTF-8 at byte \(offset)"
    case .unknownCharacter(let character, let offset):
      "the character \(Self.quoted(character)) at byte \(offset) is not in the vocabulary, which has no"
        + " <unk> token; fit the vocabulary to this text or give it one"
    case .unknownWord(let word, let offset):
      "the word \(Self.quoted(word)) at byte \(offset) is not in the vocabulary, which has no unknown token"
    case .specialTokenInText(let token, let offset):
      "the text spells the special token \(token) at byte \(offset), which the policy refuses;"
        + " encode it as text, or allow special tokens if the text is trusted"
    case .unknownTokenID(let id, let index):
      "id \(id) at position \(index) is not in the vocabulary"
    case .preTokenization(let error):
      error.description
    case .segmentation(.failed(let name)):
      "ICU could not find the characters of the text: \(name)"
    case .noSuchSpecialToken(let name):
      "the vocabulary has no special token \(name)"
    }
  }

  /// `text` between quotes with its code points, so that an invisible character can be told.
  static func quoted(_ text: String) -> String {
    let points = text.unicodeScalars.prefix(4).map { scalar in
      let digits = String(scalar.value, radix: 16, uppercase: true)
      return "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
    return
      "'\(text)' (\(points.joined(separator: " "))\(text.unicodeScalars.count > 4 ? " …" : ""))"
  }
}

extension PreTokenizationError: CustomStringConvertible {
  /// One sentence: where, and the engine's own message.
  public var description: String {
    switch self {
    case .badPattern(let message, let offset):
      "the regular expression is not valid at offset \(offset): \(message)"
    case .matchFailed(let message, let offset):
      "the regular expression could not be matched at byte \(offset): \(message)"
    case .engine(let error):
      error.description
    }
  }
}
