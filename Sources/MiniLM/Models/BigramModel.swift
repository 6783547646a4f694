internal import Tokenizers

/// A table of logits: row i says what follows token i.
///
///     parameters   table (V, V)                            V² floats
///     logits       x[n] = table[input[n]]                  (N, V)
///     gradient     d table[input[n]] += softmax(x[n]) − onehot(target[n])
///
/// Trained to the end it holds the logarithms of the counts of pairs (up to a constant in each
/// row), whose loss no other table can beat on the same text.
public final class BigramModel: LanguageModel {
  /// Kind and sizes.
  public let configuration: ModelConfiguration
  /// The table.
  public let parameters: ParameterStore
  /// A bigram looks at one token.
  public var contextLength: Int { 1 }

  /// A table of zeros, which gives every token the same chance; one that cannot fit is refused.
  public init(vocabularySize: Int) throws(MiniLMError) {
    configuration = ModelConfiguration(kind: .bigram, vocabularySize: vocabularySize)
    try configuration.check()
    var layout = ParameterLayout()
    layout.append("table", rows: vocabularySize, columns: vocabularySize, role: .lookup)
    parameters = try ParameterStore(layout: layout)
  }

  /// Normal numbers of deviation 0.02: the first loss is ln V within 0.0002.
  public func initialize(_ random: inout RandomGenerator) {
    parameters.fillNormal("table", deviation: 0.02, &random)
  }

  /// A worker with room for some rows of logits.
  public func makeWorker() throws(MiniLMError) -> any ModelWorker { try BigramWorker(self) }

  /// A predictor that gives the row of the last token.
  public func makePredictor() throws(MiniLMError) -> any Predictor {
    let (values, size) = (parameters.values, vocabularySize)
    return LastTokenPredictor(vocabularySize: size) { last throws(MiniLMError) in
      values.values(in: last * size..<(last + 1) * size)
    }
  }
}

/// Forward and backward of the table, some positions at a time.
private final class BigramWorker: ModelWorker {
  private let parameters: ParameterStore
  private let table: Embedding
  private let vocabularySize: Int
  /// Positions whose logits are held at once.
  private let chunk: Int
  /// (chunk, V): logits, then their gradient.
  private let logits: FloatStorage

  init(_ model: BigramModel) throws(MiniLMError) {
    parameters = model.parameters
    table = Embedding("table", in: model.parameters.layout)
    vocabularySize = model.vocabularySize
    chunk = Swift.max(1, Swift.min(1024, (1 << 18) / vocabularySize))
    logits = try FloatStorage(count: chunk * vocabularySize)
  }

  func lossSum(of batch: Batch, rows: Range<Int>, from first: Int) -> Double {
    // What stands before a position does not matter to it here.
    pass(
      over: first == 0 ? batch : batch.dropping(first), rows: rows, gradientScale: 0,
      gradients: nil)
  }

  func lossSum(
    of batch: Batch, rows: Range<Int>, gradientScale: Float, noise: UInt64,
    into gradients: GradientStore
  ) -> Double {
    pass(over: batch, rows: rows, gradientScale: gradientScale, gradients: gradients)
  }

  private func pass(
    over batch: Batch, rows: Range<Int>, gradientScale: Float, gradients: GradientStore?
  ) -> Double {
    // Ids are below V (the protocol's rule), and each chunk fits the scratch made for it.
    let sum: Double? = unsafe batch.withPositions(of: rows) { inputs, targets, count in
      let x = unsafe logits.pointer(at: 0..<logits.count)
      var sum = 0.0
      for start in stride(from: 0, to: count, by: chunk) {
        let n = Swift.min(chunk, count - start)
        let (ids, next) = unsafe (inputs + start, targets + start)
        unsafe table.forward(ids, count: n, parameters: parameters, output: x)  // (n, V)
        guard let gradients else {
          sum += unsafe CrossEntropy.forward(x, next, count: n, vocabularySize: vocabularySize)
          continue
        }
        sum += unsafe CrossEntropy.forwardBackward(
          x, next, count: n, vocabularySize: vocabularySize, scale: gradientScale)
        unsafe table.backward(ids, count: n, outputGradient: x, gradients: gradients)
      }
      return sum
    }
    return sum ?? 0
  }
}
