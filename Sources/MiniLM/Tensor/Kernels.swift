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

  /// y = x + kept·(y − x), `count` floats each.
  @unsafe
  static func approach(
    _ y: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>, kept: Float, count: Int
  ) {
    unsafe minilm_approach(y, x, kept, count)
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

  /// y (count, outputs) = x (count, inputs)·W (inputs, outputs) + bias, each row as it would be alone.
  @unsafe
  static func vectorsMatrix(
    _ x: UnsafePointer<Float>, _ w: UnsafePointer<Float>, _ bias: UnsafePointer<Float>?,
    _ y: UnsafeMutablePointer<Float>, count: Int, inputs: Int, outputs: Int
  ) {
    unsafe minilm_vectors_matrix(x, inputs, count, w, outputs, bias, y, outputs, inputs, outputs)
  }

  /// The same for arrays, checked, by the loop of a given level, less than `levelCount`.
  package static func vectorsMatrix(
    _ x: [Float], _ w: [Float], _ bias: [Float]?, count: Int, inputs: Int, outputs: Int, level: Int
  ) -> [Float] {
    precondition(level >= 0 && level < levelCount && count > 0 && inputs > 0 && outputs > 0)
    precondition(x.count == count * inputs && w.count == inputs * outputs)
    precondition(bias == nil || bias?.count == outputs)
    var y = [Float](repeating: .nan, count: count * outputs)
    // Sizes as the preconditions say; the arrays are distinct.
    if let bias {
      unsafe minilm_vectors_matrix_at(
        Int32(level), x, inputs, count, w, outputs, bias, &y, outputs, inputs, outputs)
    } else {
      unsafe minilm_vectors_matrix_at(
        Int32(level), x, inputs, count, w, outputs, nil, &y, outputs, inputs, outputs)
    }
    return y
  }

  /// y (count, outputs): W (outputs, inputs)·x for each row of x (count, inputs), as it would be alone.
  @unsafe
  static func matrixVectors(
    _ w: UnsafePointer<Float>, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>,
    count: Int, outputs: Int, inputs: Int
  ) {
    unsafe minilm_matrix_vectors(w, x, inputs, count, y, outputs, outputs, inputs)
  }

  /// How many floats of scratch `attend` needs where there are `length` positions.
  static func scoreCount(length: Int) -> Int { (length + 15) / 16 * 16 }

  /// Attention of one position, H heads of D, whose q, k and v (3, H, D) are given, to itself and those before
  /// it: k and v join keys (H, D, T) and values (H, T, D), and y (H, D) is softmax(scale·q·keys)·values.
  @unsafe
  static func attend(
    _ qkv: UnsafePointer<Float>, keys: UnsafeMutablePointer<Float>,
    values: UnsafeMutablePointer<Float>, scores: UnsafeMutablePointer<Float>,
    output y: UnsafeMutablePointer<Float>, heads: Int, headWidth: Int, length: Int, position: Int,
    scale: Float, level: Int? = nil
  ) {
    precondition(position >= 0 && position < length)
    var call = unsafe minilm_attend(
      qkv: qkv, keys: keys, values: values, scores: scores, y: y, heads: heads,
      head_width: headWidth, length: length, position: position, scale: scale)
    if let level {
      unsafe minilm_attend_at(Int32(level), &call)
    } else {
      unsafe minilm_attend(&call)
    }
  }

  /// The same position after position for arrays, checked, by the loop of a given level, less than
  /// `levelCount`: y (T, H, D) from q, k and v (T, 3, H, D).
  package static func attention(
    _ qkv: [Float], heads: Int, headWidth: Int, length: Int, scale: Float, level: Int
  ) -> [Float] {
    let c = heads * headWidth
    precondition(level >= 0 && level < levelCount && c > 0 && qkv.count == 3 * c * length)
    var (keys, values) = (
      [Float](repeating: 0, count: c * length), [Float](repeating: 0, count: c * length)
    )
    var scores = [Float](repeating: 0, count: scoreCount(length: length))
    var y = [Float](repeating: .nan, count: c * length)
    // Sizes as the precondition and the lines above say; the arrays are distinct.
    unsafe qkv.withUnsafeBufferPointer { qkv in
      unsafe y.withUnsafeMutableBufferPointer { y in
        guard let first = qkv.baseAddress, let output = y.baseAddress else { return }
        for position in 0..<length {
          unsafe attend(
            first + position * 3 * c, keys: &keys, values: &values, scores: &scores,
            output: output + position * c, heads: heads, headWidth: headWidth, length: length,
            position: position, scale: scale, level: level)
        }
      }
    }
    return y
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
