/// Hugging Face's single file, `tokenizer.json`, of a byte-level BPE model: written, so that `tokenizers`
/// loads what was trained here and gives the same ids.
enum TokenizerJSONFile {
  /// The file's bytes.
  static func bytes(of model: BPEModel, _ tokenizer: Tokenizer) -> [UInt8] {
    let special = tokenizer.specialTokens
    let document: JSONValue = .members([
      "version": .string("1.0"),
      "truncation": .null,
      "padding": .null,
      "added_tokens": .array(special.entries.map(addedToken)),
      "normalizer": .null,
      "pre_tokenizer": preTokenizer(tokenizer.splitPattern ?? .gpt2),
      "post_processor": .null,
      "decoder": byteLevel(usesExpression: true),
      "model": .members([
        "type": .string("BPE"),
        "dropout": .null,
        "unk_token": .null,
        "continuing_subword_prefix": .null,
        "end_of_word_suffix": .null,
        "fuse_unk": .bool(false),
        "byte_fallback": .bool(false),
        "ignore_merges": .bool(model.looksUpWholePreTokens),
        "vocab": .object(
          model.vocabulary.tokenIDs.map {
            .init(spelling(of: $0, model, special), .integer(Int($0.rawValue)))
          }),
        "merges": .array(
          model.merges.map {
            .array([
              .string(spelling(of: $0.left, model, special)),
              .string(spelling(of: $0.right, model, special)),
            ])
          }),
      ]),
    ])
    return Array(document.prettyPrinted.utf8)
  }

  private static func spelling(
    of id: TokenID, _ model: BPEModel, _ special: SpecialTokens
  ) -> String {
    let bytes = model.vocabulary.bytes(of: id) ?? []
    return special.contains(id)
      ? String(decoding: bytes, as: UTF8.self) : ByteAlphabet.spelling(of: bytes)
  }

  private static func addedToken(_ entry: SpecialTokens.Entry) -> JSONValue {
    .members([
      "id": .integer(Int(entry.id.rawValue)),
      "content": .string(entry.text),
      "single_word": .bool(false),
      "lstrip": .bool(false),
      "rstrip": .bool(false),
      "normalized": .bool(false),
      "special": .bool(true),
    ])
  }

  private static func byteLevel(usesExpression: Bool) -> JSONValue {
    .members([
      "type": .string("ByteLevel"),
      "add_prefix_space": .bool(false),
      "trim_offsets": .bool(true),
      "use_regex": .bool(usesExpression),
    ])
  }

  /// GPT-2's split is built into `ByteLevel`; any other one stands before it.
  private static func preTokenizer(_ pattern: SplitPattern) -> JSONValue {
    if pattern == .gpt2 { return byteLevel(usesExpression: true) }
    if pattern == .none { return byteLevel(usesExpression: false) }
    return .members([
      "type": .string("Sequence"),
      "pretokenizers": .array([
        .members([
          "type": .string("Split"),
          "pattern": .members(["Regex": .string(expression(pattern))]),
          "behavior": .string("Isolated"),
          "invert": .bool(false),
        ]),
        byteLevel(usesExpression: false),
      ]),
    ])
  }

  /// The expression in a form that Oniguruma, which runs it there, reads as PCRE2 does.
  ///
  /// cl100k's is written here without possessive quantifiers: Oniguruma takes `{1,3}+` for a repetition of
  /// the whole. Nothing else of it changes, and the splits are the same.
  private static func expression(_ pattern: SplitPattern) -> String {
    guard pattern == .cl100k else { return pattern.expression }
    return
      #"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"#
      + #"|\s+\z|\s*[\r\n]|\s+(?!\S)|\s"#
  }
}
