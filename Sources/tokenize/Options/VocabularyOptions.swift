import ArgumentParser
import Tokenizers

/// Which tokenizer.
struct VocabularyOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      The tokenizer: a folder with vocab.json and merges.txt, a *.tiktoken file, or a name, which is \
      looked for in ./vocabs, in the folders of $TOKENIZE_VOCABS, and among those installed.
      """, valueName: "name|path"),
    completion: .custom(completeVocabulary))
  var vocab: String

  @Option(
    help: ArgumentHelp(
      """
      How text is split, in the place of what the tokenizer's files say: \(PatternArgument.names), or \
      a regular expression of PCRE2.
      """, valueName: "name|regex"))
  var pattern: PatternArgument?

  /// Reads the tokenizer.
  ///
  /// - Parameter engine: What will work on text; for a command that decodes only it does not matter.
  func load(_ engine: EngineOptions? = nil) throws -> Tokenizer {
    try Self.load(vocab, pattern, engine)
  }

  static func load(
    _ vocab: String, _ pattern: PatternArgument? = nil, _ engine: EngineOptions? = nil
  ) throws -> Tokenizer {
    let isUsual = pattern == nil && engine?.engine ?? .automatic == .automatic
    let engine = try engine?.checked() ?? .automatic
    if isUsual, let early = EarlyVocabulary.take(vocab) { return early }
    return try VocabularyLocator.load(vocab, pattern: try pattern?.checked(), engine: engine)
  }
}

/// Names of vocabularies for the shells.
@Sendable func completeVocabulary(_: [String], _: Int, _ prefix: String) -> [String] {
  VocabularyLocator.available.filter { $0.hasPrefix(prefix) }
}
