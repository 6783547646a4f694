public import Tokenizers

/// Tokens that may come next, with their logits; filters remove some of them.
public struct Candidates: Equatable, Sendable {
  /// A token and its logit.
  public struct Candidate: Equatable, Sendable {
    /// The token.
    public var id: TokenID
    /// Its logit.
    public var logit: Float
  }

  /// Those that are left: one or more, at least one of them with a finite logit.
  public internal(set) var list: [Candidate]

  /// All tokens.
  ///
  /// A logit of −infinity bars its token; NaN, +infinity and no token left are errors.
  public init(_ logits: [Float]) throws(MiniLMError) {
    if let index = logits.firstIndex(where: { $0.isNaN || $0 == .infinity }) {
      throw .badLogits("that of token \(index) is \(logits[index])")
    }
    list = logits.enumerated().compactMap { index, logit in
      logit == -.infinity ? nil : Candidate(id: TokenID(UInt32(index)), logit: logit)
    }
    if list.isEmpty { throw .badLogits("there is no token to choose") }
  }

  /// Whether `a` comes before `b`: the larger logit first, of equal ones the smaller id.
  static func isBetter(_ a: Candidate, _ b: Candidate) -> Bool {
    a.logit != b.logit ? a.logit > b.logit : a.id < b.id
  }

  /// The most likely token; of equal ones the smallest id.
  public var best: TokenID {
    var best = list[0]
    for candidate in list where Self.isBetter(candidate, best) { best = candidate }
    return best.id
  }

  /// The softmax of the logits that are left, in the order of `list`.
  public var probabilities: [Double] {
    let maximum = list.reduce(-Float.infinity) { Swift.max($0, $1.logit) }
    let weights = Kernels.exponentials(list.map { $0.logit - maximum })
    let sum = weights.reduce(0.0) { $0 + Double($1) }
    return weights.map { Double($0) / sum }
  }

  /// A token drawn by its probability.
  public func draw(_ random: inout RandomGenerator) -> TokenID {
    let probabilities = probabilities
    var left = random.uniform()
    for (candidate, probability) in zip(list, probabilities) {
      left -= probability
      if left < 0 { return candidate.id }
    }
    // Rounding may leave a trace above 0: the last token that has a chance.
    let last = probabilities.lastIndex { $0 > 0 } ?? 0
    return list[last].id
  }
}

/// Something that narrows or reshapes what may come next.
public protocol CandidateFilter: Sendable {
  /// Changes the candidates; at least one stays.
  func apply(to candidates: inout Candidates)
}
