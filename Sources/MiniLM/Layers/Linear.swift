/// A projection.
///
/// N positions, I inputs, O outputs.
///
///     forward    y = x·W + b          (N, I)·(I, O) + (O) → (N, O)
///     backward   dW += xᵀ·dy          (I, N)·(N, O) → (I, O)
///                db += Σ_n dy[n]
///                dx  = dy·Wᵀ          (N, O)·(O, I) → (N, I)
///
/// The weight lies in memory as (I, O), or transposed as (O, I), as an embedding table does that is the
/// output projection too.
struct Linear {
  let weight: TensorReference
  let bias: TensorReference?
  /// Whether the weight is (O, I).
  let isTransposed: Bool

  init(weight: String, bias: String?, isTransposed: Bool = false, in layout: ParameterLayout) {
    self.weight = layout.reference(weight)
    self.bias = bias.map { layout.reference($0) }
    self.isTransposed = isTransposed
  }

  var inputs: Int { isTransposed ? weight.columns : weight.rows }
  var outputs: Int { isTransposed ? weight.rows : weight.columns }

  /// y (N×O) from x (N×I); with `adds` the result is added to what stands in y. `packed` has the weight in
  /// the engine's form, where there is one, and says how exact the product is to be.
  @unsafe
  func forward(
    _ x: UnsafeMutablePointer<Float>, count: Int, parameters: ParameterStore,
    packed: PackedWeights? = nil, output y: UnsafeMutablePointer<Float>, adds: Bool = false
  ) {
    if let bias {
      let b = unsafe UnsafePointer(parameters.values.pointer(at: bias.range))
      for n in 0..<count {
        if adds {
          unsafe Kernels.add(y + n * outputs, b, count: outputs)
        } else {
          unsafe (y + n * outputs).update(from: b, count: outputs)
        }
      }
    }
    unsafe multiply(
      x, count: count, parameters: parameters, packed: packed, output: y,
      adds: adds || bias != nil)
  }

  /// The product alone, for callers that add the bias themselves.
  @unsafe
  func multiply(
    _ x: UnsafeMutablePointer<Float>, count: Int, parameters: ParameterStore,
    packed: PackedWeights? = nil, output y: UnsafeMutablePointer<Float>, adds: Bool = false
  ) {
    // x (N, I), W as it lies, y (N, O): sizes as the tensors have them, which the caller allocated by.
    unsafe MatMul.multiply(
      MatrixPointer(base: x, rowStride: inputs),
      MatrixPointer(
        base: parameters.values.pointer(at: weight.range), rowStride: weight.columns),
      transposeB: isTransposed, packed: unsafe packed?.form(.forward, of: weight),
      into: MatrixPointer(base: y, rowStride: outputs),
      m: count, n: outputs, k: inputs, beta: adds ? 1 : 0, precision: packed?.precision ?? .float32)
  }

  /// y (N×O) = x (N×I)·W + b for a few positions, each as it would be alone, without a library.
  @unsafe
  func apply(
    _ x: UnsafePointer<Float>, count: Int = 1, parameters: ParameterStore,
    output y: UnsafeMutablePointer<Float>
  ) {
    let w = unsafe UnsafePointer(parameters.values.pointer(at: weight.range))
    let b = unsafe bias.map { unsafe UnsafePointer(parameters.values.pointer(at: $0.range)) }
    if isTransposed {
      unsafe Kernels.matrixVectors(w, x, y, count: count, outputs: outputs, inputs: inputs)
      guard let b = unsafe b else { return }
      for n in 0..<count { unsafe Kernels.add(y + n * outputs, b, count: outputs) }
    } else {
      unsafe Kernels.vectorsMatrix(
        x, w, b, y, count: count, inputs: inputs, outputs: outputs)
    }
  }

  /// dW and db, added to `gradients`, and d x (N×I), from x and d y (N×O); with `adds` d x is added to
  /// what stands there.
  @unsafe
  func backward(
    _ x: UnsafeMutablePointer<Float>, count: Int, outputGradient dy: UnsafeMutablePointer<Float>,
    parameters: ParameterStore, packed: PackedWeights? = nil, gradients: GradientStore,
    inputGradient dx: UnsafeMutablePointer<Float>, adds: Bool = false
  ) {
    let w = unsafe MatrixPointer(
      base: parameters.values.pointer(at: weight.range), rowStride: weight.columns)
    let dw = unsafe MatrixPointer(
      base: gradients.values.pointer(at: weight.range), rowStride: weight.columns)
    let dyMatrix = unsafe MatrixPointer(base: dy, rowStride: outputs)
    let xMatrix = unsafe MatrixPointer(base: x, rowStride: inputs)
    let beta: Float = gradients.isFirstWrite(of: weight.index) ? 0 : 1
    let precision = packed?.precision ?? .float32
    if isTransposed {
      unsafe MatMul.multiply(
        dyMatrix, transposeA: true, xMatrix, into: dw, m: outputs, n: inputs, k: count, beta: beta,
        precision: precision)
    } else {
      unsafe MatMul.multiply(
        xMatrix, transposeA: true, dyMatrix, into: dw, m: inputs, n: outputs, k: count, beta: beta,
        precision: precision)
    }
    if let bias {
      unsafe Kernels.columnSums(
        dy, rows: count, columns: outputs, into: gradients.values.pointer(at: bias.range))
    }
    unsafe MatMul.multiply(
      dyMatrix, w, transposeB: !isTransposed, packed: unsafe packed?.form(.backward, of: weight),
      into: MatrixPointer(base: dx, rowStride: inputs), m: count, n: inputs, k: outputs,
      beta: adds ? 1 : 0, precision: precision)
  }
}
