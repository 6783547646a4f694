extension Tokenizer {
  /// The text that ids stand for; bytes that are not valid UTF-8 become U+FFFD.
  ///
  /// - Parameters:
  ///   - ids: In the order of the text.
  ///   - skipSpecialTokens: Whether special tokens leave nothing in the text.
  /// - Throws: `TokenizerError.unknownTokenID` with the position of an id that no token has.
  public func decode(
    _ ids: [TokenID], skipSpecialTokens: Bool = false
  ) throws(TokenizerError) -> String {
    String(decoding: try decodeBytes(ids, skipSpecialTokens: skipSpecialTokens), as: UTF8.self)
  }

  /// The exact bytes that ids stand for. O(n) in their number.
  public func decodeBytes(
    _ ids: [TokenID], skipSpecialTokens: Bool = false
  ) throws(TokenizerError) -> [UInt8] {
    var bytes: [UInt8] = []
    try makeDecoder().decode(
      ids.span, skipping: skipSpecialTokens ? specialTokens : nil, into: &bytes)
    return bytes
  }

  /// A worker that decodes a stream of ids piece by piece.
  public func makeDecoder() -> any TokenDecoder { model.makeDecoder() }
}

/// Holds back the beginning of a character until the rest of it has come: for text on a terminal.
public struct WholeCharacters: Sendable {
  private var held: [UInt8] = []

  /// Nothing held back.
  public init() {}

  /// Takes the next bytes of a text and returns what can be shown: all but a scalar that is cut off.
  public mutating func append(_ bytes: [UInt8]) -> [UInt8] {
    held += bytes
    let rest = UTF8Validation.incompleteSuffixLength(of: held.span)
    let shown = Array(held.dropLast(rest))
    held = Array(held.suffix(rest))
    return shown
  }

  /// What is still held back, whole or not, at the end of the text.
  public mutating func finish() -> [UInt8] {
    defer { held = [] }
    return held
  }
}
