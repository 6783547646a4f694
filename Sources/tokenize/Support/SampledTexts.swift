import Tokenizers

/// Samples that a model writes side by side, shown one after the other: the first of them as it comes, the
/// others when their turn has come, all of them in whole characters.
struct SampledTexts {
  /// One of them.
  private struct Text {
    let decoder: any TokenDecoder
    var characters = WholeCharacters()
    var ending: StopTexts
    /// What has not been shown.
    var waiting: [UInt8] = []
    var tokenCount = 0
    var isEnded = false
  }

  private let tokenizer: Tokenizer
  private let limit: Int
  private let output: OutputFile
  private var texts: [Text] = []
  /// The one that is shown; those before it are done.
  private var current = 0

  /// - Parameters:
  ///   - limit: The most tokens of a text, its prompt not counted.
  ///   - stops: A text ends before one of these.
  init(
    count: Int, limit: Int, stops: [String], prompt: [TokenID], _ tokenizer: Tokenizer,
    _ output: OutputFile
  ) throws {
    self.tokenizer = tokenizer
    self.limit = limit
    self.output = output
    for _ in 0..<count {
      var text = Text(decoder: tokenizer.makeDecoder(), ending: StopTexts(stops))
      // A stop text in the prompt ends nothing.
      text.waiting = text.characters.append(try Self.bytes(prompt, text.decoder, tokenizer))
      texts.append(text)
    }
    if limit == 0 { for index in texts.indices { end(index) } }
    try show()
  }

  /// Takes a text's next token; false if the text ends with it or has ended before it.
  mutating func append(_ id: TokenID, to index: Int) throws -> Bool {
    texts[index].tokenCount += 1
    if id == tokenizer.specialTokens.endOfText {
      end(index)
    } else {
      let bytes = try Self.bytes([id], texts[index].decoder, tokenizer)
      let shown = texts[index].ending.append(bytes)
      texts[index].waiting += texts[index].characters.append(shown)
      if texts[index].ending.isEnded || texts[index].tokenCount == limit { end(index) }
    }
    try show()
    return !texts[index].isEnded
  }

  private static func bytes(
    _ ids: [TokenID], _ decoder: any TokenDecoder, _ tokenizer: Tokenizer
  ) throws -> [UInt8] {
    // What a model knows beyond its tokenizer stands for no text.
    let ids = ids.filter { tokenizer.vocabulary.bytes(of: $0) != nil }
    var bytes: [UInt8] = []
    try decoder.decode(ids.span, skipping: nil, into: &bytes)
    return bytes
  }

  private mutating func end(_ index: Int) {
    let rest = texts[index].ending.finish()
    texts[index].waiting += texts[index].characters.append(rest)
    texts[index].waiting += texts[index].characters.finish()
    texts[index].waiting.append(UInt8(ascii: "\n"))
    texts[index].isEnded = true
  }

  /// Writes what can be shown now.
  private mutating func show() throws {
    while current < texts.count {
      try output.write(texts[current].waiting)
      texts[current].waiting = []
      guard texts[current].isEnded else { break }
      current += 1
      if current < texts.count { try output.write("---\n") }
    }
    try output.flush()
  }
}
