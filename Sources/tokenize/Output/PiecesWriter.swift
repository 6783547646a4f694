import Tokenizers

/// `pieces`: the tokens as visible text separated by single spaces, one line a document.
final class PiecesWriter: TokenWriter {
  private let output: OutputFile
  private let spelling: TokenSpelling
  private var isLineEmpty = true

  init(_ output: OutputFile, _ tokenizer: Tokenizer) {
    self.output = output
    spelling = TokenSpelling(tokenizer)
  }

  func write(_ ids: [TokenID]) throws {
    for id in ids {
      try output.write(isLineEmpty ? spelling[id] : " " + spelling[id])
      isLineEmpty = false
    }
  }

  func endDocument() throws {
    try output.write("\n")
    isLineEmpty = true
  }
}

/// How tokens are shown: without white space and control characters, so that a space always stands
/// between two of them.
///
/// Byte-level tokens are spelled as their files do (`Ġthe`); special tokens, characters and words as they
/// are read, of which only white space and control characters get the byte-level spelling.
struct TokenSpelling {
  private let tokenizer: Tokenizer
  private let isByteLevel: Bool

  init(_ tokenizer: Tokenizer) {
    self.tokenizer = tokenizer
    isByteLevel = tokenizer.model.encodesAnyBytes
  }

  subscript(id: TokenID) -> String {
    let bytes = tokenizer.vocabulary.bytes(of: id) ?? []
    if isByteLevel, !tokenizer.specialTokens.contains(id) {
      return ByteAlphabet.spelling(of: bytes)
    }
    return Self.visible(bytes)
  }

  /// Text as it is, what cannot be seen in the byte-level spelling.
  static func visible(_ bytes: [UInt8]) -> String {
    var text = ""
    for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
      let properties = scalar.properties
      switch properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator, .spaceSeparator:
        text += ByteAlphabet.spelling(of: String(scalar).utf8)
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text
  }
}
