/// The kinds of model.
public enum ModelKind: String, CaseIterable, Sendable {
  /// A table of logits, vocabulary × vocabulary.
  case bigram
  /// Embedding and output projection, nothing between.
  case minilm
  /// Blocks of causal attention and feed-forward layers.
  case gpt
}

/// What a model is made of: kind and sizes.
public struct ModelConfiguration: Equatable, Sendable {
  /// The kind.
  public var kind: ModelKind
  /// V: how many tokens the vocabulary has.
  public var vocabularySize: Int
  /// C: the width of an embedding; unused by `bigram`.
  public var width: Int
  /// Whether projections (and layer norms) have a bias; unused by `bigram`.
  public var bias: Bool
  /// T: how many positions `gpt` looks at; 1 for the others.
  public var contextLength: Int
  /// The rest of what `gpt` is made of; unused by the others.
  public var transformer: TransformerShape

  /// A configuration; sizes are checked when it is used.
  public init(
    kind: ModelKind, vocabularySize: Int, width: Int = 64, bias: Bool = true,
    contextLength: Int = 64, transformer: TransformerShape = TransformerShape()
  ) {
    self.kind = kind
    self.vocabularySize = vocabularySize
    self.width = kind == .bigram ? 0 : width
    self.bias = kind != .bigram && bias
    // What a kind does not use is the same for all of it, so that equal models are equal.
    self.contextLength = kind == .gpt ? contextLength : 1
    self.transformer = kind == .gpt ? transformer : TransformerShape()
  }

  /// The model with all parameters zero, once it is known to fit.
  public func makeModel() throws(MiniLMError) -> any LanguageModel {
    switch kind {
    case .bigram: return try BigramModel(vocabularySize: vocabularySize)
    case .minilm:
      return try MiniLMModel(vocabularySize: vocabularySize, width: width, bias: bias)
    case .gpt: return try GPTModel(self)
    }
  }

  /// How many parameters there are, or nil where that is more than an integer holds.
  public var parameterCount: Int? {
    switch kind {
    case .bigram: Self.sum([[vocabularySize, vocabularySize]])
    case .minilm: Self.sum([[vocabularySize, width, 2], [bias ? vocabularySize : 0]])
    case .gpt: Self.sum(GPTModel.tensorSizes(self))
    }
  }

  /// The sum of some products, or nil where it overflows.
  private static func sum(_ products: [[Int]]) -> Int? {
    var sum = 0
    for factors in products {
      var product = 1
      for factor in factors {
        let (value, overflow) = product.multipliedReportingOverflow(by: factor)
        if overflow { return nil }
        product = value
      }
      let (value, overflow) = sum.addingReportingOverflow(product)
      if overflow { return nil }
      sum = value
    }
    return sum
  }

  /// Throws for sizes that make no sense, and for a model of which `copies` (parameters, a gradient
  /// for each worker, the optimizer's moments) would not fit in memory.
  public func check(copies: Int = 1) throws(MiniLMError) {
    guard vocabularySize > 0, vocabularySize <= Int(Int32.max) else {
      throw .invalidOption(
        name: "vocabulary size", value: "\(vocabularySize)", expected: "1 to \(Int32.max)")
    }
    guard kind == .bigram || (1...1_048_576).contains(width) else {
      throw .invalidOption(name: "width", value: "\(width)", expected: "1 to 1048576")
    }
    guard (1...1 << 24).contains(contextLength) else {
      throw .invalidOption(
        name: "block size", value: "\(contextLength)", expected: "1 to 16777216")
    }
    if kind == .gpt { try transformer.check(width: width) }
    let limit = MemoryLimit.bytes / copies
    let largest = min(limit, MemoryLimit.largestModelBytes)
    guard let count = parameterCount, count <= largest / 4 else {
      throw .modelTooLarge(
        model: name, size: Self.sizeText(parameterCount, copies: copies),
        limit: "\(ByteCount.text(largest)) of parameters", advice: advice)
    }
  }

  private var name: String {
    switch kind {
    case .bigram: "a bigram table for \(vocabularySize) tokens"
    case .minilm: "a minilm model of width \(width) for \(vocabularySize) tokens"
    case .gpt:
      "a gpt of \(transformer.layers) layers of width \(width) for \(vocabularySize) tokens"
    }
  }

  private static func sizeText(_ count: Int?, copies: Int) -> String {
    guard let count, count <= Int.max / (4 * copies) else { return "more than memory can address" }
    let table = "\(count) parameters (\(ByteCount.text(4 * count))"
    if copies == 1 { return table + ")" }
    return table + ", \(ByteCount.text(4 * count * copies)) while training)"
  }

  private var advice: String {
    switch kind {
    case .minilm: return "use a smaller width or vocabulary"
    case .gpt: return "use fewer layers, a smaller width or a smaller vocabulary"
    case .bigram:
      let instead = ModelConfiguration(kind: .minilm, vocabularySize: vocabularySize)
      guard let count = instead.parameterCount, count < Int.max / 4 else {
        return "use a smaller vocabulary"
      }
      return "use the minilm model (\(ByteCount.text(4 * count)) at width \(instead.width)), "
        + "or a smaller vocabulary"
    }
  }
}
