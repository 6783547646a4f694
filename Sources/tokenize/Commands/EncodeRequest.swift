import ArgumentParser
import Tokenizers

/// What `encode` is asked to do.
struct EncodeRequest {
  var common: CommonRequest
  var invalidUTF8 = InvalidUTF8Policy.bytes
  var format = EncodingFormat.ids
  var offsets = false
  var lines = false
  var special = SpecialTokenPolicy.text
  var endOfText = false
  var addSpecialTokens = false

  init(_ common: CommonRequest) { self.common = common }

  func validate() throws {
    if offsets, format != .jsonl {
      throw ValidationError("--offsets belongs to --format jsonl")
    }
  }

  func run() throws {
    let inputs = try common.openInputs()
    let size = Input.size(of: inputs)
    // Memory for a short text takes half as long as the vocabulary.
    let (tokenizer, _) = try ParallelWork.both(threads: common.threadCount) {
      try common.load()
    } and: {
      if isPipelined { EncodingPipeline.getMemory(expecting: size, threads: common.threadCount) }
    }
    if offsets { try checkOffsets(tokenizer) }
    let output = try common.openOutput()
    let pipeline =
      isPipelined
      ? EncodingPipeline(
        tokenizer, invalidUTF8: invalidUTF8, threads: common.threadCount, expecting: size) : nil
    let job = EncodingJob(
      tokenizer, EncodingOptions(special: special, invalidUTF8: invalidUTF8),
      threads: common.threadCount,
      writer: try format.makeWriter(output, tokenizer, offsets: offsets), output: output,
      prefix: addSpecialTokens ? tokenizer.specialTokens["<bos>"] : nil,
      suffixes: try suffixes(tokenizer))
    let meter = common.diagnostics.meter("encoding", unit: "B", total: nil)
    if let pipeline, let formatter = job.writer.formatter {
      try job.encode(inputs, formatter, pipeline, meter)
    } else {
      for input in inputs {
        if lines { try job.encodeLines(of: input, meter) } else { try job.encode(input, meter) }
      }
    }
    try job.writer.finish()
    try output.finish()
    meter.finish(job.byteCount)
    // Until now, or their memory is given back page by page.
    withExtendedLifetime((pipeline, job)) { Tokenize.endDone() }
  }

  /// Whether documents go through in parts that several threads encode and turn into bytes.
  private var isPipelined: Bool { !lines && special == .text && format.isOfIDsAlone }

  private func suffixes(_ tokenizer: Tokenizer) throws -> [TokenID] {
    var ids: [TokenID] = []
    if addSpecialTokens, let last = tokenizer.specialTokens["<eos>"] { ids.append(last) }
    if endOfText {
      guard let end = tokenizer.specialTokens.endOfText else {
        let known = tokenizer.specialTokens.entries.map(\.text).joined(separator: ", ")
        throw Failure(
          .usage,
          "--end-of-text: the vocabulary '\(common.vocab)' has no end-of-text token"
            + (known.isEmpty ? "" : ", only \(known)"))
      }
      // Of one token that is both, one is enough.
      if !ids.contains(end) { ids.append(end) }
    }
    return ids
  }

  /// Offsets follow from the tokens' lengths, where tokens are the bytes of the text and nothing else.
  private func checkOffsets(_ tokenizer: Tokenizer) throws {
    if invalidUTF8 == .replace {
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
      try pipeline.run(
        documents: inputs.count, open: sequence.open, read: sequence.read
      ) { part in
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
