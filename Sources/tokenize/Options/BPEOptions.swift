import ArgumentParser
import Tokenizers

/// What `train --model bpe` learns, and how.
struct BPEOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Learn this many merges.", valueName: "n"))
  var merges: Int?

  @Option(
    help: ArgumentHelp(
      """
      Learn until there are this many tokens, 256 bytes and special tokens included, and those of \
      --extend.
      """, valueName: "n"))
  var vocabSize: Int?

  @Option(help: ArgumentHelp("Stop when no pair occurs this often.", valueName: "n"))
  var minFrequency: Int?

  @Option(help: ArgumentHelp("Make no token of more bytes.", valueName: "n"))
  var maxTokenLength: Int?

  @Option(
    help: """
      Which of several pairs that occur equally often is first: 'huggingface', the one with the smaller \
      ids; 'first-seen', the one that stands first in the text (minbpe); 'largest', the one whose bytes \
      come last in order (subword-nmt). Default: huggingface.
      """)
  var ties: TieRule?

  @Option(
    help: ArgumentHelp(
      """
      The split pattern, \(PatternArgument.names) or a regular expression of PCRE2 (default: gpt2).
      """, valueName: "name|regex"))
  var pattern: PatternArgument?

  @Option(
    help: ArgumentHelp(
      """
      Add merges to this tokenizer; its ids and merges stay what they are, and text is split as it says.
      """, valueName: "name|path"), completion: .custom(completeVocabulary))
  var extend: String?

  @Option(
    name: .customLong("held-out"),
    help: ArgumentHelp(
      "With --extend: say how many tokens of this text are other ones afterwards.",
      valueName: "file"), completion: .file())
  var heldOut: String?

  @Option(
    help: ArgumentHelp(
      """
      Keep to this much memory, 512M or 2G for instance; what does not fit is written to temporary files \
      in $TMPDIR. The result is the same, and comes later. Under 64M, about 3 bytes for each distinct \
      pre-token are needed whatever the bound. With --ties first-seen it bounds counting only.
      """, valueName: "size"))
  var memory: MemorySize?

  @Flag(
    help: """
      Only count pre-tokens, and write the counts to the file that -o names, to be added to others.
      """)
  var countsOnly = false

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Learn from the sum of these counts, not from text.", valueName: "file"),
    completion: .file())
  var fromCounts: [String] = []

  /// The options that were given, by name.
  var given: [(name: String, isGiven: Bool)] {
    [
      ("--merges", merges != nil), ("--vocab-size", vocabSize != nil),
      ("--min-frequency", minFrequency != nil), ("--max-token-length", maxTokenLength != nil),
      ("--ties", ties != nil), ("--pattern", pattern != nil), ("--extend", extend != nil),
      ("--held-out", heldOut != nil), ("--memory", memory != nil), ("--counts-only", countsOnly),
      ("--from-counts", !fromCounts.isEmpty),
    ]
  }

  /// Throws what makes no sense.
  func check(specialTokens: [String]) throws {
    if countsOnly {
      let misplaced = given.first {
        $0.isGiven && !["--pattern", "--memory", "--counts-only"].contains($0.name)
      }
      if let misplaced {
        throw ValidationError(
          "\(misplaced.name) does not belong to --counts-only: nothing is learnt")
      }
      if !specialTokens.isEmpty {
        throw ValidationError(
          "--special-token does not belong to --counts-only: nothing is learnt")
      }
      return
    }
    guard (merges == nil) != (vocabSize == nil) else {
      throw ValidationError(
        "--model bpe learns --merges N, or until --vocab-size N: give exactly one of them")
    }
    if let merges, merges < 0 {
      throw ValidationError("--merges is \(merges); 0 or more expected")
    }
    if let vocabSize, extend == nil, vocabSize < 256 + specialTokens.count {
      throw ValidationError(
        "--vocab-size is \(vocabSize); at least \(256 + specialTokens.count) expected, for the 256 bytes"
          + (specialTokens.isEmpty ? "" : " and the special tokens"))
    }
    for text in specialTokens where ByteAlphabet.bytes(ofSpelling: text)?.count == 1 {
      throw ValidationError(
        "--special-token '\(text)' is how vocab.json spells a byte: give it more characters")
    }
    if let minFrequency, minFrequency < 0 {
      throw ValidationError("--min-frequency is \(minFrequency); 0 or more expected")
    }
    if let maxTokenLength, maxTokenLength < 1 {
      throw ValidationError("--max-token-length is \(maxTokenLength); 1 or more expected")
    }
    if heldOut != nil, extend == nil {
      throw ValidationError("--held-out belongs to --extend")
    }
    if extend != nil, pattern != nil {
      throw ValidationError(
        "--pattern does not belong to --extend: the tokenizer says how text is split")
    }
    if !fromCounts.isEmpty {
      if pattern != nil {
        throw ValidationError(
          "--pattern does not belong to --from-counts: the files say how text was split")
      }
      if ties == .firstSeen {
        throw ValidationError(
          "--ties first-seen does not belong to --from-counts: a count file does not say in which order"
            + " its text was")
      }
    }
  }

  /// What is to be learnt.
  ///
  /// - Parameter counted: How text was split, if it has been.
  func plan(counted: SplitPattern?) throws -> TrainingPlan.BPE {
    let base = try extend.map { try VocabularyLocator.load($0) }
    if let base, !(base.model is BPEModel) || base.splitPattern == nil {
      throw Failure(
        .usage,
        "--extend \(extend ?? ""): is no byte-level BPE tokenizer, which alone can be extended")
    }
    if let base, let vocabSize, vocabSize < base.vocabularySize {
      throw Failure(
        .usage,
        "--vocab-size is \(vocabSize); at least \(base.vocabularySize) expected, the size of"
          + " \(extend ?? "")")
    }
    if let counted, let pattern = base?.splitPattern, counted != pattern {
      throw Failure(
        .badData,
        "the counts are of text split by \(counted.name), and \(extend ?? "") splits by \(pattern.name):"
          + " count again with --pattern \(pattern.name)")
    }
    return TrainingPlan.BPE(
      goal: merges.map { .merges($0) } ?? .vocabularySize(vocabSize ?? 0),
      minimumFrequency: minFrequency ?? 0, maximumTokenLength: maxTokenLength,
      ties: ties ?? .huggingface,
      pattern: try counted ?? base?.splitPattern ?? pattern?.checked() ?? .gpt2, base: base)
  }
}
