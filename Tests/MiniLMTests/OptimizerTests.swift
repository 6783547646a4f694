import MiniLM
import Testing

@Suite struct OptimizerTests {
  static let cases: [(String, OptimizerConfiguration, [[Double]])] = [
    ("sgd", .sgd(), TorchReference.sgd),
    ("sgd momentum", .sgd(momentum: 0.9), TorchReference.sgdMomentum),
    (
      "sgd nesterov", .sgd(momentum: 0.9, nesterov: true, weightDecay: 0.05),
      TorchReference.sgdNesterovDecay
    ),
    ("adam", .adam(), TorchReference.adam),
    (
      "adam decay", .adam(beta1: 0.8, beta2: 0.95, epsilon: 1e-6, weightDecay: 0.1),
      TorchReference.adamDecay
    ),
    ("adamw", .adamW(), TorchReference.adamW),
    ("adamw decay", .adamW(beta2: 0.99, weightDecay: 0.2), TorchReference.adamWDecay),
  ]

  private func layout(_ count: Int, role: TensorDescription.Role = .matrix) -> ParameterLayout {
    var layout = ParameterLayout()
    layout.append("p", rows: 1, columns: count, role: role)
    return layout
  }

  private func gradient(_ step: Int, _ count: Int) -> [Float] {
    (0..<count).map { Float((7 * step + 3 * $0) % 11 - 5) / 4 }
  }

  /// Five steps at a rate of 0.1 from PyTorch's start, repeated to `count` parameters.
  private func trace(_ configuration: OptimizerConfiguration, copies: Int = 1, threads: Int = 1)
    throws -> [[Float]]
  {
    let layout = layout(4 * copies)
    let parameters = try ParameterStore(layout: layout)
    let gradients = try GradientStore(layout: layout)
    let optimizer = try configuration.makeOptimizer(for: layout)
    parameters.values.replace(
      at: 0, with: (0..<copies).flatMap { _ in [0.5, -1.25, 2, 0] as [Float] })
    return (0..<5).map { step in
      gradients.values.replace(at: 0, with: (0..<copies).flatMap { _ in gradient(step, 4) })
      optimizer.step(
        parameters, gradients, learningRate: 0.1, gradientScale: 1, threads: threads)
      return parameters.values.values(in: 0..<layout.count)
    }
  }

  @Test(arguments: cases.indices)
  func fiveStepsEqualPyTorchs(_ index: Int) throws {
    let (name, configuration, expected) = Self.cases[index]
    // One parameter set alone goes through the tails of the kernels, nine through their lanes.
    for copies in [1, 9] {
      for (step, row) in try trace(configuration, copies: copies).enumerated() {
        for (i, ours) in row.enumerated() {
          #expect(abs(Double(ours) - expected[step][i % 4]) < 1e-6, "\(name), step \(step), p\(i)")
        }
      }
    }
  }

  @Test func firstStepOfAdamByHand() throws {
    // m = 0.1 g and v = 0.001 g² are corrected to g and g², so that p moves by lr·g/(|g| + ε): by
    // lr.
    let rows = try trace(.adam())
    let start: [Float] = [0.5, -1.25, 2, 0]
    for (i, g) in gradient(0, 4).enumerated() {
      #expect(abs(rows[0][i] - (start[i] - 0.1 * (g > 0 ? 1 : -1))) < 1e-6)
    }
  }

  @Test func momentumByHand() throws {
    // g₀ = −1.25: p₁ = 0.5 + 0.125. g₁ = 0.5, b = 0.9·(−1.25) + 0.5 = −0.625: p₂ = 0.625 + 0.0625.
    let rows = try trace(.sgd(momentum: 0.9))
    #expect(abs(rows[0][0] - 0.625) < 1e-6)
    #expect(abs(rows[1][0] - 0.6875) < 1e-6)
  }

  @Test(arguments: cases.indices)
  func threadsDoNotChangeABit(_ index: Int) throws {
    let configuration = Self.cases[index].1
    let one = try trace(configuration, copies: 17_000)
    let three = try trace(configuration, copies: 17_000, threads: 3)
    #expect(one == three)
  }

  @Test func vectorsDoNotDecay() throws {
    let layout = layout(4, role: .vector)
    for configuration in [
      OptimizerConfiguration.sgd(weightDecay: 0.5), .adam(weightDecay: 0.5),
      .adamW(weightDecay: 0.5),
    ] {
      let parameters = try ParameterStore(layout: layout)
      parameters.values.replace(at: 0, with: [1, 2, 3, 4])
      let optimizer = try configuration.makeOptimizer(for: layout)
      let gradients = try GradientStore(layout: layout)
      optimizer.step(parameters, gradients, learningRate: 0.1, gradientScale: 1, threads: 1)
      #expect(parameters.values.values(in: 0..<4) == [1, 2, 3, 4])
    }
  }

  @Test func plainSGDVisitsOnlyTheRowsTouched() throws {
    var layout = ParameterLayout()
    layout.append("table", rows: 3, columns: 2, role: .lookup)
    let parameters = try ParameterStore(layout: layout)
    let gradients = try GradientStore(layout: layout)
    gradients.touch([1], of: 0)
    gradients.values.replace(at: 0, with: [9, 9, 1, 2, 9, 9])
    let optimizer = try OptimizerConfiguration.sgd().makeOptimizer(for: layout)
    optimizer.step(parameters, gradients, learningRate: 1, gradientScale: 0.5, threads: 1)
    #expect(parameters.values.values(in: 0..<6) == [0, 0, -0.5, -1, 0, 0])
  }

  @Test func clippingScalesByTheGlobalNorm() throws {
    let gradients = try GradientStore(layout: layout(2))
    gradients.values.replace(at: 0, with: [3, 4])
    #expect(gradients.norm() == 5)
    #expect(abs(GradientStore.clippingScale(norm: 5, limit: 1) - 0.2) < 1e-6)
    #expect(GradientStore.clippingScale(norm: 5, limit: 10) == 1)
    #expect(GradientStore.clippingScale(norm: 5, limit: nil) == 1)
  }

  @Test func schedules() {
    let cosine = LearningRateSchedule(.cosine, warmupSteps: 10, finalFraction: 0.1)
    #expect(cosine.factor(step: 0, of: 110) == 1 / 11.0)
    #expect(cosine.factor(step: 10, of: 110) == 1)
    #expect(abs(cosine.factor(step: 60, of: 110) - 0.55) < 1e-12)
    #expect(abs(cosine.factor(step: 110, of: 110) - 0.1) < 1e-12)
    let linear = LearningRateSchedule(.linear, finalFraction: 0)
    #expect(linear.factor(step: 25, of: 100) == 0.75)
    #expect(LearningRateSchedule().factor(step: 99, of: 100) == 1)
  }

  @Test(arguments: [
    OptimizerConfiguration.sgd(momentum: 1), .sgd(momentum: -0.1), .sgd(nesterov: true),
    .sgd(weightDecay: -1), .adam(beta1: 1), .adam(beta2: .nan), .adam(epsilon: 0),
    .adamW(weightDecay: .infinity),
  ])
  func senselessSettingsAreRefused(_ configuration: OptimizerConfiguration) {
    #expect(throws: MiniLMError.self) { try configuration.check() }
  }
}
