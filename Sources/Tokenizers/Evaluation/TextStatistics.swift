/// Sizes of a text, against which tokenizers are measured.
public struct TextStatistics: Hashable, Sendable {
  /// Its length in bytes.
  public let byteCount: Int
  /// Its Unicode scalars.
  public let characterCount: Int
  /// Stretches without white space.
  public let wordCount: Int
  /// Different scalars.
  public let distinctCharacterCount: Int
  /// Different words.
  public let distinctWordCount: Int

  /// Measures valid UTF-8. O(n).
  ///
  /// - Parameters:
  ///   - text: The text.
  ///   - byteCount: How many bytes to say it has, where bad ones were replaced.
  public init(of text: Span<UInt8>, byteCount: Int? = nil) throws(TokenizerError) {
    var characters = 0
    for position in text.indices where text[position] & 0xC0 != 0x80 { characters += 1 }
    var words = 0
    try WordModel.forEachWord(in: text, .whitespace) { (_) throws(TokenizerError) in words += 1 }
    self.byteCount = byteCount ?? text.count
    characterCount = characters
    wordCount = words
    var fitting = VocabularyFitting()
    try fitting.addCharacters(of: text, unit: .scalar)
    distinctCharacterCount = fitting.distinctCount
    fitting = VocabularyFitting()
    try fitting.addWords(of: text, splitter: .whitespace, lowercases: false)
    distinctWordCount = fitting.distinctCount
  }
}
