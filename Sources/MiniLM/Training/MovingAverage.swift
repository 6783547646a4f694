/// An exponential moving average of parameters (Polyak and Juditsky, 1992; the weights that EMA is said to give).
///
///     A₀ = P₀,  A = P + β·(A − P) after each step,  β = min(decay, (1 + t)/(10 + t)) after t steps
///
/// Late in a run the parameters wander about a minimum as batches push them; the average lies nearer to it. The first
/// steps, which are far away, are forgotten faster.
@safe
final class MovingAverage {
  /// A.
  let values: FloatStorage
  private let decay: Double

  /// - Parameters:
  ///   - decay: At least 0 and less than 1.
  ///   - parameters: P₀.
  init(decay: Double, of parameters: ParameterStore) throws(MiniLMError) {
    self.decay = decay
    values = try FloatStorage(count: parameters.count)
    values.copy(from: parameters.values)
  }

  /// Moves towards the parameters as they are after `step` steps.
  func add(_ parameters: ParameterStore, step: Int, threads: Int) {
    let kept = Float(Swift.min(decay, Double(1 + step) / Double(10 + step)))
    Parallel.run(threads) { share in
      let part = Parallel.share(share, of: values.count, shares: threads)
      // Two arenas of one layout; the parts of two threads do not overlap.
      unsafe Kernels.approach(
        values.pointer(at: part), parameters.values.pointer(at: part), kept: kept,
        count: part.count)
    }
  }
}
