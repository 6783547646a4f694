/// Whole words of the corpus it was fitted to, numbered in the order of their bytes.
///
/// Encoding drops the white space between words, so decoding gives the text back only as far as single
/// spaces do: the simple tokenizers of textbooks (the punctuation one follows Raschka, *Build a Large
/// Language Model*, chapter 2).
public struct WordModel: TokenModel {
  /// What a word is, and how words are put together again.
  public enum Splitter: String, CaseIterable, Hashable, Sendable {
    /// What stands between white space; joined by single spaces.
    case whitespace
    /// As well: each of `, . : ; ? _ ! " ( ) '` and `--` is a word. Joined by single spaces, with none
    /// before `, . : ; ? ! " ( ) '`.
    case punctuation
  }

  /// The words, then the special tokens.
  public let vocabulary: Vocabulary
  /// What a word is.
  public let splitter: Splitter
  /// Whether words are lower-cased, each by itself, by the standard library's mapping.
  public let lowercases: Bool
  /// The token for words that the vocabulary does not hold; without one they are an error.
  public let unknown: TokenID?
  private let specialTokens: SpecialTokens

  /// A model over this vocabulary; `<|unk|>` or `<unk>` among the special tokens stands for unknown words.
  public init(
    vocabulary: Vocabulary, splitter: Splitter, lowercases: Bool, specialTokens: SpecialTokens
  ) {
    self.vocabulary = vocabulary
    self.splitter = splitter
    self.lowercases = lowercases
    self.specialTokens = specialTokens
    unknown = specialTokens["<|unk|>"] ?? specialTokens["<unk>"]
  }

  /// False: text must be valid UTF-8.
  public var encodesAnyBytes: Bool { false }

  /// Before white space after a word.
  public var safeCuts: SafeCutRule { .whiteSpace(lineEnds: .afterVisible) }

  /// A worker without state.
  public func makeEncoder() -> any TokenEncoder { Encoder(self) }

  /// A worker that puts spaces between words.
  public func makeDecoder() -> any TokenDecoder { WordDecoder(vocabulary, splitter) }

  /// Calls `body` with the range of each word of valid UTF-8, in order. Complexity: O(n).
  static func forEachWord(
    in text: Span<UInt8>, _ splitter: Splitter, _ body: (Range<Int>) throws(TokenizerError) -> Void
  ) throws(TokenizerError) {
    var start = 0
    var position = 0
    while position < text.count {
      let sequence = text.utf8Sequence(at: position)
      var separator = 0
      if ScalarClass(sequence.scalar).isWhiteSpace {
        separator = -1
      } else if splitter == .punctuation {
        separator = punctuationLength(text, position)
      }
      if separator == 0 {
        position += sequence.length
        continue
      }
      if start < position { try body(start..<position) }
      if separator > 0 { try body(position..<position + separator) }
      position += separator > 0 ? separator : sequence.length
      start = position
    }
    if start < position { try body(start..<position) }
  }

  /// Length of the punctuation word at a position, 0 if there is none.
  private static func punctuationLength(_ text: Span<UInt8>, _ position: Int) -> Int {
    switch text[position] {
    case UInt8(ascii: ","), UInt8(ascii: "."), UInt8(ascii: ":"), UInt8(ascii: ";"),
      UInt8(ascii: "?"), UInt8(ascii: "_"), UInt8(ascii: "!"), UInt8(ascii: "\""),
      UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "'"):
      return 1
    case UInt8(ascii: "-"):
      return position + 1 < text.count && text[position + 1] == UInt8(ascii: "-") ? 2 : 0
    default:
      return 0
    }
  }

  private final class Encoder: TokenEncoder {
    private let model: WordModel

    init(_ model: WordModel) { self.model = model }

    func encode(_ text: Span<UInt8>, into ids: inout [TokenID]) throws(TokenizerError) {
      let countBefore = ids.count
      do {
        try encodeWords(text, into: &ids)
      } catch {
        ids.removeSubrange(countBefore...)
        throw error
      }
    }

    func encode(
      _ bytes: Span<UInt8>, repaired: RepairedText, into ids: inout [TokenID]
    ) throws(TokenizerError) {
      try encode(repaired.bytes.span, into: &ids)
    }

    private func encodeWords(_ text: Span<UInt8>, into ids: inout [TokenID]) throws(TokenizerError)
    {
      let model = model
      try WordModel.forEachWord(in: text, model.splitter) { (range) throws(TokenizerError) in
        let id =
          model.lowercases
          ? model.vocabulary.id(of: Array(text.string(in: range).lowercased().utf8))
          : model.vocabulary.id(of: text.extracting(range))
        // A word that happens to spell a special token is a word all the same.
        if let id, !model.specialTokens.contains(id) {
          ids.append(id)
        } else if let unknown = model.unknown {
          ids.append(unknown)
        } else {
          throw .unknownWord(text.string(in: range), offset: range.lowerBound)
        }
      }
    }
  }
}

/// Joins words by spaces; knows from one call to the next whether a word came before.
final class WordDecoder: TokenDecoder {
  private let tokens: TokenList
  private let splitter: WordModel.Splitter
  private var isFirst = true

  init(_ vocabulary: Vocabulary, _ splitter: WordModel.Splitter) {
    tokens = vocabulary.tokens
    self.splitter = splitter
  }

  func decode(
    _ ids: Span<TokenID>, skipping skipped: SpecialTokens?, into bytes: inout [UInt8]
  ) throws(TokenizerError) {
    for index in ids.indices {
      let id = ids[index]
      guard let range = tokens.range(of: id) else {
        throw .unknownTokenID(id, index: index)
      }
      if let skipped, skipped.contains(id) { continue }
      let word = tokens.arena[range]
      if !isFirst, !closesUp(word) { bytes.append(UInt8(ascii: " ")) }
      bytes.append(contentsOf: word)
      isFirst = false
    }
  }

  /// Whether no space stands before this word.
  private func closesUp(_ word: ArraySlice<UInt8>) -> Bool {
    guard splitter == .punctuation, let first = word.first else { return false }
    return ",.:;?!\"()'".utf8.contains(first)
  }
}
