public import Tokenizers

/// Tokenizers that need no file, trained on the fixtures when first asked for.
public enum SmallTokenizers {
  /// 600 merges learnt from the texts of all scripts, with two special tokens, under each named pattern.
  public static func bpe(_ pattern: SplitPattern, merges: Int = 600) throws -> Tokenizer {
    let preTokenizer = try PatternPreTokenizer(pattern)
    let counter = PreTokenCounter(preTokenizer: preTokenizer)
    for text in try Fixtures.texts() {
      try counter.append(text.span)
      try counter.endText()
    }
    let result = try BPETrainer(
      goal: .merges(merges), specialTokens: ["<|endoftext|>", "<|end|>", "<|endof"]
    ).train(try counter.takeCounts())
    return Tokenizer(
      model: try BPEModel(
        vocabulary: result.vocabulary, merges: result.merges, preTokenizer: preTokenizer),
      specialTokens: result.specialTokens, splitPattern: pattern)
  }

  /// Characters of all fixtures.
  public static func characters(
    _ unit: CharacterModel.Unit, specialTokens: [String] = []
  ) throws -> Tokenizer {
    var fitting = VocabularyFitting()
    for text in try Fixtures.texts() where UTF8Validation.isValid(text.span) {
      try fitting.addCharacters(of: text.span, unit: unit)
    }
    let (vocabulary, special) = try fitting.vocabulary(specialTokens: specialTokens)
    return Tokenizer(
      model: CharacterModel(vocabulary: vocabulary, unit: unit, specialTokens: special),
      specialTokens: special)
  }
}
