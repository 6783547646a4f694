internal import Tokenizers

/// An embedding and an output projection with nothing between: a bigram table of rank C.
///
///     parameters   embedding (V, C), projection (C, V), bias (V) or none     2VC + V floats
///     hidden       h[n] = embedding[input[n]]               (N, C)
///     logits       x = h·projection + bias                  (N, V)
///     gradient     see Embedding, Linear and CrossEntropy
///
/// It fits where the table cannot: for GPT-2's 50,257 tokens and C = 64 it has 6.5 million numbers,
/// the table 2.5 billion.
public final class MiniLMModel: LanguageModel {
  /// Kind and sizes.
  public let configuration: ModelConfiguration
  /// Embedding, projection and bias.
  public let parameters: ParameterStore
  /// It looks at one token.
  public var contextLength: Int { 1 }

  fileprivate let embedding: Embedding
  fileprivate let projection: Linear
  /// Nothing where the engine of products has no form of its own for weights.
  fileprivate let packed: PackedWeights?

  /// A model of zeros; call `initialize` before training, since zeros have no gradient.
  public init(vocabularySize: Int, width: Int, bias: Bool = true) throws(MiniLMError) {
    configuration = ModelConfiguration(
      kind: .minilm, vocabularySize: vocabularySize, width: width, bias: bias)
    try configuration.check()
    var layout = ParameterLayout()
    layout.append("embedding", rows: vocabularySize, columns: width, role: .lookup)
    layout.append("projection", rows: width, columns: vocabularySize, role: .matrix)
    if bias { layout.append("bias", rows: 1, columns: vocabularySize, role: .vector) }
    parameters = try ParameterStore(layout: layout)
    embedding = Embedding("embedding", in: layout)
    projection = Linear(weight: "projection", bias: bias ? "bias" : nil, in: layout)
    packed = try PackedWeights([projection])
  }

  /// Makes the products of passes over batches as exact as said, where the engine can; not while passes last.
  public func use(_ precision: Precision) { packed?.use(precision) }

  /// Packs the projection for the engine of products.
  public func beginPasses(withBackward: Bool, threads: Int) {
    packed?.pack(parameters, withBackward: withBackward, threads: threads)
  }

  /// From here on parameters may change.
  public func endPasses() { packed?.expire() }

  /// Normal numbers: deviation 1 in the embedding, 0.02 in the projection, and a bias of zero, so
  /// that logits have the deviation 0.02·√C and the first loss is ln V + 0.0002·C.
  public func initialize(_ random: inout RandomGenerator) {
    parameters.fillNormal("embedding", deviation: 1, &random)
    parameters.fillNormal("projection", deviation: 0.02, &random)
  }

  /// A worker with room for some positions.
  public func makeWorker() throws(MiniLMError) -> any ModelWorker { try MiniLMWorker(self) }

  /// A predictor that gives embedding[last]·projection + bias.
  public func makePredictor() throws(MiniLMError) -> any Predictor {
    let hidden = try FloatStorage(count: configuration.width)
    let logits = try FloatStorage(count: vocabularySize)
    return LastTokenPredictor(vocabularySize: vocabularySize) { last throws(MiniLMError) in
      var id = UInt32(last)
      // One position: (1, C) and (1, V), and the id is below V.
      unsafe self.embedding.forward(
        &id, count: 1, parameters: self.parameters,
        output: hidden.pointer(at: 0..<hidden.count))
      unsafe self.projection.apply(
        hidden.pointer(at: 0..<hidden.count), parameters: self.parameters,
        output: logits.pointer(at: 0..<logits.count))
      return logits.values(in: 0..<logits.count)
    }
  }
}

/// Forward and backward, some positions at a time so that their logits stay small.
private final class MiniLMWorker: ModelWorker {
  private let model: MiniLMModel
  /// Positions whose logits are held at once: enough for a good product, few enough for the cache.
  private let chunk: Int
  /// (chunk, C), its gradient, and (chunk, V): logits, then their gradient.
  private let hidden: FloatStorage
  private let hiddenGradient: FloatStorage
  private let logits: FloatStorage

  init(_ model: MiniLMModel) throws(MiniLMError) {
    self.model = model
    chunk = Swift.max(16, Swift.min(1024, (1 << 22) / model.vocabularySize))
    hidden = try FloatStorage(count: chunk * model.configuration.width)
    hiddenGradient = try FloatStorage(count: chunk * model.configuration.width)
    logits = try FloatStorage(count: chunk * model.vocabularySize)
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
    let vocabularySize = model.vocabularySize
    // Ids are below V (the protocol's rule), and each chunk fits the scratch made for it.
    let sum: Double? = unsafe batch.withPositions(of: rows) { inputs, targets, count in
      let h = unsafe hidden.pointer(at: 0..<hidden.count)
      let dh = unsafe hiddenGradient.pointer(at: 0..<hiddenGradient.count)
      let x = unsafe logits.pointer(at: 0..<logits.count)
      var sum = 0.0
      for start in stride(from: 0, to: count, by: chunk) {
        let n = Swift.min(chunk, count - start)
        let (ids, next) = unsafe (inputs + start, targets + start)
        unsafe model.embedding.forward(ids, count: n, parameters: model.parameters, output: h)
        unsafe model.projection.forward(
          h, count: n, parameters: model.parameters, packed: model.packed, output: x)
        guard let gradients else {
          sum += unsafe CrossEntropy.forward(x, next, count: n, vocabularySize: vocabularySize)
          continue
        }
        sum += unsafe CrossEntropy.forwardBackward(
          x, next, count: n, vocabularySize: vocabularySize, scale: gradientScale)
        unsafe model.projection.backward(
          h, count: n, outputGradient: x, parameters: model.parameters,
          packed: model.packed, gradients: gradients, inputGradient: dh)
        unsafe model.embedding.backward(ids, count: n, outputGradient: dh, gradients: gradients)
      }
      return sum
    }
    return sum ?? 0
  }
}
