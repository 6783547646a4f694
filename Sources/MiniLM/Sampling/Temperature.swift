/// Divides logits by a temperature: below 1 the likely become likelier, above 1 the rare less rare.
public struct Temperature: CandidateFilter, Equatable {
  /// The divisor, more than 0.
  public let value: Double

  /// A temperature above 0; for 0 use `Sampler`, which then takes the most likely token.
  public init(_ value: Double) throws(MiniLMError) {
    guard value > 0, value.isFinite else {
      throw .invalidOption(name: "temperature", value: "\(value)", expected: "more than 0")
    }
    self.value = value
  }

  /// Divides every logit's distance from the largest, so that none overflows however small the
  /// temperature.
  public func apply(to candidates: inout Candidates) {
    if value == 1 { return }
    let maximum = candidates.list.reduce(-Float.infinity) { Swift.max($0, $1.logit) }
    for index in candidates.list.indices {
      let distance = Double(candidates.list[index].logit) - Double(maximum)
      candidates.list[index].logit = Float(Swift.max(distance / value, -1e30))
    }
  }
}
