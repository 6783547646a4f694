/// Collects the characters or the words of texts, for tokenizers that are fitted and not trained.
public struct VocabularyFitting: Sendable {
  private var seen: Set<[UInt8]> = []

  /// Nothing seen yet.
  public init() {}

  /// How many different characters or words have been seen.
  public var distinctCount: Int { seen.count }

  /// Adds the characters of valid UTF-8. O(n).
  ///
  /// - Throws: `TokenizerError.invalidUTF8` with an offset; `.segmentation` if ICU fails.
  public mutating func addCharacters(
    of text: Span<UInt8>, unit: CharacterModel.Unit
  ) throws(TokenizerError) {
    try check(text)
    var start = 0
    switch unit {
    case .scalar:
      var scalars = [Bool](repeating: false, count: 0x110000)
      while start < text.count {
        let sequence = text.utf8Sequence(at: start)
        if !scalars[Int(sequence.scalar)] {
          scalars[Int(sequence.scalar)] = true
          seen.insert(text.array(in: start..<start + sequence.length))
        }
        start += sequence.length
      }
    case .grapheme:
      var ends: [Int] = []
      do {
        try ICUText.appendGraphemeEnds(of: text, to: &ends)
      } catch {
        throw .segmentation(error)
      }
      for end in ends {
        seen.insert(text.array(in: start..<end))
        start = end
      }
    }
  }

  /// Adds the words of valid UTF-8. O(n).
  ///
  /// - Throws: `TokenizerError.invalidUTF8` with an offset.
  public mutating func addWords(
    of text: Span<UInt8>, splitter: WordModel.Splitter, lowercases: Bool
  ) throws(TokenizerError) {
    try check(text)
    var words = seen
    seen = []
    try WordModel.forEachWord(in: text, splitter) { range in
      words.insert(
        lowercases
          ? Array(text.string(in: range).lowercased().utf8) : text.array(in: range))
    }
    seen = words
  }

  private func check(_ text: Span<UInt8>) throws(TokenizerError) {
    if let bad = UTF8Validation.firstInvalidSequence(in: text) {
      throw .invalidUTF8(offset: bad.lowerBound)
    }
  }

  /// What was seen, sorted by bytes, which is by code points, then the special tokens.
  ///
  /// - Throws: `VocabularyError` if a special token is empty, given twice, or was seen in the texts.
  public func vocabulary(
    specialTokens: [String] = []
  ) throws(VocabularyError) -> (vocabulary: Vocabulary, specialTokens: SpecialTokens) {
    var tokens = seen.sorted { $0.lexicographicallyPrecedes($1) }
    var entries: [SpecialTokens.Entry] = []
    for text in specialTokens {
      // A text that spells a special token has not made it an ordinary one.
      tokens.removeAll { $0.elementsEqual(text.utf8) }
    }
    for text in specialTokens {
      entries.append(.init(text: text, id: TokenID(UInt32(tokens.count))))
      tokens.append(Array(text.utf8))
    }
    let vocabulary = try Vocabulary(
      tokens.enumerated().map { (bytes: $1, id: TokenID(UInt32($0))) })
    return (vocabulary, SpecialTokens(entries))
  }
}
