import ArgumentParser
import Tokenizers

/// What `decode` is asked to do.
struct DecodeRequest {
  var common: CommonRequest
  var format = TokenFileFormat.ids
  var lines = false
  var skipSpecialTokens = false

  init(_ common: CommonRequest) { self.common = common }

  func validate() throws {
    if lines, format != .ids, format != .jsonl {
      throw ValidationError("--lines belongs to --format ids and jsonl")
    }
  }

  func run() throws {
    let inputs = try common.openInputs()
    let tokenizer = try common.load()
    let output = try common.openOutput()
    let job = DecodingJob(
      tokenizer, format, output, skipped: skipSpecialTokens ? tokenizer.specialTokens : nil)
    let meter = common.diagnostics.meter("decoding", unit: "ids")
    if !lines, !output.isTerminal,
      let pipeline = DecodingPipeline(
        tokenizer, format, skipping: skipSpecialTokens ? tokenizer.specialTokens : nil,
        threads: common.threadCount)
    {
      try job.decode(inputs, pipeline, meter)
      try output.finish()
      meter.finish(job.idCount)
      Tokenize.endDone()
    }
    for input in inputs {
      if lines { try job.decodeLines(of: input, meter) } else { try job.decode(input, meter) }
    }
    try output.finish()
    meter.finish(job.idCount)
    Tokenize.endDone()
  }
}

/// Bytes into ids into text.
private final class DecodingJob {
  private let tokenizer: Tokenizer
  private let format: TokenFileFormat
  private let output: OutputFile
  private let skipped: SpecialTokens?
  private var decoder: any TokenDecoder
  private var reader: TokenFileReader
  private var ids: [TokenID] = []
  private var text: [UInt8] = []
  /// On a terminal only.
  private var characters: WholeCharacters?
  /// Ids of this input before those in `ids`.
  private var position = 0
  private(set) var idCount = 0

  init(
    _ tokenizer: Tokenizer, _ format: TokenFileFormat, _ output: OutputFile, skipped: SpecialTokens?
  ) {
    self.tokenizer = tokenizer
    self.format = format
    self.output = output
    self.skipped = skipped
    decoder = tokenizer.makeDecoder()
    reader = TokenFileReader(format)
    characters = output.isTerminal ? WholeCharacters() : nil
  }

  /// Inputs of ids of one width, parts of them by several threads at the same time.
  func decode(_ inputs: [Input], _ pipeline: DecodingPipeline, _ meter: ProgressMeter) throws {
    let sequence = InputSequence(inputs)
    do {
      try pipeline.run(documents: inputs.count, open: sequence.open, read: sequence.read) { part in
        try part.text.withSpan { try output.write($0) }
        // As below.
        if !sequence.isFile { try output.flush() }
        idCount += part.ids.count
        meter.update(idCount)
      }
    } catch let error as DocumentError {
      throw Failure.of(inputs[error.document].name, error.error)
    }
  }

  func decode(_ input: Input, _ meter: ProgressMeter) throws {
    position = 0
    decoder = tokenizer.makeDecoder()
    reader = TokenFileReader(format)
    // The next program in the pipe may be waiting for what is done; otherwise text waits in the buffer, so
    // that of a short input nothing is shown when its end is bad.
    try input.forEachBlock(whenIdle: { try output.flush() }) { block in
      try read { (ids) throws(FormatError) in try reader.append(block, to: &ids) }
      meter.update(idCount)
    }
    do {
      try read { (ids) throws(FormatError) in try reader.finish(&ids) }
      try endText()
    } catch {
      throw Failure.of(input.name, error)
    }
  }

  func decodeLines(of input: Input, _ meter: ProgressMeter) throws {
    var line = 1
    reader = TokenFileReader(format)
    decoder = tokenizer.makeDecoder()
    try input.forEachLinePiece(whenIdle: { try output.flush() }) { piece, isEnd in
      do {
        try read { (ids) throws(FormatError) in
          try reader.append(piece, to: &ids)
          if isEnd { try reader.finish(&ids) }
        }
      } catch let error as FormatError {
        throw FormatError(file: input.name, place: .line(line), message: error.message)
      } catch let error as TokenizerError {
        throw Failure(.badData, "\(input.name): line \(line): \(error)")
      }
      guard isEnd else { return }
      try endText()
      try output.withBuffer { $0.append(0x0A) }
      line += 1
      position = 0
      decoder = tokenizer.makeDecoder()
      meter.update(idCount)
    }
  }

  /// Decodes the ids that `take` brings and writes their text.
  private func read(_ take: (inout [TokenID]) throws(FormatError) -> Void) throws {
    ids.removeAll(keepingCapacity: true)
    text.removeAll(keepingCapacity: true)
    try take(&ids)
    do {
      try decoder.decode(ids.span, skipping: skipped, into: &text)
    } catch .unknownTokenID(let id, let index) {
      throw TokenizerError.unknownTokenID(id, index: position + index)
    }
    position += ids.count
    idCount += ids.count
    if let shown = characters?.append(text) {
      try output.write(shown)
    } else {
      try output.write(text)
    }
  }

  private func endText() throws {
    if let rest = characters?.finish() { try output.write(rest) }
  }
}
