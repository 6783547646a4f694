import ArgumentParser
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

      Examples:
        tokenize compare --vocab gpt2 book.txt
        tokenize compare --vocab gpt2 --vocab vocabs/mine --format markdown book.txt
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

  @OptionGroup var text: TextOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var engine: EngineOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var reporting: RunOptions
  @OptionGroup var input: InputOptions

  func run() throws {
    let inputs = try input.open()
    let tokenizers = try vocabs.map {
      (name: $0, tokenizer: try VocabularyOptions.load($0, pattern, engine))
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
    let output = try output.open()
    try output.write(format.text(of: rows, statistics, reporting.diagnostics))
    try output.finish()
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
