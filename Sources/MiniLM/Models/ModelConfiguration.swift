/// The kinds of model.
public enum ModelKind: String, CaseIterable, Sendable {
  /// A table of logits, vocabulary × vocabulary.
  case bigram
  /// Embedding and output projection, nothing between.
  case minilm
}

/// What a model is made of: kind and sizes.
public struct ModelConfiguration: Equatable, Sendable {
  /// The kind.
  public var kind: ModelKind
  /// V: how many tokens the vocabulary has.
  public var vocabularySize: Int
  /// C: the width of an embedding; unused by `bigram`.
  public var width: Int
  /// Whether the output projection has a bias; unused by `bigram`.
  public var bias: Bool

  /// A configuration; sizes are checked when it is used.
  public init(kind: ModelKind, vocabularySize: Int, width: Int = 64, bias: Bool = true) {
    self.kind = kind
    self.vocabularySize = vocabularySize
    self.width = width
    self.bias = bias
  }

  /// The model with all parameters zero, once it is known to fit.
  public func makeModel() throws(MiniLMError) -> any LanguageModel {
    switch kind {
    case .bigram: return try BigramModel(vocabularySize: vocabularySize)
    case .minilm:
      return try MiniLMModel(vocabularySize: vocabularySize, width: width, bias: bias)
    }
  }

  /// How many parameters there are, or nil where that is more than an integer holds.
  public var parameterCount: Int? {
    func product(_ a: Int, _ b: Int) -> Int? {
      let (result, overflow) = a.multipliedReportingOverflow(by: b)
      return overflow ? nil : result
    }
    switch kind {
    case .bigram:
      return product(vocabularySize, vocabularySize)
    case .minilm:
      guard let table = product(vocabularySize, width), let both = product(table, 2) else {
        return nil
      }
      let (sum, overflow) = both.addingReportingOverflow(bias ? vocabularySize : 0)
      return overflow ? nil : sum
    }
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
