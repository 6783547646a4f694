import Tokenizers

/// What `count` is asked to do.
struct CountRequest {
  var common: CommonRequest
  var invalidUTF8 = InvalidUTF8Policy.bytes
  var special = SpecialTokenPolicy.text
  var json = false

  init(_ common: CommonRequest) { self.common = common }

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
    let inputs = try common.openInputs(includingFolders: true)
    let tokenizer = try common.load()
    let meter = common.diagnostics.meter("counting", unit: "B")
    var counts =
      special == .text
      ? try count(inputs, tokenizer, meter) : try countInTurn(inputs, tokenizer, meter)
    let total = Count(
      name: "total", tokens: counts.reduce(0) { $0 + $1.tokens },
      bytes: counts.reduce(0) { $0 + $1.bytes })
    let output = try common.openOutput()
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
      tokenizer, invalidUTF8: invalidUTF8, threads: common.threadCount,
      expecting: Input.size(of: inputs))
    let sequence = InputSequence(inputs)
    var done = 0
    do {
      try pipeline.run(
        documents: inputs.count, open: sequence.open, read: sequence.read
      ) { _ in
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
      tokenizer, options: EncodingOptions(special: special, invalidUTF8: invalidUTF8),
      threads: common.threadCount)
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
