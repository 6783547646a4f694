import ArgumentParser
import Tokenizers

/// `tokenize decode`
struct DecodeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "decode",
    abstract: "Turn token ids into text, byte for byte.",
    discussion: """
      Reads what 'encode' writes. Ids are read strictly: decimal digits and white space only, numbers of \
      the right width only. An id that the vocabulary does not hold ends the program with status 65, its \
      value and its position (from 0). On a terminal the beginning of a character waits for its end.

      Examples:
        echo 31373 995 | tokenize decode --vocab gpt2
        tokenize decode --vocab gpt2 --format u16 -o corpus.txt train.bin
        tokenize encode --vocab gpt2 book.txt | tokenize decode --vocab gpt2 | cmp - book.txt
      """)

  @OptionGroup var vocabulary: VocabularyOptions

  @Option(help: "How ids are written in the input.")
  var format = TokenFileFormat.ids

  @Flag(
    help: """
      Every line of ids is a document, and a newline follows its text: the way back from 'encode --lines'.
      """)
  var lines = false

  @Flag(help: "Leave special tokens out of the text.")
  var skipSpecialTokens = false

  @OptionGroup var output: OutputOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var reporting: RunOptions
  @OptionGroup var input: InputOptions

  /// What is asked for.
  var request: DecodeRequest {
    var request = DecodeRequest(CommonRequest(vocabulary, nil, output, threads, reporting, input))
    request.format = format
    request.lines = lines
    request.skipSpecialTokens = skipSpecialTokens
    return request
  }

  func validate() throws { try request.validate() }

  func run() throws { try request.run() }
}
