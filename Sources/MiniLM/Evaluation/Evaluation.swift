internal import Tokenizers

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// How well a model predicts a text.
public struct Evaluation: Equatable, Sendable {
  /// The mean of −ln p(token): nats a token.
  public let loss: Double
  /// How many tokens were predicted: one less than the stream has, the first being given.
  public let predictions: Int

  /// A result measured elsewhere.
  public init(loss: Double, predictions: Int) {
    self.loss = loss
    self.predictions = predictions
  }

  /// e^loss: between how many tokens, equally likely, the model hesitates.
  public var perplexity: Double { exp(loss) }

  /// The loss in bits for each byte of the text, by which tokenizers can be compared.
  public func bitsPerByte(bytesPerToken: Double) -> Double { loss / log(2.0) / bytesPerToken }

  /// The mean loss over a whole stream, in windows of `blockSize` that begin every `stride` tokens.
  ///
  /// Every token but the first is predicted once, from all that stands before it in its window: with a stride
  /// of the block size (the default) windows lie one after the other, and the first tokens of each have
  /// little before them; with a smaller one they have at least blockSize − stride, at blockSize/stride times
  /// the cost. With `limit`, over the first `limit` predictions.
  public static func evaluate(
    _ model: any LanguageModel, on stream: TokenStream, blockSize: Int, stride: Int? = nil,
    threads: Int = 1, limit: Int? = nil
  ) throws(MiniLMError) -> Evaluation {
    let engine = GradientEngine(model: model, threads: threads)
    return try evaluate(engine, on: stream, blockSize: blockSize, stride: stride, limit: limit)
  }

  static func evaluate(
    _ engine: GradientEngine, on stream: TokenStream, blockSize: Int, stride: Int? = nil,
    limit: Int?
  ) throws(MiniLMError) -> Evaluation {
    let isGPT = engine.model.configuration.kind == .gpt
    let longest = isGPT ? engine.model.contextLength : Int(Int32.max)
    guard (1...longest).contains(blockSize) else {
      throw .invalidOption(
        name: "block size", value: "\(blockSize)",
        expected: isGPT ? "1 to \(longest), which the model has positions for" : "1 or more")
    }
    let stride = stride ?? blockSize
    guard (1...blockSize).contains(stride) else {
      throw .invalidOption(
        name: "stride", value: "\(stride)", expected: "1 to the block size, \(blockSize)")
    }
    guard stream.count >= 2 else {
      throw .corpusTooShort(
        part: "the text to evaluate", tokens: stream.count, needed: 2,
        advice: "use a longer text or a larger validation fraction")
    }
    let total = Swift.min(stream.count - 1, Swift.max(1, limit ?? Int.max))
    let rowsAtOnce = Swift.max(1, 4096 / blockSize)
    var sum = 0.0
    var done = 0
    while done < total {
      let left = total - done
      // The first window counts whole, later ones their last `stride` positions.
      let counted = Swift.min(done == 0 ? blockSize : stride, left)
      let length = Swift.min(blockSize, done + counted)
      // As many full windows as there are, where they follow each other alike.
      let rows = done == 0 && stride < blockSize ? 1 : Swift.min(rowsAtOnce, left / counted)
      let batch = try Batch(
        stream: stream, start: done + counted - length, stride: counted, rows: rows, length: length)
      sum += try engine.lossSum(of: batch, from: length - counted)
      done += counted * rows
    }
    return Evaluation(loss: sum / Double(total), predictions: total)
  }
}

extension Batch {
  /// Windows every `stride` tokens from `start`: inputs and, one further, targets.
  init(stream: TokenStream, start: Int, stride: Int, rows: Int, length: Int) throws(MiniLMError) {
    var (inputs, targets): ([TokenID], [TokenID]) = ([], [])
    inputs.reserveCapacity(rows * length)
    targets.reserveCapacity(rows * length)
    for row in 0..<rows {
      let first = start + row * stride
      stream.append(first..<first + length, to: &inputs)
      stream.append(first + 1..<first + length + 1, to: &targets)
    }
    try self.init(rows: rows, length: length, inputs: inputs, targets: targets)
  }
}
