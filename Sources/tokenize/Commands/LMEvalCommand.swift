import ArgumentParser
import MiniLM
import Tokenizers

/// `tokenize lm eval`
struct LMEvalCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval",
    abstract: "Measure how well a trained model predicts a text.",
    discussion: """
      Loss in nats a token, perplexity, and bits per byte, by which models with different tokenizers can be \
      compared. Every token but the first is predicted once, from what stands before it in its window: \
      windows have --context tokens and begin every --stride tokens. A smaller stride gives each token more \
      to go on, and takes longer.

      Examples:
        tokenize lm eval runs/corpus other.txt
        tokenize lm eval runs/a --tokens u16 --json val.bin
      """)

  @Argument(help: ArgumentHelp("The folder of the run.", valueName: "run"), completion: .directory)
  var folder: String

  @Option(
    help: ArgumentHelp("Tokens of a window (default: all that the model looks at).", valueName: "n")
  )
  var context: Int?

  @Option(
    help: ArgumentHelp(
      "Tokens from one window to the next (default: half a window).", valueName: "n"))
  var stride: Int?

  @Option(help: "The model after the last step, or the one with the lowest validation loss.")
  var checkpoint = RunFolder.Which.last

  @Option(
    help: ArgumentHelp("The tokenizer, where the folder has none.", valueName: "name|path"),
    completion: .custom(completeVocabulary))
  var vocab: String?

  @Option(help: "The input is token ids in this format, not text.")
  var tokens: TokenStreamFormat?

  @Flag(help: "Write one JSON object.")
  var json = false

  @OptionGroup var output: OutputOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var reporting: RunOptions
  @OptionGroup var input: InputOptions

  func run() throws {
    let inputs = try input.open()
    let run = RunFolder(path: folder)
    let tokenizer = try run.loadTokenizer(vocab)
    let model = try run.loadModel(checkpoint, for: tokenizer)
    // What looks at one token does not care where windows begin.
    let context = context ?? (model.configuration.kind == .gpt ? model.contextLength : 1024)
    let stride = stride ?? max(1, context / 2)
    let meter = reporting.diagnostics.meter("reading", unit: "B")
    let corpus: TokenCorpus =
      if let tokens {
        try .reading(inputs, tokenizer, format: tokens, meter)
      } else {
        try .encoding(inputs, tokenizer, endOfText: nil, threads: threads.count, meter)
      }
    let evaluation = try Evaluation.evaluate(
      model, on: try corpus.stream(vocabularySize: model.vocabularySize), blockSize: context,
      stride: stride, threads: threads.count)
    let bytesPerToken = Double(corpus.byteCount) / Double(max(1, corpus.stream.count))
    let bits = evaluation.bitsPerByte(bytesPerToken: bytesPerToken)
    let output = try output.open()
    if json {
      let document: JSONValue = .members([
        "loss": .number(evaluation.loss), "perplexity": .number(evaluation.perplexity),
        "bitsPerByte": .number(bits), "tokens": .integer(corpus.stream.count),
        "predictions": .integer(evaluation.predictions), "bytes": .integer(corpus.byteCount),
        "context": .integer(context), "stride": .integer(stride),
      ])
      try output.write(document.compact + "\n")
    } else {
      try output.write(
        """
        loss           \(Numbers.fixed(evaluation.loss, 4)) nats per token
        perplexity     \(Numbers.fixed(evaluation.perplexity, 3))
        bits per byte  \(Numbers.fixed(bits, 4))
        tokens         \(Numbers.grouped(corpus.stream.count)) of \(Numbers.grouped(corpus.byteCount)) bytes

        """)
      if model.configuration.kind == .gpt {
        try output.write(
          "windows        \(Numbers.grouped(context)) tokens, every \(Numbers.grouped(stride))\n")
      }
    }
    try output.finish()
  }
}
