/// Keeps the tokens whose probability is at least a part of the most likely one's (Nguyen and others).
public struct MinP: CandidateFilter, Equatable {
  /// That part, 0 to 1.
  public let fraction: Double

  /// Keeps what has at least `fraction` of the largest probability; 0 keeps all.
  public init(_ fraction: Double) throws(MiniLMError) {
    guard fraction >= 0, fraction <= 1 else {
      throw .invalidOption(name: "min-p", value: "\(fraction)", expected: "0 to 1")
    }
    self.fraction = fraction
  }

  /// Removes the others; the most likely token always stays.
  public func apply(to candidates: inout Candidates) {
    guard fraction > 0 else { return }
    let probabilities = candidates.probabilities
    let floor = fraction * (probabilities.max() ?? 0)
    candidates.list = zip(candidates.list, probabilities).filter { $0.1 >= floor }.map { $0.0 }
  }
}
