/// What a GPT is made of, apart from its width and vocabulary.
public struct TransformerShape: Equatable, Sendable {
  /// The function between the two products of a feed-forward layer.
  public enum Activation: String, CaseIterable, Sendable {
    /// x·Φ(x), Φ being the normal distribution (Hendrycks and Gimpel).
    case gelu
    /// The same by tanh, as GPT-2 has it.
    case geluTanh = "gelu-tanh"
    /// max(0, x).
    case relu
  }

  /// Where layer norms stand.
  public enum Norm: String, CaseIterable, Sendable {
    /// Before attention and feed-forward layer, and once before the output: GPT-2.
    case pre
    /// After each sum of a layer and its input, and not before the output: GPT, the first Transformer.
    case post
  }

  /// What tells positions apart.
  public enum Positions: String, CaseIterable, Sendable {
    /// A trained vector for each.
    case learned
    /// Sines and cosines (Vaswani and others, 3.5).
    case sinusoidal
  }

  /// L: blocks of attention and feed-forward layer.
  public var layers: Int
  /// H: heads of attention, which share the width.
  public var heads: Int
  /// F: the width between the two products of a feed-forward layer; nil is four times the width.
  public var feedForwardWidth: Int?
  /// The function between them.
  public var activation: Activation
  /// Where layer norms stand.
  public var norm: Norm
  /// What tells positions apart.
  public var positions: Positions
  /// The part of the embeddings, attention weights and layer outputs that is dropped in training.
  public var dropout: Double
  /// Whether the output projection is the embedding table.
  public var isTied: Bool
  /// What layer norms add to the variance.
  public var epsilon: Double

  /// nanoGPT's recipe for a CPU.
  public init(
    layers: Int = 4, heads: Int = 4, feedForwardWidth: Int? = nil, activation: Activation = .gelu,
    norm: Norm = .pre, positions: Positions = .learned, dropout: Double = 0, isTied: Bool = true,
    epsilon: Double = 1e-5
  ) {
    self.layers = layers
    self.heads = heads
    self.feedForwardWidth = feedForwardWidth
    self.activation = activation
    self.norm = norm
    self.positions = positions
    self.dropout = dropout
    self.isTied = isTied
    self.epsilon = epsilon
  }

  /// F for a model of this width.
  func feedForward(width: Int) -> Int { feedForwardWidth ?? 4 * width }

  /// Throws for a shape that no model has.
  func check(width: Int) throws(MiniLMError) {
    func check(_ name: String, _ value: Any, _ fits: Bool, _ expected: String)
      throws(MiniLMError)
    {
      if !fits { throw .invalidOption(name: name, value: "\(value)", expected: expected) }
    }
    try check("layers", layers, (1...4096).contains(layers), "1 to 4096")
    try check("heads", heads, (1...width).contains(heads), "1 to the width, \(width)")
    try check(
      "width", width, width.isMultiple(of: heads), "a multiple of the number of heads, \(heads)")
    let feedForward = feedForward(width: width)
    try check(
      "feed-forward width", feedForward, (1...1 << 24).contains(feedForward), "1 to 16777216")
    try check("dropout", dropout, dropout >= 0 && dropout < 1, "0 up to but not including 1")
    try check(
      "layer norm epsilon", epsilon, epsilon > 0 && epsilon.isFinite, "more than 0")
  }
}
