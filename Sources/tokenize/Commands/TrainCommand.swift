import ArgumentParser
import Tokenizers

/// `tokenize train`
struct TrainCommand: ParsableCommand {
  /// What is trained or fitted.
  enum Model: String, CaseIterable, ExpressibleByArgument {
    case bpe, word, char
  }

  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Learn a vocabulary from text.",
    discussion: """
      Writes a folder, vocabs/ and the name of the first file, with vocab.json, for BPE merges.txt and a \
      tokenizer.json that Hugging Face's tokenizers load, and manifest.json, which says how it was made. \
      The folder appears when it is whole. The same text and options give the same bytes, for any number \
      of threads and any order of files.

      'bpe' learns merges of bytes, always the most frequent pair, of equal ones the pair with the smaller \
      ids: Hugging Face's rule. 'char' collects the characters of the text, 'word' its words.

      Examples:
        tokenize train --merges 50 corpus.txt
        tokenize train --vocab-size 8192 --special-token '<|endoftext|>' -o vocabs/mine *.txt
        tokenize train --model char --special-token '<unk>' corpus.txt
        tokenize train --model word --splitter punctuation --special-token '<|endoftext|>' \
      --special-token '<|unk|>' story.txt
      """)

  @Option(help: "What to learn.")
  var model = Model.bpe

  @Option(help: ArgumentHelp("bpe: learn this many merges.", valueName: "n"))
  var merges: Int?

  @Option(
    help: ArgumentHelp(
      "bpe: learn until there are this many tokens, 256 bytes and special tokens included.",
      valueName: "n"))
  var vocabSize: Int?

  @Option(help: ArgumentHelp("bpe: stop when no pair occurs this often.", valueName: "n"))
  var minFrequency = 0

  @Option(
    help: ArgumentHelp(
      """
      bpe: the split pattern, \(PatternArgument.names) or a regular expression of PCRE2 (default: gpt2).
      """, valueName: "name|regex"))
  var pattern: PatternArgument?

  @Option(
    help: "char: what a character is, a Unicode scalar or a grapheme cluster (default: scalar).")
  var unit: CharacterModel.Unit?

  @Option(
    help: """
      word: what a word is, what stands between white space, or punctuation marks as well (default: \
      whitespace).
      """)
  var splitter: WordModel.Splitter?

  @Flag(help: "word: turn the text into lower case first.")
  var lowercase = false

  @Option(
    name: .customLong("special-token"), parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "A special token; may be given several times. They get the last ids, in this order.",
      valueName: "text"))
  var specialTokens: [String] = []

  @Flag(help: "Every line, without its newline, is a document.")
  var lines = false

  @OptionGroup var text: TextOptions

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "The folder to write (default: vocabs/ and the first file's name).", valueName: "dir"),
    completion: .directory)
  var output: String?

  @Flag(help: "Replace a folder of this program's that is there already.")
  var force = false

  @OptionGroup var threads: ThreadOptions
  @OptionGroup var reporting: RunOptions
  @OptionGroup var input: InputOptions

  func validate() throws {
    switch model {
    case .bpe:
      guard (merges == nil) != (vocabSize == nil) else {
        throw ValidationError(
          "--model bpe learns --merges N, or until --vocab-size N: give exactly one of them")
      }
      if let merges, merges < 0 {
        throw ValidationError("--merges is \(merges); 0 or more expected")
      }
      if let vocabSize, vocabSize < 256 + specialTokens.count {
        throw ValidationError(
          "--vocab-size is \(vocabSize); at least \(256 + specialTokens.count) expected, for the 256 bytes"
            + (specialTokens.isEmpty ? "" : " and the special tokens"))
      }
      for text in specialTokens where ByteAlphabet.bytes(ofSpelling: text)?.count == 1 {
        throw ValidationError(
          "--special-token '\(text)' is how vocab.json spells a byte: give it more characters")
      }
      if minFrequency < 0 {
        throw ValidationError("--min-frequency is \(minFrequency); 0 or more expected")
      }
      try refuse([
        ("--unit", unit != nil), ("--splitter", splitter != nil), ("--lowercase", lowercase),
      ])
    case .char, .word:
      try refuse([
        ("--merges", merges != nil), ("--vocab-size", vocabSize != nil),
        ("--min-frequency", minFrequency != 0), ("--pattern", pattern != nil),
        ("--unit", unit != nil && model == .word),
        ("--splitter", splitter != nil && model == .char),
        ("--lowercase", lowercase && model == .char),
      ])
    }
  }

  private func refuse(_ options: [(name: String, isGiven: Bool)]) throws {
    if let option = options.first(where: \.isGiven) {
      throw ValidationError("\(option.name) does not belong to --model \(model.rawValue)")
    }
  }

  func run() throws {
    let inputs = try input.open()
    let folder = try FolderWriter(try outputPath(inputs), replaces: force)
    let corpus = CorpusReader(
      inputs: inputs, lines: lines, meter: reporting.diagnostics.meter("reading", unit: "B"))
    let trained: TrainedTokenizer
    switch model {
    case .bpe: trained = try trainBPE(corpus)
    case .char, .word: trained = try fit(corpus)
    }
    let details: [JSONValue.Member] =
      [.init("program", .string("tokenize \(Tokenize.programVersion)"))] + trained.details
      + [.init("inputs", corpus.manifest)]
    try folder.write(try TokenizerFolder.files(of: trained.tokenizer, details: details))
    if !reporting.quiet {
      let report = try OutputFile(nil)
      try report.write(
        trained.report(
          folder: folder.path, byteCount: corpus.byteCount, sample: inputs.first?.path,
          reporting.diagnostics))
      try report.finish()
    }
  }

  private func outputPath(_ inputs: [Input]) throws -> String {
    if let output {
      if output.isEmpty { throw Failure(.usage, "-o is empty: give the folder to write") }
      return output
    }
    guard let path = inputs.first?.path else {
      throw Failure(.usage, "standard input has no name to call the vocabulary by: give -o DIR")
    }
    return "vocabs/" + Paths.stem(of: path)
  }

  private func trainBPE(_ corpus: CorpusReader) throws -> TrainedTokenizer {
    let splitPattern = try pattern?.checked() ?? .gpt2
    let preTokenizer = try PreTokenizerEngine.automatic.makePreTokenizer(for: splitPattern)
    let counter = PreTokenCounter(
      preTokenizer: preTokenizer, invalidUTF8: text.invalidUTF8, threads: threads.count)
    try corpus.read(
      append: { try counter.append($0) }, endDocument: { try counter.endText() })
    let counts = try counter.finish()
    let trainer = BPETrainer(
      goal: merges.map { .merges($0) } ?? .vocabularySize(vocabSize ?? 0),
      minimumFrequency: minFrequency, specialTokens: specialTokens)
    let meter = reporting.diagnostics.meter("learning", unit: "merges")
    let result = try trainer.train(counts) { done, _ in
      meter.update(done)
      return true
    }
    meter.finish(result.merges.count)
    let model = try BPEModel(
      vocabulary: result.vocabulary, merges: result.merges, preTokenizer: preTokenizer,
      specialTokens: result.specialTokens)
    var options: [JSONValue.Member] = []
    if let merges { options.append(.init("merges", .integer(merges))) }
    if let vocabSize { options.append(.init("vocabularySize", .integer(vocabSize))) }
    options += [
      .init("minimumFrequency", .integer(minFrequency)), .init("lines", .bool(lines)),
      .init("invalidUTF8", .string(text.invalidUTF8.rawValue)),
    ]
    return TrainedTokenizer(
      tokenizer: Tokenizer(
        model: model, specialTokens: result.specialTokens, splitPattern: splitPattern),
      tokenCount: result.tokenCount,
      details: [
        .init("options", .object(options)),
        .init(
          "preTokens",
          .members([
            "distinct": .integer(counts.distinctCount), "total": .integer(counts.totalCount),
          ])), .init("merges", .integer(result.merges.count)),
        .init("stopReason", .string(result.stopReason.rawValue)),
      ],
      merges: result.merges, stop: stopText(result))
  }

  /// Why there are fewer merges than were asked for.
  private func stopText(_ result: BPETrainer.Result) -> String? {
    let asked = merges ?? (vocabSize ?? 0) - 256 - specialTokens.count
    switch result.stopReason {
    case .goalReached: return nil
    case .noPairLeft:
      return
        "stopped after \(Numbers.grouped(result.merges.count)) of \(Numbers.grouped(asked)) merges:"
        + " every piece of the text is one token, no pair is left"
    case .belowMinimumFrequency:
      return
        "stopped after \(Numbers.grouped(result.merges.count)) of \(Numbers.grouped(asked)) merges:"
        + " no pair left occurs \(minFrequency) times"
    }
  }

  private func fit(_ corpus: CorpusReader) throws -> TrainedTokenizer {
    let fitted = try FittedTokenizer(
      kind: model == .char
        ? .characters(unit ?? .scalar)
        : .words(splitter ?? .whitespace, lowercases: lowercase), corpus,
      invalidUTF8: text.invalidUTF8, specialTokens: specialTokens, threads: threads.count)
    return TrainedTokenizer(
      tokenizer: fitted.tokenizer, tokenCount: fitted.tokenCount,
      details: [
        .init(
          "options",
          .members([
            "lines": .bool(lines), "invalidUTF8": .string(text.invalidUTF8.rawValue),
          ]))
      ], merges: [], stop: nil)
  }
}
