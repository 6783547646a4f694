internal import CKernels

/// Stochastic gradient descent, as torch.optim.SGD with dampening 0.
///
///     g ← g + weightDecay·p
///     b ← momentum·b + g                     (no b without momentum)
///     p ← p − lr·b                           Nesterov: p − lr·(g + momentum·b)
///
/// Without momentum and decay only the rows of lookup tables that got a gradient are visited; a
/// large table then costs no more than the batch. With either, every parameter changes at every
/// step.
public final class SGD: Optimizer {
  /// Steps made so far.
  public var stepCount = 0
  /// b, where there is momentum.
  public let slots: [FloatStorage]

  private let momentum: Float
  private let nesterov: Bool
  private let weightDecay: Float
  private let whole: OptimizerSegments

  init(layout: ParameterLayout, momentum: Double, nesterov: Bool, weightDecay: Double)
    throws(MiniLMError)
  {
    self.momentum = Float(momentum)
    self.nesterov = nesterov
    self.weightDecay = Float(weightDecay)
    self.slots = momentum == 0 ? [] : [try FloatStorage(count: layout.count)]
    self.whole = OptimizerSegments(layout, ranges: [0..<layout.count])
  }

  /// One step.
  public func step(
    _ parameters: ParameterStore, _ gradients: GradientStore, learningRate: Double,
    gradientScale: Double, threads: Int
  ) {
    stepCount += 1
    let onlyTouched = slots.isEmpty && weightDecay == 0
    let segments =
      onlyTouched
      ? OptimizerSegments(parameters.layout, ranges: gradients.activeRanges) : whole
    segments.forEach(threads: threads) { segment in
      var settings = minilm_sgd(
        gradient_scale: Float(gradientScale), decay: segment.decays ? weightDecay : 0,
        momentum: momentum, rate: Float(learningRate), nesterov: nesterov ? 1 : 0)
      // The three arenas have one layout, segments are apart from each other.
      unsafe minilm_sgd_step(
        parameters.values.pointer(at: segment.range), gradients.values.pointer(at: segment.range),
        slots.first.map { unsafe $0.pointer(at: segment.range) }, segment.range.count, &settings)
    }
  }
}
