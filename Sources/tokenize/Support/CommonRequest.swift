import Tokenizers

/// What the verbs of pipelines share of what they are asked to do, however it was said: values, without the
/// argument parser's wrappers around them, which take longer to make than a short text to encode.
struct CommonRequest {
  var vocab: String
  var pattern: PatternArgument?
  var engine = Engine.automatic
  var output: String?
  var threads: Int?
  var files: [String] = []
  var isQuiet = false
  var progress = ProgressMode.auto
  var color = ColorMode.auto

  init(vocab: String) { self.vocab = vocab }

  /// As the argument parser has read it.
  init(
    _ vocabulary: VocabularyOptions, _ engine: EngineOptions? = nil, _ output: OutputOptions,
    _ threads: ThreadOptions, _ reporting: RunOptions, _ input: InputOptions
  ) {
    vocab = vocabulary.vocab
    pattern = vocabulary.pattern
    if let engine { self.engine = engine.engine }
    self.output = output.output
    self.threads = threads.threads
    files = input.files
    isQuiet = reporting.quiet
    progress = reporting.progress
    color = reporting.color
  }

  var diagnostics: Diagnostics { Diagnostics(isQuiet: isQuiet, progress: progress, color: color) }

  /// How many threads work.
  var threadCount: Int { threads ?? Machine.coreCount }

  /// Reads the tokenizer.
  func load() throws -> Tokenizer { try VocabularyOptions.load(vocab, pattern, engine) }

  /// The inputs in order, each known to be there.
  func openInputs(includingFolders: Bool = false) throws -> [Input] {
    try Input.open(files, includingFolders: includingFolders)
  }

  func openOutput() throws -> OutputFile { try OutputFile(output) }
}
