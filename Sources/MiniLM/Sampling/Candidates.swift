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
    list = []
    list.reserveCapacity(logits.count)
    for (index, logit) in logits.enumerated() {
      if logit.isNaN || logit == .infinity {
        throw .badLogits("that of token \(index) is \(logit)")
      }
      if logit > -.infinity {
        list.append(Candidate(id: TokenID(UInt32(index)), logit: logit))
      }
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
    let (weights, sum) = weights
    return weights.map { Double($0) / sum }
  }

  /// e^logit of each, the largest of them 1, and their sum.
  private var weights: (each: [Float], sum: Double) {
    let maximum = list.reduce(-Float.infinity) { Swift.max($0, $1.logit) }
    let weights = Kernels.exponentials(list.map { $0.logit - maximum })
    return (weights, weights.reduce(0.0) { $0 + Double($1) })
  }

  /// A token drawn by its probability.
  public func draw(_ random: inout RandomGenerator) -> TokenID {
    let (weights, sum) = weights
    var left = random.uniform()
    for (index, weight) in weights.enumerated() {
      left -= Double(weight) / sum
      if left < 0 { return list[index].id }
    }
    // Rounding may leave a trace above 0: the last token that has a chance.
    let last = weights.lastIndex { $0 > 0 } ?? 0
    return list[last].id
  }
}

/// Something that narrows or reshapes what may come next.
public protocol CandidateFilter: Sendable {
  /// Changes the candidates; at least one stays.
  func apply(to candidates: inout Candidates)
}
