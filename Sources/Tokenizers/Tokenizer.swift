/// Text to ids and back: a model with its special tokens. Immutable, and shared by any number of threads.
///
///     let gpt2 = try Tokenizer(contentsOf: "vocabs/gpt2")
///     try gpt2.encode("hello world")               // [31373, 995]
///     try gpt2.decode([31373, 995])                // "hello world"
///
/// Special tokens in a text are ordinary text unless the caller says otherwise, so that data cannot
/// inject them.
public struct Tokenizer: Sendable {
  /// What turns text between special tokens into ids.
  public let model: any TokenModel
  /// Tokens that stand for no ordinary text.
  public let specialTokens: SpecialTokens
  /// How text is cut before merging; for models that do not merge, nothing.
  public let splitPattern: SplitPattern?

  /// Puts a tokenizer together from its parts.
  public init(
    model: any TokenModel, specialTokens: SpecialTokens = SpecialTokens(),
    splitPattern: SplitPattern? = nil
  ) {
    self.model = model
    self.specialTokens = specialTokens
    self.splitPattern = splitPattern
  }

  /// All tokens with their ids, special tokens included.
  public var vocabulary: Vocabulary { model.vocabulary }

  /// Number of tokens, special tokens included.
  public var vocabularySize: Int { model.vocabulary.count }

  /// Makes now what a first text would wait for. Loading leaves the table of merges until some thousand bytes
  /// have been merged without it, which programs that encode a few words never do; a server calls this at its
  /// start. The vocabulary's own tokens are encoded once, so that an encoder of long texts knows them; the memory
  /// of the first such encoder, 16 MiB, is made ready.
  ///
  /// - Complexity: O(n) in the size of the vocabulary; tens of milliseconds for a rank table of 200,000 tokens.
  public func prepare() { model.prepare() }
}

/// What to do with bytes that are not valid UTF-8.
public enum InvalidUTF8Policy: String, CaseIterable, Hashable, Sendable {
  /// Keep them: each bad sequence is split like a symbol, and decoding gives the same bytes back.
  case bytes
  /// Put U+FFFD in the place of each maximal bad sequence.
  case replace
  /// Throw `TokenizerError.invalidUTF8` with the offset of the first.
  case refuse
}

/// How a text is to be encoded.
public struct EncodingOptions: Hashable, Sendable {
  /// What to do with text that spells a special token.
  public var special: SpecialTokenPolicy
  /// What to do with bytes that are not valid UTF-8. Models that cannot hold any bytes refuse them
  /// under `.bytes` too.
  public var invalidUTF8: InvalidUTF8Policy

  /// Special tokens are text, and all bytes are kept, unless said otherwise.
  public init(special: SpecialTokenPolicy = .text, invalidUTF8: InvalidUTF8Policy = .bytes) {
    self.special = special
    self.invalidUTF8 = invalidUTF8
  }
}
