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

  /// The mean loss over a whole stream, cut into windows of `blockSize` one after the other.
  ///
  /// Every token but the first is predicted once. With `limit`, over its first `limit` predictions.
  public static func evaluate(
    _ model: any LanguageModel, on stream: TokenStream, blockSize: Int, threads: Int = 1,
    limit: Int? = nil
  ) throws(MiniLMError) -> Evaluation {
    let engine = GradientEngine(model: model, threads: threads)
    return try evaluate(engine, on: stream, blockSize: blockSize, limit: limit)
  }

  static func evaluate(
    _ engine: GradientEngine, on stream: TokenStream, blockSize: Int, limit: Int?
  ) throws(MiniLMError) -> Evaluation {
    guard blockSize > 0 else {
      throw .invalidOption(name: "block size", value: "\(blockSize)", expected: "1 or more")
    }
    guard stream.count >= 2 else {
      throw .corpusTooShort(
        part: "the text to evaluate", tokens: stream.count, needed: 2,
        advice: "use a longer text or a larger validation fraction")
    }
    let total = Swift.min(stream.count - 1, Swift.max(1, limit ?? Int.max))
    let rows = Swift.max(1, 4096 / blockSize)
    var sum = 0.0
    var done = 0
    while done < total {
      // Full batches, then full windows, then what is left of one.
      let left = total - done
      let length = Swift.min(blockSize, left)
      let batch = try Batch(
        stream: stream, start: done, rows: Swift.min(rows, left / length), length: length)
      sum += try engine.lossSum(of: batch)
      done += batch.count
    }
    return Evaluation(loss: sum / Double(total), predictions: total)
  }
}

extension Batch {
  /// Windows one after the other from `start`: inputs and, one further, targets.
  init(stream: TokenStream, start: Int, rows: Int, length: Int) throws(MiniLMError) {
    let range = start..<start + rows * length
    try self.init(
      rows: rows, length: length, inputs: stream.ids(in: range),
      targets: stream.ids(in: range.lowerBound + 1..<range.upperBound + 1))
  }
}
