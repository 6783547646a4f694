/// What OpenAI's rank tables leave out, for the encodings that it published: split pattern and special
/// tokens, by the name of the file (tiktoken's `openai_public.py`).
public struct KnownEncoding: Sendable {
  /// The name of the encoding, which is the file's without its ending.
  public let name: String
  /// How text is split.
  public let pattern: SplitPattern
  /// The special tokens.
  public let specialTokens: [SpecialTokens.Entry]

  /// All that are known.
  public static let all: [KnownEncoding] = [
    KnownEncoding(name: "r50k_base", pattern: .gpt2, ["<|endoftext|>": 50256]),
    KnownEncoding(name: "p50k_base", pattern: .gpt2, ["<|endoftext|>": 50256]),
    KnownEncoding(
      name: "cl100k_base", pattern: .cl100k,
      [
        "<|endoftext|>": 100257, "<|fim_prefix|>": 100258, "<|fim_middle|>": 100259,
        "<|fim_suffix|>": 100260, "<|endofprompt|>": 100276,
      ]),
    KnownEncoding(
      name: "o200k_base", pattern: .o200k,
      ["<|endoftext|>": 199999, "<|endofprompt|>": 200018]),
  ]

  /// The encoding that a file of this name holds, if it is a known one.
  public static func named(_ name: String) -> KnownEncoding? {
    all.first { $0.name == name }
  }

  private init(
    name: String, pattern: SplitPattern, _ specialTokens: KeyValuePairs<String, TokenID>
  ) {
    self.name = name
    self.pattern = pattern
    self.specialTokens = specialTokens.map { .init(text: $0.key, id: $0.value) }
  }
}
