public import Tokenizers

/// Chooses the next token: temperature, then top-k, then top-p, then a draw.
///
///     let sampler = try Sampler(temperature: 0.8, topK: 40)
///     let next = try sampler.choose(logits, &random)
///
/// Temperature 0 takes the most likely token, without chance.
public struct Sampler: Sendable {
  /// Always the most likely token.
  public static let greedy = Sampler(filters: [], isGreedy: true)

  /// Applied in order.
  public let filters: [any CandidateFilter]
  /// Whether the most likely token is taken instead of a draw.
  public let isGreedy: Bool

  private init(filters: [any CandidateFilter], isGreedy: Bool) {
    self.filters = filters
    self.isGreedy = isGreedy
  }

  /// A draw after any filters, in their order.
  public init(filters: [any CandidateFilter]) {
    self.init(filters: filters, isGreedy: false)
  }

  /// The usual three, in the usual order.
  public init(temperature: Double = 1, topK: Int? = nil, topP: Double? = nil)
    throws(MiniLMError)
  {
    guard temperature >= 0, temperature.isFinite else {
      throw .invalidOption(name: "temperature", value: "\(temperature)", expected: "0 or more")
    }
    var filters: [any CandidateFilter] = []
    if temperature > 0, temperature != 1 { filters.append(try Temperature(temperature)) }
    if let topK { filters.append(try TopK(topK)) }
    if let topP { filters.append(try TopP(topP)) }
    self.init(filters: filters, isGreedy: temperature == 0)
  }

  /// The tokens that may be chosen, after the filters.
  public func candidates(_ logits: [Float]) throws(MiniLMError) -> Candidates {
    var candidates = try Candidates(logits)
    for filter in filters { filter.apply(to: &candidates) }
    return candidates
  }

  /// The next token.
  public func choose(_ logits: [Float], _ random: inout RandomGenerator) throws(MiniLMError)
    -> TokenID
  {
    if isGreedy { return try Candidates(logits).best }
    return try candidates(logits).draw(&random)
  }
}

extension LanguageModel {
  /// Goes on from `prompt` by at most `count` tokens, which are given to `body` one by one as they
  /// come and returned together; `body` ends it early by returning false.
  ///
  ///     var random = RandomGenerator(seed: 7)
  ///     let more = try model.generate(after: prompt, count: 100, sampler: .greedy, &random)
  public func generate(
    after prompt: [TokenID], count: Int, sampler: Sampler, _ random: inout RandomGenerator,
    body: (TokenID) -> Bool = { _ in true }
  ) throws(MiniLMError) -> [TokenID] {
    guard count >= 0 else {
      throw .invalidOption(name: "token count", value: "\(count)", expected: "0 or more")
    }
    if prompt.isEmpty { throw .emptyPrompt }
    if let position = prompt.firstIndex(where: { $0.rawValue >= vocabularySize }) {
      throw .tokenOutOfRange(
        id: UInt64(prompt[position].rawValue), position: position, vocabularySize: vocabularySize)
    }
    var context = Array(prompt.suffix(contextLength))
    var generated: [TokenID] = []
    for _ in 0..<count {
      let id = try sampler.choose(try logits(after: context), &random)
      generated.append(id)
      context.append(id)
      if context.count > contextLength { context.removeFirst(context.count - contextLength) }
      if !body(id) { break }
    }
    return generated
  }
}
