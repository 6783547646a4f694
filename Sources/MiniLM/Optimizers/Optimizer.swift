/// Which optimizer, with its settings; the formulas and defaults are PyTorch's.
public enum OptimizerConfiguration: Equatable, Sendable {
  /// p −= lr·b with b = momentum·b + g, g += weightDecay·p before; see `SGD`.
  case sgd(momentum: Double = 0, nesterov: Bool = false, weightDecay: Double = 0)
  /// Adam with weight decay added to the gradient (L2); see `Adam`.
  case adam(
    beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8, weightDecay: Double = 0)
  /// Adam with weight decay apart from the gradient; see `Adam`.
  case adamW(
    beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8, weightDecay: Double = 0.01)

  /// How many arenas of state (momentum, moments) it keeps.
  public var slotCount: Int {
    switch self {
    case .sgd(let momentum, _, _): momentum == 0 ? 0 : 1
    case .adam, .adamW: 2
    }
  }

  /// Throws for settings with which no training works.
  public func check() throws(MiniLMError) {
    func check(_ name: String, _ value: Double, _ fits: Bool, _ expected: String)
      throws(MiniLMError)
    {
      if !fits { throw .invalidOption(name: name, value: "\(value)", expected: expected) }
    }
    switch self {
    case .sgd(let momentum, let nesterov, let weightDecay):
      try check("momentum", momentum, momentum >= 0 && momentum < 1, "0 up to but not including 1")
      try check(
        "momentum", momentum, !nesterov || momentum > 0, "more than 0 for Nesterov's look ahead")
      try check(
        "weight decay", weightDecay, weightDecay >= 0 && weightDecay.isFinite, "0 or more")
    case .adam(let beta1, let beta2, let epsilon, let weightDecay),
      .adamW(let beta1, let beta2, let epsilon, let weightDecay):
      try check("beta1", beta1, beta1 >= 0 && beta1 < 1, "0 up to but not including 1")
      try check("beta2", beta2, beta2 >= 0 && beta2 < 1, "0 up to but not including 1")
      try check("epsilon", epsilon, epsilon > 0 && epsilon.isFinite, "more than 0")
      try check(
        "weight decay", weightDecay, weightDecay >= 0 && weightDecay.isFinite, "0 or more")
    }
  }

  /// The optimizer for parameters of this layout, with its state zero.
  public func makeOptimizer(for layout: ParameterLayout) throws(MiniLMError) -> any Optimizer {
    try check()
    switch self {
    case .sgd(let momentum, let nesterov, let weightDecay):
      return try SGD(
        layout: layout, momentum: momentum, nesterov: nesterov, weightDecay: weightDecay)
    case .adam(let beta1, let beta2, let epsilon, let weightDecay):
      return try Adam(
        layout: layout, beta1: beta1, beta2: beta2, epsilon: epsilon, weightDecay: weightDecay,
        decoupled: false)
    case .adamW(let beta1, let beta2, let epsilon, let weightDecay):
      return try Adam(
        layout: layout, beta1: beta1, beta2: beta2, epsilon: epsilon, weightDecay: weightDecay,
        decoupled: true)
    }
  }
}

/// Turns gradients into new parameters, and keeps what it needs from step to step.
public protocol Optimizer: AnyObject {
  /// Steps made so far.
  var stepCount: Int { get set }
  /// Momentum or moments, each laid out as the parameters: what a checkpoint saves.
  var slots: [FloatStorage] { get }
  /// One step; the gradient is first multiplied by `gradientScale` (clipping). Work is spread over
  /// `threads`, and the result does not depend on how many.
  func step(
    _ parameters: ParameterStore, _ gradients: GradientStore, learningRate: Double,
    gradientScale: Double, threads: Int)
}

/// Runs of the arena that an optimizer treats alike.
struct OptimizerSegments {
  /// A run of elements, and whether weight decay applies to it.
  struct Segment {
    var range: Range<Int>
    var decays: Bool
  }

  /// Runs of at most 16 Ki elements, so that they can be dealt to workers.
  private(set) var segments: [Segment] = []

  /// The parts of `ranges` (ascending), cut at tensor borders; vectors do not decay.
  init(_ layout: ParameterLayout, ranges: [Range<Int>]) {
    let largest = 1 << 14
    for tensor in layout.tensors {
      for range in ranges where range.overlaps(tensor.range) {
        let range = range.clamped(to: tensor.range)
        for start in stride(from: range.lowerBound, to: range.upperBound, by: largest) {
          let end = Swift.min(start + largest, range.upperBound)
          segments.append(Segment(range: start..<end, decays: tensor.role != .vector))
        }
      }
    }
  }

  /// Calls `body` for every segment, spread over `threads`.
  func forEach(threads: Int, _ body: (Segment) -> Void) {
    let shares = Swift.max(1, Swift.min(threads, segments.count / 2))
    Parallel.run(shares) { worker in
      for index in Parallel.share(worker, of: segments.count, shares: shares) {
        body(segments[index])
      }
    }
  }
}
