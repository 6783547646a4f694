import ArgumentParser
import MiniLM
import Tokenizers

/// `tokenize lm train`
struct LMTrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Train a small language model on text or on tokens.",
    discussion: """
      Text is encoded with --vocab on the way; --tokens reads ids instead, as 'encode' writes them. \
      '--vocab char' and '--vocab word' are fitted to the text. The run folder (-o, by default runs/ and \
      the first file's name) holds the model, its log and the tokenizer: 'lm sample' needs nothing else. \
      Ctrl-C saves what there is and ends; --resume goes on from there.

      With --preset a known recipe is the start, and a gpt the model.

      What is not given is the model's own default, which the run folder's run.json notes.

      Examples:
        tokenize lm train --model bigram --vocab char corpus.txt
        tokenize lm train --preset nanogpt-cpu --vocab char -o runs/gpt corpus.txt
        tokenize lm train --model minilm --vocab gpt2 --steps 2000 --seed 1 -o runs/a corpus.txt
        tokenize encode --vocab gpt2 --format u16 corpus.txt |
          tokenize lm train --model minilm --vocab gpt2 --tokens u16 -o runs/a -
      """)

  @Option(
    help: ArgumentHelp(
      "The tokenizer, by name or path; char, word and byte need no files.", valueName: "name|path"),
    completion: .custom(completeVocabulary))
  var vocab: String?

  @Option(
    help: ArgumentHelp(
      "How text is split, in the place of what the tokenizer's files say.",
      valueName: "name|regex"))
  var pattern: PatternArgument?

  @Option(help: "The input is token ids in this format, not text.")
  var tokens: TokenStreamFormat?

  @Flag(help: "End each file with the vocabulary's end-of-text token.")
  var endOfText = false

  @OptionGroup(title: "Model and training") var model: ModelOptions

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "The run folder (default: runs/ and the first file's name).", valueName: "dir"),
    completion: .directory)
  var output: String?

  @Flag(help: "Replace a run that is there already.")
  var force = false

  @Flag(
    help:
      "Go on with the run in the folder, up to --steps; all but --threads and --precision is the run's."
  )
  var resume = false

  @OptionGroup var threads: ThreadOptions
  @OptionGroup var reporting: RunOptions
  @OptionGroup var input: InputOptions

  func validate() throws {
    if resume {
      if force { throw ValidationError("--resume and --force do not go together") }
      if vocab != nil {
        throw ValidationError("--resume takes the tokenizer of the run: no --vocab")
      }
      return
    }
    guard let vocab else {
      throw ValidationError("give --vocab: a name, a path, char, word or byte")
    }
    if tokens != nil, vocab == "char" || vocab == "word" {
      throw ValidationError(
        "--vocab \(vocab) is fitted to text, and --tokens are ids: give the vocabulary they were made with"
      )
    }
    if tokens != nil, endOfText {
      throw ValidationError("--end-of-text belongs to text: with --tokens it is in the ids already")
    }
  }

  func run() throws {
    let inputs = try input.open()
    let folder = RunFolder(path: try outputPath(inputs))
    let job: TrainingJob
    if resume {
      job = try resumed(folder, inputs)
    } else {
      // What cannot be is refused before the first byte is read.
      _ = try FolderWriter(folder.path, replaces: force)
      job = try begun(folder, inputs)
    }
    try job.run()
  }

  private func outputPath(_ inputs: [Input]) throws -> String {
    if let output, !output.isEmpty { return output }
    guard output == nil, let path = inputs.first?.path else {
      throw Failure(.usage, "standard input has no name to call the run by: give -o DIR")
    }
    return "runs/" + Paths.stem(of: path)
  }

  private func begun(_ folder: RunFolder, _ inputs: [Input]) throws -> TrainingJob {
    let vocab = vocab ?? ""
    let options = try model.options(threads: threads.count)
    let corpus: TokenCorpus
    let meter = reporting.diagnostics.meter("reading", unit: "B")
    var source: String?
    if vocab == "char" || vocab == "word" {
      let fitted = try FittedTokenizer(
        kind: vocab == "char" ? .characters(.scalar) : .words(.whitespace, lowercases: false),
        CorpusReader(inputs: inputs, lines: false, meter: meter), invalidUTF8: .refuse,
        specialTokens: endOfText ? ["<|endoftext|>"] : [], threads: threads.count)
      corpus = try fitted.corpus(endOfText: endOfText, threads: threads.count)
      try check(options, fitted.tokenizer)
    } else {
      source = try VocabularyLocator.find(vocab)
      let tokenizer = try VocabularyOptions.load(vocab, pattern)
      try check(options, tokenizer)
      if let tokens {
        corpus = try .reading(inputs, tokenizer, format: tokens, meter)
      } else {
        corpus = try .encoding(
          inputs, tokenizer, endOfText: try endOfTextID(tokenizer), threads: threads.count, meter)
      }
    }
    let evaluationTokens = model.evalTokens ?? ModelOptions.defaultEvaluationTokens
    let (training, validation) = try model.split(
      corpus.stream, validation: try validationStream(corpus),
      fraction: options.validationFraction, evaluationTokens: evaluationTokens)
    let trainer = try Trainer(options: options, training: training, validation: validation)
    trainer.metadata["vocabulary"] = vocab
    trainer.metadata["evaluationTokens"] = "\(evaluationTokens)"
    try folder.make(
      corpus.tokenizer, source: source, description: description(options, corpus, vocab),
      replaces: force)
    return TrainingJob(folder, trainer, corpus, validation: validation, reporting, isNew: true)
  }

  private func resumed(_ folder: RunFolder, _ inputs: [Input]) throws -> TrainingJob {
    let tokenizer = try folder.loadTokenizer()
    let checkpoint = try folder.loadCheckpoint()
    let meter = reporting.diagnostics.meter("reading", unit: "B")
    let corpus: TokenCorpus =
      if let tokens {
        try .reading(inputs, tokenizer, format: tokens, meter)
      } else {
        try .encoding(
          inputs, tokenizer, endOfText: try endOfTextID(tokenizer), threads: threads.count, meter)
      }
    // Losses are only to be compared if they are of the same tokens.
    let before = checkpoint.metadata["evaluationTokens"].flatMap { Int($0) }
    let evaluationTokens = model.evalTokens ?? before ?? ModelOptions.defaultEvaluationTokens
    let (training, validation) = try model.split(
      corpus.stream, validation: try validationStream(corpus),
      fraction: checkpoint.options.validationFraction, evaluationTokens: evaluationTokens)
    let trainer = try Trainer(resuming: checkpoint, training: training, validation: validation) {
      if let steps = model.steps { $0.steps = steps }
      if let threads = threads.threads { $0.threads = threads }
      if let precision = model.precision { $0.precision = precision }
    }
    trainer.metadata["evaluationTokens"] = "\(evaluationTokens)"
    if trainer.step >= trainer.options.steps {
      throw Failure(
        .usage,
        "\(folder.path): all \(trainer.step) steps are done; --steps with a larger number goes on")
    }
    return TrainingJob(
      folder, trainer, corpus, validation: validation, reporting, isNew: false)
  }

  /// The tokens of the file that --val names.
  private func validationStream(_ corpus: TokenCorpus) throws -> TokenStream? {
    guard let path = model.validation else { return nil }
    let input = Input(path)
    try input.check()
    let meter = reporting.diagnostics.meter("reading", unit: "B")
    if let tokens {
      return try TokenCorpus.reading([input], corpus.tokenizer, format: tokens, meter).stream
    }
    return try TokenCorpus.encoding(
      [input], corpus.tokenizer, endOfText: try endOfTextID(corpus.tokenizer),
      threads: threads.count, meter
    ).stream
  }

  private func endOfTextID(_ tokenizer: Tokenizer) throws -> TokenID? {
    guard endOfText else { return nil }
    guard let id = tokenizer.specialTokens.endOfText else {
      throw Failure(.usage, "--end-of-text: the vocabulary has no end-of-text token")
    }
    return id
  }

  /// Refuses a model that does not fit in memory: parameters, gradients of each worker, the optimizer.
  private func check(_ options: TrainingOptions, _ tokenizer: Tokenizer) throws {
    try options.configuration(vocabularySize: TokenCorpus.modelVocabularySize(tokenizer))
      .check(copies: options.copiesOfParameters)
  }

  private func description(
    _ options: TrainingOptions, _ corpus: TokenCorpus, _ vocab: String
  ) -> JSONValue {
    .members([
      "program": .string("tokenize \(Tokenize.programVersion)"),
      "vocabulary": .string(Paths.name(of: vocab)), "model": .string(options.model.rawValue),
      "vocabularySize": .integer(corpus.stream.vocabularySize),
      "parameters": .integer(
        options.configuration(vocabularySize: corpus.stream.vocabularySize).parameterCount ?? 0),
      "steps": .integer(options.steps), "batchSize": .integer(options.batchSize),
      "blockSize": .integer(options.blockSize), "accumulation": .integer(options.accumulation),
      "products": .string(
        options.model == .bigram ? "none" : MatMul.engineDescription(options.precision)),
      "kernels": .string(Kernels.levelDescription),
      "averageDecay": options.averageDecay.map { .number($0) } ?? .null,
      "learningRate": .number(options.learningRate),
      "validationFraction": .number(options.validationFraction),
      "seed": .string("\(options.seed)"), "threads": .integer(options.threads),
      "tokens": .integer(corpus.stream.count), "bytes": .integer(corpus.byteCount),
    ])
  }
}
