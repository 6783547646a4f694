/// Keeps the smallest set of most likely tokens whose probabilities reach `mass` together: the
/// nucleus (Holtzman and others).
public struct TopP: CandidateFilter, Equatable {
  /// The probability that the set reaches.
  public let mass: Double

  /// Keeps a mass above 0; 1 or more keeps all.
  public init(_ mass: Double) throws(MiniLMError) {
    guard mass > 0, mass.isFinite else {
      throw .invalidOption(name: "top-p", value: "\(mass)", expected: "more than 0, up to 1")
    }
    self.mass = mass
  }

  /// Removes the tail; the most likely token always stays.
  public func apply(to candidates: inout Candidates) {
    guard mass < 1 else { return }
    let probabilities = candidates.probabilities
    // Tokens with less than (1 − mass)/n each have less than 1 − mass together, so the nucleus is
    // among the others, and only those need sorting.
    let floor = (1 - mass) / Double(candidates.list.count) * 0.999
    var kept = candidates.list.indices.filter { probabilities[$0] >= floor }
    kept.sort { Candidates.isBetter(candidates.list[$0], candidates.list[$1]) }
    var sum = 0.0
    var nucleus: [Candidates.Candidate] = []
    for index in kept {
      nucleus.append(candidates.list[index])
      sum += probabilities[index]
      if sum >= mass { break }
    }
    candidates.list = nucleus
  }
}
