public import Tokenizers

/// Chooses the next token: a penalty for repetition, then temperature, top-k, top-p, min-p, then a draw.
///
///     let sampler = try Sampler(temperature: 0.8, topK: 40)
///     let next = try sampler.choose(logits, after: context, &random)
///
/// Temperature 0 takes the most likely token, without chance.
public struct Sampler: Sendable {
  /// Always the most likely token.
  public static let greedy = Sampler(filters: [], isGreedy: true)

  /// Applied in order.
  public let filters: [any CandidateFilter]
  /// Whether the most likely token is taken instead of a draw.
  public let isGreedy: Bool
  /// What makes tokens that were there already less likely; nil leaves them as they are.
  public let repetitionPenalty: RepetitionPenalty?

  private init(
    filters: [any CandidateFilter], isGreedy: Bool, repetitionPenalty: RepetitionPenalty? = nil
  ) {
    self.filters = filters
    self.isGreedy = isGreedy
    self.repetitionPenalty = repetitionPenalty
  }

  /// A draw after any filters, in their order.
  public init(filters: [any CandidateFilter]) {
    self.init(filters: filters, isGreedy: false)
  }

  /// The usual ones, in the usual order.
  public init(
    temperature: Double = 1, topK: Int? = nil, topP: Double? = nil, minP: Double? = nil,
    repetitionPenalty: Double? = nil
  ) throws(MiniLMError) {
    guard temperature >= 0, temperature.isFinite else {
      throw .invalidOption(name: "temperature", value: "\(temperature)", expected: "0 or more")
    }
    var filters: [any CandidateFilter] = []
    if temperature > 0, temperature != 1 { filters.append(try Temperature(temperature)) }
    if let topK { filters.append(try TopK(topK)) }
    if let topP { filters.append(try TopP(topP)) }
    if let minP { filters.append(try MinP(minP)) }
    var penalty: RepetitionPenalty?
    if let repetitionPenalty { penalty = try RepetitionPenalty(repetitionPenalty) }
    self.init(filters: filters, isGreedy: temperature == 0, repetitionPenalty: penalty)
  }

  /// The tokens that may be chosen, after the filters.
  public func candidates(_ logits: [Float], after context: [TokenID] = []) throws(MiniLMError)
    -> Candidates
  {
    var logits = logits
    repetitionPenalty?.apply(to: &logits, after: context)
    var candidates = try Candidates(logits)
    for filter in filters { filter.apply(to: &candidates) }
    return candidates
  }

  /// The next token; `context` is what a penalty for repetition looks at.
  public func choose(
    _ logits: [Float], after context: [TokenID] = [], _ random: inout RandomGenerator
  ) throws(MiniLMError) -> TokenID {
    let candidates = try candidates(logits, after: context)
    return isGreedy ? candidates.best : candidates.draw(&random)
  }
}
