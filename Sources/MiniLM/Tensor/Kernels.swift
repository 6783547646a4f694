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

  /// y ·= x, `count` floats each.
  @unsafe
  static func multiply(_ y: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>, count: Int) {
    unsafe minilm_multiply(y, x, count)
  }

  /// sums (columns) += the sum over the rows of x.
  @unsafe
  static func columnSums(
    _ x: UnsafePointer<Float>, rows: Int, columns: Int, into sums: UnsafeMutablePointer<Float>
  ) {
    unsafe minilm_column_sums(x, rows, columns, sums)
  }

  /// y (outputs) = x (inputs)·W (inputs, outputs) + bias; the rows of W are `stride` apart.
  @unsafe
  static func vectorMatrix(
    _ x: UnsafePointer<Float>, _ w: UnsafePointer<Float>, _ bias: UnsafePointer<Float>?,
    _ y: UnsafeMutablePointer<Float>, inputs: Int, outputs: Int, stride: Int
  ) {
    unsafe minilm_vector_matrix(x, w, stride, bias, y, inputs, outputs)
  }

  /// y (outputs) = W (outputs, inputs)·x (inputs).
  @unsafe
  static func matrixVector(
    _ w: UnsafePointer<Float>, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>,
    outputs: Int, inputs: Int
  ) {
    unsafe minilm_matrix_vector(w, x, y, outputs, inputs)
  }

  /// See `LayerNorm.forward`.
  @unsafe
  static func layerNorm(
    _ x: UnsafePointer<Float>, rows: Int, columns: Int, gain: UnsafePointer<Float>,
    bias: UnsafePointer<Float>?, epsilon: Float, normalized: UnsafeMutablePointer<Float>?,
    inverse: UnsafeMutablePointer<Float>?, output: UnsafeMutablePointer<Float>
  ) {
    unsafe minilm_layer_norm(
      x, rows, columns, gain, bias, epsilon, normalized, inverse, output)
  }

  /// See `LayerNorm.backward`.
  @unsafe
  static func layerNormBackward(
    _ dy: UnsafePointer<Float>, normalized: UnsafePointer<Float>, inverse: UnsafePointer<Float>,
    rows: Int, columns: Int, gain: UnsafePointer<Float>,
    gainGradient: UnsafeMutablePointer<Float>, biasGradient: UnsafeMutablePointer<Float>?,
    inputGradient: UnsafeMutablePointer<Float>, adds: Bool
  ) {
    unsafe minilm_layer_norm_backward(
      dy, normalized, inverse, rows, columns, gain, gainGradient, biasGradient, inputGradient,
      adds ? 1 : 0)
  }

  /// y = f(x + bias), rows × columns; with `derivative` x becomes f′(x + bias).
  @unsafe
  static func activation(
    _ activation: TransformerShape.Activation, _ x: UnsafeMutablePointer<Float>,
    bias: UnsafePointer<Float>?, output y: UnsafeMutablePointer<Float>, rows: Int, columns: Int,
    derivative: Bool
  ) {
    let kind =
      switch activation {
      case .gelu: MINILM_GELU
      case .geluTanh: MINILM_GELU_TANH
      case .relu: MINILM_RELU
      }
    unsafe minilm_activation(Int32(kind), x, bias, y, rows, columns, derivative ? 1 : 0)
  }

  /// Softmax of scale·x over the first `first` + r + 1 elements of row r, zero for the rest.
  @unsafe
  static func causalSoftmax(
    _ x: UnsafeMutablePointer<Float>, rows: Int, columns: Int, stride: Int, first: Int,
    scale: Float
  ) {
    unsafe minilm_causal_softmax(x, rows, columns, stride, first, scale)
  }

  /// The gradient by x, written over that by the probabilities `p`.
  @unsafe
  static func causalSoftmaxBackward(
    _ p: UnsafePointer<Float>, _ dp: UnsafeMutablePointer<Float>, rows: Int, columns: Int,
    stride: Int, first: Int, scale: Float
  ) {
    unsafe minilm_causal_softmax_backward(p, dp, rows, columns, stride, first, scale)
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
