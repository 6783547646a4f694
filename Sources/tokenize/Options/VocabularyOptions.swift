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

  /// Reads the tokenizer, for a command that does not encode.
  func load() throws -> Tokenizer { try Self.load(vocab, pattern) }

  /// Reads a tokenizer.
  ///
  /// - Parameter engine: What will work on text; for a command that does not encode it does not matter.
  static func load(
    _ vocab: String, _ pattern: PatternArgument? = nil, _ engine: Engine? = nil
  ) throws -> Tokenizer {
    let isUsual = pattern == nil && engine ?? .automatic == .automatic
    let engine = try engine.map(EngineOptions.checked) ?? .automatic
    if isUsual, let early = EarlyVocabulary.take(vocab) { return early }
    return try VocabularyLocator.load(vocab, pattern: try pattern?.checked(), engine: engine)
  }
}

/// Names of vocabularies for the shells.
@Sendable func completeVocabulary(_: [String], _: Int, _ prefix: String) -> [String] {
  VocabularyLocator.available.filter { $0.hasPrefix(prefix) }
}
