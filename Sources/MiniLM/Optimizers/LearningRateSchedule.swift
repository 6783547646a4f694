#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// How the learning rate moves from step to step.
///
/// It climbs in a straight line over the warm-up steps, then keeps or falls to `finalFraction` of
/// its height at the last step.
public struct LearningRateSchedule: Equatable, Sendable {
  /// The shape after warm-up.
  public enum Shape: String, CaseIterable, Sendable {
    /// Stays.
    case constant
    /// Falls along half a cosine, as nanoGPT's.
    case cosine
    /// Falls in a straight line.
    case linear
  }

  /// The shape after warm-up.
  public var shape: Shape
  /// Steps of climbing from 0.
  public var warmupSteps: Int
  /// Where it ends, as a fraction of the full rate; unused by `constant`.
  public var finalFraction: Double

  /// A schedule.
  public init(_ shape: Shape = .constant, warmupSteps: Int = 0, finalFraction: Double = 0.1) {
    self.shape = shape
    self.warmupSteps = warmupSteps
    self.finalFraction = finalFraction
  }

  /// The factor for step `step` (from 0) of `steps`.
  public func factor(step: Int, of steps: Int) -> Double {
    if step < warmupSteps { return Double(step + 1) / Double(warmupSteps + 1) }
    let length = Swift.max(1, steps - warmupSteps)
    let progress = Swift.min(1, Double(step - warmupSteps) / Double(length))
    switch shape {
    case .constant: return 1
    case .cosine: return finalFraction + (1 - finalFraction) * 0.5 * (1 + cos(.pi * progress))
    case .linear: return finalFraction + (1 - finalFraction) * (1 - progress)
    }
  }
}
