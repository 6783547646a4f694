internal import CKernels

/// The loops over floats that are written in C, by their Swift names.
public enum Kernels {
  /// What the elementwise loops were compiled for, as chosen on this machine, for a log.
  public static var levelDescription: String {
    switch Int(minilm_level()) {
    case MINILM_AVX512: "AVX-512"
    case MINILM_AVX2: "AVX2"
    default: "baseline"
    }
  }

  /// How many levels this machine can run, for tests of each.
  package static var levelCount: Int { Int(minilm_best_level()) + 1 }

  /// y += x, `count` floats each.
  @unsafe
  static func add(_ y: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>, count: Int) {
    unsafe minilm_add(y, x, count)
  }

  /// e^x of each element, with a relative error under 2e-7; 0 below −87.33, infinity above 88.72.
  public static func exponentials(_ x: [Float]) -> [Float] {
    exponentials(x, level: Int(minilm_level()))
  }

  /// The same, by the loop of a given level, less than `levelCount`.
  package static func exponentials(_ x: [Float], level: Int) -> [Float] {
    precondition(level >= 0 && level < levelCount)
    // The kernel writes all `count` elements.
    return unsafe Array(unsafeUninitializedCapacity: x.count) { buffer, count in
      if let base = buffer.baseAddress { unsafe minilm_exp_at(Int32(level), x, base, x.count) }
      count = x.count
    }
  }
}
