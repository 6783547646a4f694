#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A GPT: embeddings, blocks of causal attention and feed-forward layers, an output projection.
///
/// N positions in rows of T, V tokens, C width, F feed-forward width, L layers.
///
///     x = wte[id] + wpe[position]                                  (N, C)
///     pre-norm, L times      x = x + proj(attention(ln_1(x)))       see CausalAttention
///                            x = x + proj(f(fc(ln_2(x))))           (N, C) → (N, F) → (N, C)
///     post-norm, L times     x = ln_1(x + proj(attention(x)))
///                            x = ln_2(x + proj(f(fc(x))))
///     pre-norm, at the end   x = ln_f(x)
///     logits = x·headᵀ                                             (N, C)·(C, V) → (N, V)
///
/// With learned positions, biases, pre-norm and a tied head this is GPT-2 (Radford and others), and the
/// parameters have its names and layout in Hugging Face's transformers: weights of projections are
/// (inputs, outputs).
public final class GPTModel: LanguageModel {
  /// Kind and sizes.
  public let configuration: ModelConfiguration
  /// All that is trained.
  public let parameters: ParameterStore
  /// T: positions that have an embedding.
  public var contextLength: Int { configuration.contextLength }

  /// The parts of one block.
  struct Block {
    let norm1: LayerNorm
    let qkv: Linear
    let attentionProjection: Linear
    let norm2: LayerNorm
    let feedForward: Linear
    let projection: Linear
  }

  let tokens: Embedding
  /// Nothing where positions are sines.
  let learnedPositions: Embedding?
  /// (T, C), where positions are sines.
  let sines: FloatStorage?
  let blocks: [Block]
  let finalNorm: LayerNorm?
  let head: Linear
  let attention: CausalAttention
  let dropout: Dropout?
  /// Nothing where the engine of products has no form of its own for weights.
  let packed: PackedWeights?

  var width: Int { configuration.width }
  var feedForwardWidth: Int { configuration.transformer.feedForward(width: configuration.width) }
  var isPreNorm: Bool { configuration.transformer.norm == .pre }

  /// A model of zeros; call `initialize` before training.
  public init(_ configuration: ModelConfiguration) throws(MiniLMError) {
    try configuration.check()
    self.configuration = configuration
    let shape = configuration.transformer
    var layout = ParameterLayout()
    for tensor in Self.tensors(configuration) {
      layout.append(tensor.name, rows: tensor.rows, columns: tensor.columns, role: tensor.role)
    }
    parameters = try ParameterStore(layout: layout)
    let bias = configuration.bias
    func linear(_ name: String) -> Linear {
      Linear(weight: name + ".weight", bias: bias ? name + ".bias" : nil, in: layout)
    }
    func norm(_ name: String) -> LayerNorm {
      LayerNorm(name, bias: bias, epsilon: shape.epsilon, in: layout)
    }
    tokens = Embedding("transformer.wte.weight", in: layout)
    learnedPositions =
      shape.positions == .learned ? Embedding("transformer.wpe.weight", in: layout) : nil
    sines =
      shape.positions == .learned
      ? nil : try Self.sines(length: configuration.contextLength, width: configuration.width)
    blocks = (0..<shape.layers).map { layer in
      let name = "transformer.h.\(layer)."
      return Block(
        norm1: norm(name + "ln_1"), qkv: linear(name + "attn.c_attn"),
        attentionProjection: linear(name + "attn.c_proj"), norm2: norm(name + "ln_2"),
        feedForward: linear(name + "mlp.c_fc"), projection: linear(name + "mlp.c_proj"))
    }
    finalNorm = shape.norm == .pre ? norm("transformer.ln_f") : nil
    head = Linear(
      weight: shape.isTied ? "transformer.wte.weight" : "lm_head.weight", bias: nil,
      isTransposed: true, in: layout)
    dropout = Dropout(rate: shape.dropout)
    attention = CausalAttention(heads: shape.heads, width: configuration.width, dropout: dropout)
    packed = try PackedWeights(
      blocks.flatMap { [$0.qkv, $0.attentionProjection, $0.feedForward, $0.projection] } + [head])
  }

  /// Makes the products of passes over batches as exact as said, where the engine can; not while passes last.
  public func use(_ precision: Precision) { packed?.use(precision) }

  /// A tensor to be.
  private typealias Tensor = (name: String, rows: Int, columns: Int, role: TensorDescription.Role)

  /// All tensors, in the order of the arena.
  private static func tensors(_ configuration: ModelConfiguration) -> [Tensor] {
    let shape = configuration.transformer
    let (v, c) = (configuration.vocabularySize, configuration.width)
    let f = shape.feedForward(width: c)
    var tensors: [Tensor] = [
      // The output projection gives every row of a tied table a gradient.
      ("transformer.wte.weight", v, c, shape.isTied ? .matrix : .lookup)
    ]
    if shape.positions == .learned {
      tensors.append(("transformer.wpe.weight", configuration.contextLength, c, .matrix))
    }
    func norm(_ name: String) {
      tensors.append((name + ".weight", 1, c, .vector))
      if configuration.bias { tensors.append((name + ".bias", 1, c, .vector)) }
    }
    func linear(_ name: String, _ inputs: Int, _ outputs: Int) {
      tensors.append((name + ".weight", inputs, outputs, .matrix))
      if configuration.bias { tensors.append((name + ".bias", 1, outputs, .vector)) }
    }
    for layer in 0..<shape.layers {
      let name = "transformer.h.\(layer)."
      norm(name + "ln_1")
      linear(name + "attn.c_attn", c, 3 * c)
      linear(name + "attn.c_proj", c, c)
      norm(name + "ln_2")
      linear(name + "mlp.c_fc", c, f)
      linear(name + "mlp.c_proj", f, c)
    }
    if shape.norm == .pre { norm("transformer.ln_f") }
    if !shape.isTied { tensors.append(("lm_head.weight", v, c, .matrix)) }
    return tensors
  }

  /// Rows and columns of every tensor: what the number of parameters is the sum of products of.
  static func tensorSizes(_ configuration: ModelConfiguration) -> [[Int]] {
    tensors(configuration).map { [$0.rows, $0.columns] }
  }

  /// Names and columns of every tensor.
  static func tensorSizesByName(_ configuration: ModelConfiguration) -> [(
    name: String, columns: Int
  )] {
    tensors(configuration).map { ($0.name, $0.columns) }
  }

  /// Row p holds sin(p·10000^(−2i/C)) at 2i and the cosine of the same at 2i + 1.
  private static func sines(length: Int, width: Int) throws(MiniLMError) -> FloatStorage {
    let (count, overflow) = length.multipliedReportingOverflow(by: width)
    if overflow { throw .outOfMemory(bytes: .max) }
    let table = try FloatStorage(count: count)
    for column in 0..<width {
      let frequency = pow(10000, -Double(column / 2 * 2) / Double(width))
      for position in 0..<length {
        let angle = Double(position) * frequency
        table[position * width + column] = Float(column % 2 == 0 ? sin(angle) : cos(angle))
      }
    }
    return table
  }

  /// As GPT-2: normal numbers of deviation 0.02, those of projections into the sum divided by √(2L);
  /// gains one, biases zero.
  public func initialize(_ random: inout RandomGenerator) {
    let residual = 0.02 / Double(2 * blocks.count).squareRoot()
    for tensor in parameters.layout.tensors {
      if tensor.role != .vector {
        let isResidual = tensor.name.hasSuffix("c_proj.weight")
        parameters.fillNormal(tensor.name, deviation: isResidual ? residual : 0.02, &random)
      } else {
        let isGain = tensor.name.hasSuffix(".weight")
        parameters.values.fill(tensor.range, with: isGain ? 1 : 0)
      }
    }
  }

  /// Packs the weights for the engine of products.
  public func beginPasses(withBackward: Bool, threads: Int) {
    packed?.pack(parameters, withBackward: withBackward, threads: threads)
  }

  /// From here on parameters may change.
  public func endPasses() { packed?.expire() }

  /// A worker whose scratch grows with the batches that it is given.
  public func makeWorker() throws(MiniLMError) -> any ModelWorker { GPTWorker(self) }

  /// A predictor that keeps the keys and values of the positions it has seen.
  public func makePredictor() throws(MiniLMError) -> any Predictor { try GPTPredictor(self) }

  /// One that reads the parameters once for a token of each text.
  public func makeGroupPredictor(count: Int) throws(MiniLMError) -> any GroupPredictor {
    try GPTPredictor(self, texts: count)
  }

  /// Sixteen, or as many as have their keys and values in 512 MiB.
  public var textsAtOnce: Int {
    let keysAndValues = 2 * MemoryLayout<Float>.stride * blocks.count * contextLength * width
    return Swift.max(1, Swift.min(16, (512 << 20) / Swift.max(1, keysAndValues)))
  }

  /// x (count, C): the embeddings of tokens and positions, the first of which is `start`.
  @unsafe
  func embed(
    _ ids: UnsafePointer<UInt32>, count: Int, start: Int, output x: UnsafeMutablePointer<Float>
  ) {
    unsafe tokens.forward(ids, count: count, parameters: parameters, output: x)
    // Rows start ..< start + count of a table of `contextLength` rows, which `pointer(at:)` checks.
    let range = start * width..<(start + count) * width
    let positions: UnsafeMutablePointer<Float>
    if let learnedPositions {
      let table = learnedPositions.table.range
      precondition(range.upperBound <= table.count)
      unsafe positions = parameters.values.pointer(
        at: table.lowerBound + range.lowerBound..<table.lowerBound + range.upperBound)
    } else if let sines {
      unsafe positions = sines.pointer(at: range)
    } else {
      return
    }
    unsafe Kernels.add(x, positions, count: count * width)
  }
}
