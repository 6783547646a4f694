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
      compared. Every token but the first is predicted once.

      Examples:
        tokenize lm eval runs/corpus other.txt
        tokenize lm eval runs/a --tokens u16 --json val.bin
      """)

  @Argument(help: ArgumentHelp("The folder of the run.", valueName: "run"), completion: .directory)
  var folder: String

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
    let tokenizer = try run.loadTokenizer()
    let checkpoint = try run.loadCheckpoint()
    let meter = reporting.diagnostics.meter("reading", unit: "B")
    let corpus: TokenCorpus =
      if let tokens {
        try .reading(inputs, tokenizer, format: tokens, meter)
      } else {
        try .encoding(inputs, tokenizer, endOfText: nil, threads: threads.count, meter)
      }
    let evaluation = try Evaluation.evaluate(
      checkpoint.model, on: corpus.stream, blockSize: checkpoint.options.blockSize,
      threads: threads.count)
    let bytesPerToken = Double(corpus.byteCount) / Double(max(1, corpus.stream.count))
    let bits = evaluation.bitsPerByte(bytesPerToken: bytesPerToken)
    let output = try output.open()
    if json {
      let document: JSONValue = .members([
        "loss": .number(evaluation.loss), "perplexity": .number(evaluation.perplexity),
        "bitsPerByte": .number(bits), "tokens": .integer(corpus.stream.count),
        "predictions": .integer(evaluation.predictions), "bytes": .integer(corpus.byteCount),
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
    }
    try output.finish()
  }
}
