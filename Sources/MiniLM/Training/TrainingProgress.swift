#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// What one update measured.
public struct StepResult: Equatable, Sendable {
  /// The batch's mean loss, before the update.
  public let loss: Double
  /// Tokens predicted.
  public let tokens: Int
  /// The norm of all gradients, where it was measured.
  public let gradientNorm: Double?
  /// The learning rate used.
  public let learningRate: Double
}

/// Whether a run goes on.
public enum TrainingControl: Sendable {
  /// Go on.
  case proceed
  /// Save and end.
  case stop
}

/// Where a run is, after a step.
public struct TrainingProgress: Equatable, Sendable {
  /// Updates made, and how many there will be.
  public let step: Int
  /// How many updates there will be.
  public let steps: Int
  /// The loss of the last batch.
  public let loss: Double
  /// The mean loss of the batches since the last evaluation.
  public let meanLoss: Double
  /// The validation result, after an evaluation step with validation text.
  public let evaluation: Evaluation?
  /// Whether this step ended an evaluation interval.
  public let isEvaluationStep: Bool
  /// The learning rate of the step.
  public let learningRate: Double
  /// The norm of the gradients, where it was measured (always when clipping, else at evaluations).
  public let gradientNorm: Double?
  /// Tokens trained on in this run.
  public let tokens: Int
  /// Seconds since the run began.
  public let seconds: Double

  /// Tokens trained on in a second, evaluations included.
  public var tokensPerSecond: Double { seconds > 0 ? Double(tokens) / seconds : 0 }

  /// Seconds left at this pace; `tokens` are those of the steps of this run only.
  public func secondsLeft(tokensPerStep: Int) -> Double {
    tokensPerSecond > 0 ? Double((steps - step) * tokensPerStep) / tokensPerSecond : 0
  }
}

/// What a run came to.
public struct TrainingSummary: Equatable, Sendable {
  /// Updates made, those of resumed runs included.
  public let step: Int
  /// Tokens trained on in this run.
  public let tokens: Int
  /// Seconds it took, evaluations and checkpoints included.
  public let seconds: Double
  /// The mean loss of the batches of the last interval.
  public let trainingLoss: Double
  /// The last validation result; over the whole validation text unless the run was stopped.
  public let evaluation: Evaluation?
  /// The lowest validation loss of any evaluation.
  public let bestValidationLoss: Double?
  /// Whether `progress` ended it.
  public let stopped: Bool

  /// Tokens trained on in a second.
  public var tokensPerSecond: Double { seconds > 0 ? Double(tokens) / seconds : 0 }
}

/// A mean that grows.
struct RunningLoss {
  private var sum = 0.0
  private var count = 0

  mutating func add(_ loss: Double) {
    sum += loss
    count += 1
  }

  var mean: Double { count == 0 ? .nan : sum / Double(count) }
}

/// Seconds by a clock that only goes forward.
struct Stopwatch {
  private let start = Stopwatch.now

  private static var now: Double {
    var time = timespec()
    // A local of the right type.
    _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }

  var seconds: Double { Self.now - start }
}
