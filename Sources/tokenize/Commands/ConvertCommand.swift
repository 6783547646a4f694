import ArgumentParser
import Tokenizers

/// `tokenize convert`
struct ConvertCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Write a tokenizer in another file format.",
    discussion: """
      The target is told by its name: one that ends in .tiktoken is a rank table, one that ends in .json \
      Hugging Face's tokenizer.json, any other a folder with vocab.json and merges.txt, and with \
      manifest.json where those two leave something out (another split pattern than GPT-2's, special \
      tokens that do not show). What the target cannot hold is named and refused (exit status 65).

      Examples:
        tokenize convert --vocab r50k_base.tiktoken -o vocabs/gpt2
        tokenize convert --vocab vocabs/mine -o mine.tiktoken --drop-special-tokens
        tokenize convert --vocab gpt2 -o tokenizer.json
      """)

  @OptionGroup var vocabulary: VocabularyOptions

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("The folder or file to write.", valueName: "path"), completion: .file())
  var output: String

  @Flag(help: "Leave special tokens out where the target cannot hold them.")
  var dropSpecialTokens = false

  @Flag(help: "Replace a folder of this program's that is there already.")
  var force = false

  @OptionGroup var reporting: RunOptions

  func run() throws {
    let tokenizer = try vocabulary.load()
    do {
      if output.hasSuffix(".tiktoken") {
        try write(try rankTable(tokenizer))
      } else if output.hasSuffix(".json") {
        try write(try file(named: "tokenizer.json", of: tokenizer))
      } else {
        try FolderWriter(output, replaces: force).write(try folder(tokenizer))
      }
    } catch let error as FormatError {
      throw Failure(.badData, "\(output): cannot hold '\(vocabulary.vocab)': \(error.message)")
    }
  }

  private func write(_ bytes: [UInt8]) throws {
    let file = try OutputFile(output)
    try file.write(bytes)
    try file.finish()
  }

  /// A folder with what says all, and nothing that says it twice.
  private func folder(_ tokenizer: Tokenizer) throws -> [(name: String, bytes: [UInt8])] {
    let files = try TokenizerFolder.files(of: tokenizer)
    guard tokenizer.model is BPEModel else { return files }
    let pair = files.filter { $0.name == "vocab.json" || $0.name == "merges.txt" }
    return try GPT2Files.say(everythingOf: tokenizer, pair)
      ? pair : files.filter { $0.name != "tokenizer.json" }
  }

  private func file(named name: String, of tokenizer: Tokenizer) throws -> [UInt8] {
    guard let file = try TokenizerFolder.files(of: tokenizer).first(where: { $0.name == name })
    else {
      throw FormatError(place: .file, message: "only BPE vocabularies have a \(name)")
    }
    return file.bytes
  }

  private func rankTable(_ tokenizer: Tokenizer) throws -> [UInt8] {
    guard let model = tokenizer.model as? BPEModel else {
      throw FormatError(place: .file, message: "a rank table holds BPE vocabularies only")
    }
    let name = Paths.name(of: output)
    let known = KnownEncoding.named(String(name.dropLast(".tiktoken".count)))
    let isKnown =
      known.map {
        Set($0.specialTokens) == Set(tokenizer.specialTokens.entries)
          && $0.pattern == tokenizer.splitPattern
      } ?? false
    if let known, !isKnown {
      throw FormatError(
        place: .file,
        message:
          "the name '\(name)' stands for OpenAI's \(known.name), whose special tokens and pattern"
          + " are others; choose another name")
    }
    if !isKnown {
      let special = tokenizer.specialTokens.entries.map(\.text)
      if !special.isEmpty, !dropSpecialTokens {
        throw FormatError(
          place: .file,
          message: "a rank table has no place for special tokens, and there are"
            + " \(special.joined(separator: ", ")); --drop-special-tokens leaves them out")
      }
      if let pattern = tokenizer.splitPattern {
        let argument = pattern.name == "custom" ? "'\(pattern.expression)'" : pattern.name
        reporting.diagnostics.note(
          "a rank table does not say how text is split: use it with --pattern \(argument)")
      }
    }
    return try TiktokenFile.bytes(of: model, specialTokens: tokenizer.specialTokens)
  }
}
