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

  func validate() throws {
    if offsets, format != .jsonl {
      throw ValidationError("--offsets belongs to --format jsonl")
    }
  }

  func run() throws {
    let diagnostics = reporting.diagnostics
    let inputs = try input.open()
    let tokenizer = try vocabulary.load(engine)
    if offsets { try checkOffsets(tokenizer) }
    let output = try output.open()
    let job = EncodingJob(
      tokenizer, EncodingOptions(special: special, invalidUTF8: text.invalidUTF8),
      threads: threads.count,
      writer: try format.makeWriter(output, tokenizer, offsets: offsets), output: output,
      prefix: addSpecialTokens ? tokenizer.specialTokens["<bos>"] : nil,
      suffixes: try suffixes(tokenizer))
    let meter = diagnostics.meter("encoding", unit: "B", total: nil)
    if !lines, special == .text, let formatter = job.writer.formatter {
      let pipeline = EncodingPipeline(
        tokenizer, invalidUTF8: text.invalidUTF8, threads: threads.count)
      try job.encode(inputs, formatter, pipeline, meter)
    } else {
      for input in inputs {
        if lines { try job.encodeLines(of: input, meter) } else { try job.encode(input, meter) }
      }
    }
    try job.writer.finish()
    try output.finish()
    meter.finish(job.byteCount)
    Tokenize.endDone()
  }

  private func suffixes(_ tokenizer: Tokenizer) throws -> [TokenID] {
    var ids: [TokenID] = []
    if addSpecialTokens, let last = tokenizer.specialTokens["<eos>"] { ids.append(last) }
    if endOfText {
      guard let end = tokenizer.specialTokens.endOfText else {
        let known = tokenizer.specialTokens.entries.map(\.text).joined(separator: ", ")
        throw Failure(
          .usage,
          "--end-of-text: the vocabulary '\(vocabulary.vocab)' has no end-of-text token"
            + (known.isEmpty ? "" : ", only \(known)"))
      }
      // Of one token that is both, one is enough.
      if !ids.contains(end) { ids.append(end) }
    }
    return ids
  }

  /// Offsets follow from the tokens' lengths, where tokens are the bytes of the text and nothing else.
  private func checkOffsets(_ tokenizer: Tokenizer) throws {
    if text.invalidUTF8 == .replace {
      throw Failure(
        .usage,
        "--offsets does not go with --invalid-utf8 replace: offsets would be those of another text")
    }
    if tokenizer.model is WordModel {
      throw Failure(.usage, "--offsets: a tokenizer of words drops what stands between them")
    }
    if let model = tokenizer.model as? CharacterModel, model.unknown != nil {
      throw Failure(.usage, "--offsets: <unk> does not say how long the character was")
    }
  }
}

/// Documents into ids into bytes.
private final class EncodingJob {
  private let tokenizer: Tokenizer
  private let options: EncodingOptions
  private let threads: Int
  private lazy var encoder = StreamEncoder(tokenizer, options: options, threads: threads)
  let writer: any TokenWriter
  let output: OutputFile
  let prefix: TokenID?
  let suffixes: [TokenID]
  private(set) var byteCount = 0

  init(
    _ tokenizer: Tokenizer, _ options: EncodingOptions, threads: Int, writer: any TokenWriter,
    output: OutputFile, prefix: TokenID?, suffixes: [TokenID]
  ) {
    self.tokenizer = tokenizer
    self.options = options
    self.threads = threads
    self.writer = writer
    self.output = output
    self.prefix = prefix
    self.suffixes = suffixes
  }

  /// One input, one document, parts of it by several threads at the same time.
  func encode(
    _ inputs: [Input], _ formatter: IDFormatter, _ pipeline: EncodingPipeline,
    _ meter: ProgressMeter
  ) throws {
    let sequence = InputSequence(inputs)
    do {
      try pipeline.run(documents: inputs.count, open: sequence.open, read: sequence.read) { part in
        formatter.append(part.ids, to: &part.output)
      } put: { part in
        if part.offset == 0 { try begin() }
        try part.output.withSpan { try writer.write(formatted: $0) }
        if part.isLast { try endDocument() }
        // The next program in the pipe may be waiting for what is done.
        if !sequence.isFile { try output.flush() }
        byteCount += part.byteCount
        meter.update(byteCount)
      }
    } catch let error as DocumentError {
      throw Failure.of(inputs[error.document].name, error.error)
    }
  }

  /// One input, one document.
  func encode(_ input: Input, _ meter: ProgressMeter) throws {
    try begin()
    // The next program in the pipe may be waiting for what is done.
    try input.forEachBlock(whenIdle: { try output.flush() }) { block in
      for piece in try encoder.append(block) { try writer.write(piece) }
      byteCount += block.count
      meter.update(byteCount)
    }
    do {
      try end()
    } catch {
      throw Failure.of(input.name, error)
    }
  }

  /// One input, one document a line.
  func encodeLines(of input: Input, _ meter: ProgressMeter) throws {
    var line = 1
    var isNew = true
    try input.forEachLinePiece(whenIdle: { try output.flush() }) { piece, isEnd in
      do {
        if isNew { try begin() }
        isNew = isEnd
        for piece in try encoder.append(piece) { try writer.write(piece) }
        if isEnd { try end() }
      } catch let error as TokenizerError {
        throw Failure(.badData, "\(input.name): line \(line): \(error)")
      }
      byteCount += piece.count
      if isEnd {
        line += 1
        meter.update(byteCount)
      }
    }
  }

  private func begin() throws {
    if let prefix { try writer.writeAdded(prefix) }
  }

  private func end() throws {
    for piece in try encoder.finish() { try writer.write(piece) }
    try endDocument()
  }

  private func endDocument() throws {
    for id in suffixes { try writer.writeAdded(id) }
    try writer.endDocument()
  }
}
