import ArgumentParser
import Tokenizers

/// `tokenize inspect`
struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Look into a vocabulary.",
    discussion: """
      Without --token or --lint: size, kinds of tokens, special tokens, split pattern, the longest tokens. \
      --token shows how one token is built, merge by merge; it is given by its id, its text, or its \
      spelling in the file (\u{120}the). --lint lists tokens that no text can give, because merging their own \
      bytes does not make them, and exits with 1 if there are any.

      Examples:
        tokenize inspect --vocab gpt2
        tokenize inspect --vocab gpt2 --token ' hello'
        tokenize inspect --vocab vocabs/mine --lint
      """)

  @OptionGroup var vocabulary: VocabularyOptions

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Show how this token is built.", valueName: "token|id"))
  var token: String?

  @Flag(help: "List tokens that no text can give.")
  var lint = false

  @Option(help: ArgumentHelp("How many of the longest tokens to show.", valueName: "n"))
  var longest = 10

  @Flag(help: "Write JSON.")
  var json = false

  @OptionGroup var output: OutputOptions
  @OptionGroup var reporting: RunOptions

  func validate() throws {
    if lint, token != nil { throw ValidationError("--lint and --token do not go together") }
    if longest < 0 { throw ValidationError("--longest is \(longest); 0 or more expected") }
  }

  func run() throws {
    let tokenizer = try vocabulary.load()
    let inspection = Inspection(tokenizer, vocabulary.vocab, reporting.diagnostics)
    let unreachable = lint ? tokenizer.unreachableTokens() : []
    let text: String
    if let token {
      guard let id = inspection.find(token) else {
        throw Failure(
          .badData,
          "--token: no token of '\(vocabulary.vocab)' is '\(token)', by id, text or spelling")
      }
      text = json ? inspection.derivationJSON(id).prettyPrinted : inspection.derivation(id)
    } else if lint {
      text = json ? inspection.lintJSON(unreachable).prettyPrinted : inspection.lint(unreachable)
    } else {
      let report = VocabularyReport(of: tokenizer, longest: longest)
      text = json ? inspection.summaryJSON(report).prettyPrinted : inspection.summary(report)
    }
    let output = try output.open()
    try output.write(text)
    try output.finish()
    if !unreachable.isEmpty { Machine.end(ExitStatus.difference.rawValue) }
  }
}
