internal import CKernels

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Adam (Kingma and Ba), and AdamW (Loshchilov and Hutter) where the decay is decoupled; formulas
/// as in torch.optim.Adam and AdamW.
///
///     Adam    g ← g + weightDecay·p
///     AdamW   p ← p − lr·weightDecay·p
///     m ← m + (1 − β₁)(g − m)          v ← β₂·v + (1 − β₂)·g²
///     p ← p − lr / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)
///
/// Biases and gains (tensors of role `vector`) do not decay. Every parameter is visited at every
/// step, those without a gradient too, since their moments still move them: that is what PyTorch
/// does with dense gradients, at a cost of four arenas read and three written.
public final class Adam: Optimizer {
  /// Steps made so far: t.
  public var stepCount = 0
  /// m and v.
  public let slots: [FloatStorage]

  private let beta1: Double
  private let beta2: Double
  private let epsilon: Double
  private let weightDecay: Double
  private let decoupled: Bool
  private let whole: OptimizerSegments

  init(
    layout: ParameterLayout, beta1: Double, beta2: Double, epsilon: Double, weightDecay: Double,
    decoupled: Bool
  ) throws(MiniLMError) {
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    self.weightDecay = weightDecay
    self.decoupled = decoupled
    self.slots = [
      try FloatStorage(count: layout.count), try FloatStorage(count: layout.count),
    ]
    self.whole = OptimizerSegments(layout, ranges: [0..<layout.count])
  }

  /// One step.
  public func step(
    _ parameters: ParameterStore, _ gradients: GradientStore, learningRate: Double,
    gradientScale: Double, threads: Int
  ) {
    stepCount += 1
    let correction1 = 1 - pow(beta1, Double(stepCount))
    let correction2 = 1 - pow(beta2, Double(stepCount))
    whole.forEach(threads: threads) { segment in
      let decay = segment.decays ? weightDecay : 0
      var settings = minilm_adam(
        gradient_scale: Float(gradientScale),
        coupled_decay: decoupled ? 0 : Float(decay),
        decoupled_decay: decoupled ? Float(learningRate * decay) : 0,
        complement1: Float(1 - beta1), beta2: Float(beta2), complement2: Float(1 - beta2),
        step_size: Float(learningRate / correction1),
        root_correction: Float(1 / correction2.squareRoot()), epsilon: Float(epsilon))
      // The four arenas have one layout, segments are apart from each other.
      unsafe minilm_adam_step(
        parameters.values.pointer(at: segment.range), gradients.values.pointer(at: segment.range),
        slots[0].pointer(at: segment.range), slots[1].pointer(at: segment.range),
        segment.range.count, &settings)
    }
  }
}
