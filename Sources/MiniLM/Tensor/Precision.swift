internal import CKernels

/// How exactly the products of a training step are made.
public enum Precision: String, CaseIterable, Sendable {
  /// Floats of 32 bits.
  case float32
  /// Operands rounded to bfloat16, eight significant bits, sums in float32; parameters, activations, gradients and the
  /// optimizer stay float32. "Mixed precision" elsewhere (Kalamkar and others, 2019, arXiv:1905.12322).
  case bfloat16
}

extension MatMul {
  /// Whether the engine in use has products of this precision. Where it has not, those of float32 stand in.
  public static func has(_ precision: Precision) -> Bool {
    precision == .float32 || (chosen == .vectors && hasBFloat16)
  }

  /// Asked of the processor once: products ask each time.
  private static let hasBFloat16 = minilm_has_bfloat16() == 1

  /// The kind of vectors that multiply for the engine `vectors` at a level of the kernels.
  static func vectorKind(_ precision: Precision, level: Int32) -> Int32 {
    precision == .bfloat16 && level == Int32(MINILM_AVX512) && hasBFloat16
      ? Int32(MINILM_BFLOAT16) : level
  }
}
