import ArgumentParser
import MiniLM
import Tokenizers

/// `tokenize compare`
struct CompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Compare tokenizers on one text.",
    discussion: """
      One row for bytes, characters (Unicode scalars) and words (what stands between white space), which \
      are fitted to the text, and one for each --vocab. 'ratio' is how many times fewer tokens there are \
      than characters. Several files are one text after another.

      --lm trains the same small model on the tokens of each, for the same number of steps over the same number \
      of bytes, and adds the bits it needs for a byte of text it has not seen. Words have none: what stands \
      between them is lost.

      Examples:
        tokenize compare --vocab gpt2 book.txt
        tokenize compare --vocab gpt2 --vocab vocabs/mine --format markdown book.txt
        tokenize compare --vocab vocabs/mine --lm book.txt
      """)

  @Option(
    name: .customLong("vocab"), parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "A tokenizer, by name or path; may be given several times.", valueName: "name|path"),
    completion: .custom(completeVocabulary))
  var vocabs: [String] = []

  @Option(
    help: ArgumentHelp(
      """
      How text is split by each --vocab, in the place of what its files say: \
      \(PatternArgument.names), or a regular expression.
      """, valueName: "name|regex"))
  var pattern: PatternArgument?

  @Option(help: "How the table is written.")
  var format = TableFormat.table

  @Flag(help: "Train a small model on each, and compare bits per byte.")
  var lm = false

  @Option(help: ArgumentHelp("lm: updates of each model.", valueName: "n"))
  var steps = 300

  @Option(help: ArgumentHelp("lm: where all chance comes from.", valueName: "n"))
  var seed: UInt64 = 1

  @OptionGroup var text: TextOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var engine: EngineOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var reporting: RunOptions
  @OptionGroup var input: InputOptions

  func validate() throws {
    if steps < 1 { throw ValidationError("--steps is \(steps); 1 or more expected") }
  }

  func run() throws {
    let inputs = try input.open()
    let tokenizers = try vocabs.map {
      (name: $0, tokenizer: try VocabularyOptions.load($0, pattern, engine.engine))
    }
    let documents = try inputs.map { (name: $0.name, bytes: try $0.readAll()) }
    let statistics = try measure(documents)
    var rows: [(name: String, report: CompressionReport)] = []
    func add(_ name: String, _ size: Int, _ tokens: Int) {
      rows.append(
        (name, CompressionReport(vocabularySize: size, tokenCount: tokens, text: statistics)))
    }
    add("byte", 256, statistics.byteCount)
    add("char", statistics.distinctCharacterCount, statistics.characterCount)
    add("word", statistics.distinctWordCount, statistics.wordCount)
    let meter = reporting.diagnostics.meter("comparing", unit: "tokenizers")
    for (index, entry) in tokenizers.enumerated() {
      var count = 0
      for document in documents {
        do {
          count += try entry.tokenizer.count(
            document.bytes.span, options: EncodingOptions(invalidUTF8: text.invalidUTF8),
            threads: threads.count)
        } catch {
          throw Failure(.badData, "\(document.name): --vocab \(entry.name): \(error)")
        }
      }
      add(entry.name, entry.tokenizer.vocabularySize, count)
      meter.update(index + 1)
    }
    meter.finish(tokenizers.count)
    let bits = lm ? try compareModels(documents, tokenizers) : nil
    let output = try output.open()
    try output.write(format.text(of: rows, bits: bits, statistics, reporting.diagnostics))
    try output.finish()
  }

  /// Bits per byte by the name of each tokenizer.
  private func compareModels(
    _ documents: [(name: String, bytes: [UInt8])],
    _ tokenizers: [(name: String, tokenizer: Tokenizer)]
  ) throws -> [String: Double] {
    var bytes: [UInt8] = []
    for document in documents { bytes += document.bytes }
    let comparison = try SmallModelComparison(
      text: bytes, invalidUTF8: text.invalidUTF8, steps: steps, seed: seed, threads: threads.count)
    var bits: [String: Double] = [:]
    let meter = reporting.diagnostics.meter("training", unit: "models")
    var entries = tokenizers
    entries.append(("byte", try VocabularyOptions.load("byte")))
    // Characters are fitted to text, which bad bytes are not.
    if UTF8Validation.firstInvalidSequence(in: bytes.span) == nil {
      var fitting = VocabularyFitting()
      try fitting.addCharacters(of: bytes.span, unit: .scalar)
      let (vocabulary, special) = try fitting.vocabulary()
      entries.append(
        (
          "char",
          Tokenizer(
            model: CharacterModel(vocabulary: vocabulary, unit: .scalar, specialTokens: special))
        ))
    }
    for (index, entry) in entries.enumerated() {
      bits[entry.name] = try comparison.bitsPerByte(entry.tokenizer)
      meter.update(index + 1)
    }
    meter.finish(entries.count)
    return bits
  }

  /// The sizes of all documents together.
  private func measure(_ documents: [(name: String, bytes: [UInt8])]) throws -> TextStatistics {
    var whole: [UInt8] = []
    var byteCount = 0
    for document in documents {
      byteCount += document.bytes.count
      if let bad = UTF8Validation.firstInvalidSequence(in: document.bytes.span) {
        if text.invalidUTF8 == .refuse {
          throw Failure(
            .badData, "\(document.name): \(TokenizerError.invalidUTF8(offset: bad.lowerBound))")
        }
        reporting.diagnostics.warning(
          "\(document.name): not UTF-8 at byte \(bad.lowerBound); each bad sequence counts as one character"
        )
        whole += RepairedText(repairing: document.bytes.span).bytes
      } else {
        whole += document.bytes
      }
    }
    return try TextStatistics(of: whole.span, byteCount: byteCount)
  }
}
