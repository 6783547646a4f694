import ArgumentParser
import Tokenizers

/// `tokenize train`
struct TrainCommand: ParsableCommand {
  /// What is trained or fitted.
  enum Model: String, Choice {
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
      ids: Hugging Face's rule. 'char' collects the characters of the text, 'word' its words. Files that \
      are compressed with gzip or zstd are read as the text in them.

      A large corpus can be counted in parts, on several machines: --counts-only writes what the merges \
      depend on, --from-counts adds any number of such files up. 'tokenize verify' trains again and \
      compares.

      Examples:
        tokenize train --merges 50 corpus.txt
        tokenize train --vocab-size 8192 --special-token '<|endoftext|>' -o vocabs/mine *.txt
        tokenize train --counts-only -o a.counts a.txt.gz
        tokenize train --vocab-size 32768 -o vocabs/all --from-counts a.counts b.counts
        tokenize train --extend gpt2 --merges 1000 --held-out other.txt corpus.txt
        tokenize train --model char --special-token '<unk>' corpus.txt
        tokenize train --model word --splitter punctuation --special-token '<|endoftext|>' \
      --special-token '<|unk|>' story.txt
      """)

  @Option(help: "What to learn.")
  var model = Model.bpe

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

  @Option(
    help: ArgumentHelp(
      "Every line is a JSON object, of which this member is a document.", valueName: "name"))
  var jsonlField: String?

  @OptionGroup var text: TextOptions

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "The folder to write (default: vocabs/ and the first file's name); of --counts-only the file.",
      valueName: "dir"),
    completion: .directory)
  var output: String?

  @Flag(help: "Replace a folder of this program's that is there already.")
  var force = false

  @OptionGroup(title: "Model bpe") var bpe: BPEOptions

  @OptionGroup var engine: EngineOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var reporting: RunOptions
  @OptionGroup var input: InputOptions

  func validate() throws {
    if lines, jsonlField != nil {
      throw ValidationError("--lines and --jsonl-field exclude each other")
    }
    switch model {
    case .bpe:
      try bpe.check(specialTokens: specialTokens)
      try refuse([
        ("--unit", unit != nil), ("--splitter", splitter != nil), ("--lowercase", lowercase),
      ])
      guard bpe.fromCounts.isEmpty || input.files.isEmpty else {
        throw ValidationError("--from-counts and texts exclude each other: count the texts first")
      }
      guard bpe.fromCounts.isEmpty || !lines && jsonlField == nil else {
        throw ValidationError(
          "--lines and --jsonl-field do not belong to --from-counts: the files say what a document was"
        )
      }
      if bpe.countsOnly, output == nil {
        throw ValidationError("--counts-only needs -o FILE")
      }
    case .char, .word:
      try refuse(
        bpe.given + [
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

  private func means() throws -> TrainingPlan.Means {
    warnOfMemory()
    return TrainingPlan.Means(
      threads: threads.count, memory: bpe.memory?.bytes, engine: try engine.checked(),
      diagnostics: reporting.diagnostics)
  }

  /// Said before the work begins: what the bound on memory does not hold for.
  private func warnOfMemory() {
    guard let bound = bpe.memory?.bytes else { return }
    let diagnostics = reporting.diagnostics
    if bound < TrainingPlan.Means.leastMemory {
      diagnostics.warning(
        "--memory of \(Numbers.bytes(bound)) cannot be kept to: the program takes"
          + " \(Numbers.bytes(TrainingPlan.Means.leastMemory)) or somewhat more, whatever the text")
    }
    if bpe.ties == .firstSeen {
      diagnostics.warning(
        "--ties first-seen needs the distinct pre-tokens in memory: --memory bounds counting only")
    }
  }

  private var documents: DocumentKind {
    jsonlField.map { .jsonLines(field: $0) } ?? (lines ? .lines : .files)
  }

  func run() throws {
    if !bpe.fromCounts.isEmpty { return try learnFromCounts() }
    let inputs = try input.open()
    if bpe.countsOnly { return try writeCounts(inputs) }
    let folder = try FolderWriter(try outputPath(inputs.first), replaces: force)
    let corpus = CorpusReader(inputs: inputs, documents: documents, reporting.diagnostics)
    let plan = TrainingPlan(
      model: try planModel(), documents: documents, invalidUTF8: text.invalidUTF8,
      specialTokens: specialTokens)
    let heldOut = try heldOutText()
    let trained = try plan.train(corpus, try means())
    try finish(trained, corpus.manifest, folder, sample: inputs.first?.path, plan, heldOut)
  }

  private func planModel() throws -> TrainingPlan.Model {
    switch model {
    case .bpe: .bpe(try bpe.plan(counted: nil))
    case .char: .fitted(.characters(unit ?? .scalar))
    case .word: .fitted(.words(splitter ?? .whitespace, lowercases: lowercase))
    }
  }

  private func outputPath(_ first: Input?) throws -> String {
    if let output {
      if output.isEmpty { throw Failure(.usage, "-o is empty: give the folder to write") }
      return output
    }
    guard let path = first?.path else {
      throw Failure(.usage, "standard input has no name to call the vocabulary by: give -o DIR")
    }
    return "vocabs/" + Paths.stem(of: path)
  }

  private func writeCounts(_ inputs: [Input]) throws {
    let output = try OutputFile(output)
    let corpus = CorpusReader(inputs: inputs, documents: documents, reporting.diagnostics)
    let pattern = try bpe.pattern?.checked() ?? .gpt2
    let plan = TrainingPlan(
      model: .bpe(
        TrainingPlan.BPE(
          goal: .merges(0), minimumFrequency: 0, ties: .huggingface, pattern: pattern)),
      documents: documents, invalidUTF8: text.invalidUTF8, specialTokens: [])
    let counts = try plan.count(corpus, pattern, try means())
    try CountFile.write(
      counts,
      CountFile.Header(
        pattern: pattern, invalidUTF8: text.invalidUTF8, documents: documents.name,
        inputs: corpus.manifest)
    ) { try output.write($0) }
    try output.finish()
    reporting.diagnostics.note(
      "\(output.name): \(Numbers.count(counts.distinctCount, "distinct pre-token")) of"
        + " \(Numbers.grouped(counts.totalCount))")
  }

  private func learnFromCounts() throws {
    for path in bpe.fromCounts { try Input(path).check() }
    let folder = try FolderWriter(
      try outputPath(Input(bpe.fromCounts[0])), replaces: force)
    let (header, counts) = try CountFile.open(bpe.fromCounts)
    guard let documents = DocumentKind(name: header.documents) else {
      throw Failure(
        .badData,
        "\(bpe.fromCounts[0]): documents of the kind '\(header.documents)' are not known here")
    }
    let learning = try bpe.plan(counted: header.pattern)
    let plan = TrainingPlan(
      model: .bpe(learning), documents: documents, invalidUTF8: header.invalidUTF8,
      specialTokens: specialTokens)
    let heldOut = try heldOutText()
    let trained = try plan.train(learning, counts, try means())
    try finish(
      trained, CorpusReader.sorted(header.inputs), folder, sample: nil, plan, heldOut)
  }

  /// Writes the folder and says what is in it.
  private func finish(
    _ trained: TrainedTokenizer, _ inputs: [JSONValue], _ folder: FolderWriter, sample: String?,
    _ plan: TrainingPlan, _ heldOut: [UInt8]?
  ) throws {
    try folder.write(try trained.files(inputs: inputs))
    if reporting.quiet { return }
    let report = try OutputFile(nil)
    try report.write(
      trained.report(folder: folder.path, sample: sample, reporting.diagnostics))
    if let heldOut, case .bpe(let learning) = plan.model, let base = learning.base {
      let change = try VocabularyChange(
        from: base, to: trained.tokenizer, heldOut, threads: threads.count)
      try report.write("\(bpe.heldOut ?? ""): \(change.description)\n")
    }
    try report.finish()
  }

  /// Read before anything is learnt: a missing file is told at once.
  private func heldOutText() throws -> [UInt8]? { try bpe.heldOut.map { try Input($0).readAll() } }
}
