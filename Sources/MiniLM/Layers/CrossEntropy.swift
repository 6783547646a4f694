internal import CKernels

/// Softmax and the loss of its target, in one pass.
///
/// N positions, V logits each.
///
///     forward    loss = Σ_n  ln Σ_j e^(x[n,j] − max) + max − x[n, target[n]]
///     backward   dx[n,j] = scale · (softmax(x[n])[j] − [j = target[n]])     written over x
package enum CrossEntropy {
  /// The sum of the losses of N rows of V logits; each target is less than V.
  ///
  /// The logits stay as they are.
  @unsafe
  static func forward(
    _ logits: UnsafeMutablePointer<Float>, _ targets: UnsafePointer<UInt32>, count: Int,
    vocabularySize: Int
  ) -> Double {
    unsafe minilm_cross_entropy(logits, targets, count, vocabularySize, 0, 0)
  }

  /// The sum of the losses; the logits become the gradient of `scale` times it.
  @unsafe
  static func forwardBackward(
    _ logits: UnsafeMutablePointer<Float>, _ targets: UnsafePointer<UInt32>, count: Int,
    vocabularySize: Int, scale: Float
  ) -> Double {
    unsafe minilm_cross_entropy(logits, targets, count, vocabularySize, scale, 1)
  }

  /// The loss of `target` under one row of logits, by the loop of a given level: for tests.
  package static func loss(_ logits: [Float], target: Int, level: Int = 0) -> Double {
    precondition(logits.indices.contains(target) && level >= 0 && level < Kernels.levelCount)
    var logits = logits
    var target = UInt32(target)
    // One row of logits.count, and the target lies in it.
    return unsafe logits.withUnsafeMutableBufferPointer { row in
      guard let base = row.baseAddress else { return 0 }
      return unsafe minilm_cross_entropy_at(
        Int32(level), base, &target, 1, row.count, 0, 0)
    }
  }
}
