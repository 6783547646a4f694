/// Known recipes.
public enum TrainingPreset: String, CaseIterable, Sendable {
  /// nanoGPT's recipe for a CPU: 4 layers of width 128, block 64, batch 12, 2,000 steps.
  case nanoGPTCPU = "nanogpt-cpu"
  /// nanoGPT's recipe for Shakespeare's characters: 6 layers of width 384, block 256, batch 64, 5,000 steps.
  case babyGPT = "baby-gpt"
  /// A Transformer as first described, as small as may be: 2 layers of width 64, post-norm, ReLU, sines.
  case tinyGPT = "tiny-gpt"

  /// The options of the recipe.
  public var options: TrainingOptions {
    // The defaults of a gpt are nanoGPT's for a CPU.
    var options = TrainingOptions(model: .gpt)
    switch self {
    case .nanoGPTCPU: break
    case .babyGPT:
      options.transformer = TransformerShape(layers: 6, heads: 6, dropout: 0.2)
      options.width = 384
      (options.steps, options.batchSize, options.blockSize) = (5000, 64, 256)
      options.evaluationTokens = 200 * 64 * 256
    case .tinyGPT:
      options.transformer = TransformerShape(
        layers: 2, heads: 4, feedForwardWidth: 128, activation: .relu, norm: .post,
        positions: .sinusoidal, isTied: false)
      (options.width, options.bias) = (64, true)
      (options.steps, options.batchSize, options.blockSize) = (2000, 32, 32)
      options.schedule = LearningRateSchedule(.constant, warmupSteps: 100)
      options.optimizer = .adamW()
    }
    return options
  }
}
