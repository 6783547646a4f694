import ArgumentParser
import Tokenizers

/// `tokenize count`
struct CountCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "count",
    abstract: "Count the tokens of texts, as 'wc' counts words.",
    discussion: """
      One line a file, its number of tokens and its name; a total for several. A folder stands for all \
      files in it and in the folders below, in the order of their names; names that begin with a dot, and \
      links in it, are left out.

      Examples:
        tokenize count --vocab gpt2 Sources
        tokenize count --vocab gpt2 *.txt
        git diff | tokenize count --vocab cl100k_base.tiktoken
        tokenize count --vocab gpt2 --json book.txt
      """)

  @OptionGroup var vocabulary: VocabularyOptions
  @OptionGroup var text: TextOptions

  @Option(
    help: """
      Text that spells a special token: 'text' takes it for ordinary text; 'allow' makes it the special \
      token; 'refuse' exits with 65.
      """)
  var special = SpecialTokenPolicy.text

  @Flag(help: "Write one JSON object with the tokens and bytes of each file.")
  var json = false

  @OptionGroup var output: OutputOptions
  @OptionGroup var engine: EngineOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var reporting: RunOptions
  @OptionGroup var input: InputOptions

  /// What is asked for.
  var request: CountRequest {
    var request = CountRequest(
      CommonRequest(vocabulary, engine, output, threads, reporting, input))
    request.invalidUTF8 = text.invalidUTF8
    request.special = special
    request.json = json
    return request
  }

  func run() throws { try request.run() }
}
