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

  private struct Count {
    var name: String?
    var tokens = 0
    var bytes = 0

    var json: JSONValue {
      .object(
        (name.map { [JSONValue.Member("file", .string($0))] } ?? [])
          + [.init("tokens", .integer(tokens)), .init("bytes", .integer(bytes))])
    }
  }

  func run() throws {
    let inputs = try input.open(includingFolders: true)
    let tokenizer = try vocabulary.load(engine)
    let meter = reporting.diagnostics.meter("counting", unit: "B")
    var counts =
      special == .text
      ? try count(inputs, tokenizer, meter) : try countInTurn(inputs, tokenizer, meter)
    let total = Count(
      name: "total", tokens: counts.reduce(0) { $0 + $1.tokens },
      bytes: counts.reduce(0) { $0 + $1.bytes })
    let output = try output.open()
    if json {
      let document: JSONValue = .members([
        "files": .array(counts.map(\.json)), "tokens": .integer(total.tokens),
        "bytes": .integer(total.bytes),
      ])
      try output.write(document.compact + "\n")
    } else {
      if counts.count > 1 { counts.append(total) }
      let width = String(total.tokens).count
      for count in counts {
        let number = String(count.tokens)
        let padding = String(repeating: " ", count: width - number.count)
        try output.write(padding + number + (count.name.map { " " + $0 } ?? "") + "\n")
      }
    }
    try output.finish()
    Tokenize.endDone()
  }

  /// Parts of the inputs are counted by several threads at the same time; no ids are kept.
  private func count(
    _ inputs: [Input], _ tokenizer: Tokenizer, _ meter: ProgressMeter
  ) throws -> [Count] {
    var counts = inputs.map { Count(name: $0.path) }
    let pipeline = EncodingPipeline(
      tokenizer, invalidUTF8: text.invalidUTF8, threads: threads.count)
    let sequence = InputSequence(inputs)
    var done = 0
    do {
      try pipeline.run(documents: inputs.count, open: sequence.open, read: sequence.read) { _ in
      } put: { part in
        counts[part.document].tokens += part.ids.count
        counts[part.document].bytes += part.byteCount
        done += part.byteCount
        meter.update(done)
      }
    } catch let error as DocumentError {
      throw Failure.of(inputs[error.document].name, error.error)
    }
    meter.finish(done)
    return counts
  }

  /// The same where text may spell special tokens.
  private func countInTurn(
    _ inputs: [Input], _ tokenizer: Tokenizer, _ meter: ProgressMeter
  ) throws -> [Count] {
    let encoder = StreamEncoder(
      tokenizer, options: EncodingOptions(special: special, invalidUTF8: text.invalidUTF8),
      threads: threads.count)
    var done = 0
    let counts = try inputs.map { input in
      var count = Count(name: input.path)
      try input.forEachBlock { block in
        for piece in try encoder.append(block) { count.tokens += piece.count }
        count.bytes += block.count
        done += block.count
        meter.update(done)
      }
      do {
        for piece in try encoder.finish() { count.tokens += piece.count }
      } catch {
        throw Failure.of(input.name, error)
      }
      return count
    }
    meter.finish(done)
    return counts
  }
}
