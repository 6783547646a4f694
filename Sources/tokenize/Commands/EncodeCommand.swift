import ArgumentParser
import Tokenizers

/// `tokenize encode`
struct EncodeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "encode",
    abstract: "Turn text into token ids.",
    discussion: """
      Ids come out while text still goes in, memory stays bounded however long the text, and the ids are \
      those of the whole text at once. Special tokens in the text are ordinary text unless you allow them.

      Formats: 'ids', decimal numbers, one line a document; 'pieces', the tokens as visible text; \
      'jsonl', one object a document; 'u16' and 'u32', raw little-endian numbers, as nanoGPT reads them; \
      'npy', a NumPy array; 'llmc', the file of llm.c. 'u16' is refused (exit status 64) for a vocabulary \
      with larger ids. In u16, u32, npy and llmc documents follow each other with nothing between: see \
      --end-of-text.

      Examples:
        echo "hello world" | tokenize encode --vocab gpt2
        tokenize encode --vocab gpt2 --format u16 -o train.bin corpus.txt
        tokenize encode --vocab gpt2 --lines --format jsonl --offsets reviews.txt
      """)

  @OptionGroup var vocabulary: VocabularyOptions
  @OptionGroup var text: TextOptions

  @Option(help: "How ids are written.")
  var format = EncodingFormat.ids

  @Flag(help: "With --format jsonl: where each token stands in its document, in bytes.")
  var offsets = false

  @Flag(help: "Every line, without its newline, is a document.")
  var lines = false

  @Option(
    help: """
      Text that spells a special token: 'text' takes it for ordinary text; 'allow' makes it the special \
      token; 'refuse' exits with 65.
      """)
  var special = SpecialTokenPolicy.text

  @Flag(help: "End each document with the vocabulary's end-of-text token.")
  var endOfText = false

  @Flag(
    help: "Begin each document with <bos> and end it with <eos>, where the vocabulary has them.")
  var addSpecialTokens = false

  @OptionGroup var output: OutputOptions
  @OptionGroup var engine: EngineOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var reporting: RunOptions
  @OptionGroup var input: InputOptions

  /// What is asked for.
  var request: EncodeRequest {
    var request = EncodeRequest(
      CommonRequest(vocabulary, engine, output, threads, reporting, input))
    request.invalidUTF8 = text.invalidUTF8
    request.format = format
    request.offsets = offsets
    request.lines = lines
    request.special = special
    request.endOfText = endOfText
    request.addSpecialTokens = addSpecialTokens
    return request
  }

  func validate() throws { try request.validate() }

  func run() throws { try request.run() }
}
