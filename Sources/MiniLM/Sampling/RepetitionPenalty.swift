public import Tokenizers

/// Makes tokens that the text holds already less likely (Keskar and others, CTRL).
public struct RepetitionPenalty: Equatable, Sendable {
  /// The divisor of positive logits and factor of negative ones; 1 changes nothing.
  public let value: Double

  /// A penalty above 0; below 1 it rewards.
  public init(_ value: Double) throws(MiniLMError) {
    guard value > 0, value.isFinite else {
      throw .invalidOption(name: "repetition penalty", value: "\(value)", expected: "more than 0")
    }
    self.value = value
  }

  /// Changes the logit of each token of `context`, once for all times that it is there.
  public func apply(to logits: inout [Float], after context: [TokenID]) {
    if value == 1 { return }
    for id in Set(context) where id.rawValue < logits.count {
      let logit = Double(logits[Int(id.rawValue)])
      logits[Int(id.rawValue)] = Float(logit > 0 ? logit / value : logit * value)
    }
  }
}
