import ArgumentParser
import Tokenizers

/// `tokenize prepare`
struct PrepareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prepare",
    abstract: "Make later starts with a vocabulary faster.",
    discussion: """
      Writes what reading the vocabulary's files gives to a file of its own, which later runs of every \
      command load instead. It is used only as long as the vocabulary's files are byte for byte those that it \
      was made of; otherwise they are read as before. Nothing comes out differently.

      It is written to ~/.cache/tokenize (or $XDG_CACHE_HOME/tokenize), or to the first of the folders in \
      $TOKENIZE_PREPARED, where it is looked for too; an empty $TOKENIZE_PREPARED switches all of this off. To \
      take it away, delete the file. Only a folder with vocab.json and merges.txt has a prepared form.

      Examples:
        tokenize prepare --vocab gpt2
        tokenize prepare --vocab vocabs/mine
      """)

  @Option(
    help: ArgumentHelp("The tokenizer, as for the other commands.", valueName: "name|path"),
    completion: .custom(completeVocabulary))
  var vocab: String

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("Write into this folder instead.", valueName: "folder"),
    completion: .directory)
  var output: String?

  @OptionGroup var reporting: RunOptions

  func run() throws {
    guard let path = try VocabularyLocator.find(vocab) else {
      throw Failure(.usage, "--vocab byte is read from no files, and has no prepared form")
    }
    guard let folder = output ?? PreparedFolders.first else {
      throw Failure(
        .usage,
        "there is no folder for prepared forms: \(PreparedFolders.variable) is empty, or HOME is not set;"
          + " give one with --output")
    }
    let form = try PreparedVocabulary.make(folder: path)
    do {
      try Paths.makeFolders(folder)
    } catch {
      throw Failure(.cannotCreate, "\(folder): cannot be made: \(error.reason)")
    }
    // Others must not be able to write it, whatever the umask: it would not be used.
    let file = try OutputFile(folder + "/" + form.name, permissions: 0o644)
    try file.write(form.bytes)
    try file.finish()
    reporting.diagnostics.note("\(folder)/\(form.name)")
  }
}
