/// A projection.
///
/// N positions, I inputs, O outputs.
///
///     forward    y = x·W + b          (N, I)·(I, O) + (O) → (N, O)
///     backward   dW += xᵀ·dy          (I, N)·(N, O) → (I, O)
///                db += Σ_n dy[n]
///                dx  = dy·Wᵀ          (N, O)·(O, I) → (N, I)
struct Linear {
  let weight: TensorDescription
  let bias: TensorDescription?

  init(weight: String, bias: String?, in layout: ParameterLayout) {
    func tensor(_ name: String) -> TensorDescription {
      guard let found = layout.tensors.first(where: { $0.name == name }) else {
        preconditionFailure("no tensor \(name)")
      }
      return found
    }
    self.weight = tensor(weight)
    self.bias = bias.map(tensor)
  }

  private var inputs: Int { weight.rows }
  private var outputs: Int { weight.columns }

  /// y (N×O) from x (N×I).
  @unsafe
  func forward(
    _ x: UnsafeMutablePointer<Float>, count: Int, parameters: ParameterStore,
    output y: UnsafeMutablePointer<Float>
  ) {
    if let bias {
      let b = unsafe UnsafePointer(parameters.values.pointer(at: bias.range))
      for n in 0..<count { unsafe (y + n * outputs).update(from: b, count: outputs) }
    }
    unsafe MatMul.multiply(
      MatrixPointer(base: x, rowStride: inputs),
      MatrixPointer(base: parameters.values.pointer(at: weight.range), rowStride: outputs),
      into: MatrixPointer(base: y, rowStride: outputs),
      m: count, n: outputs, k: inputs, beta: bias == nil ? 0 : 1)
  }

  /// dW and db, added to `gradients`, and d x (N×I), from x and d y (N×O).
  @unsafe
  func backward(
    _ x: UnsafeMutablePointer<Float>, count: Int, outputGradient dy: UnsafeMutablePointer<Float>,
    parameters: ParameterStore, gradients: GradientStore,
    inputGradient dx: UnsafeMutablePointer<Float>
  ) {
    let w = unsafe MatrixPointer(
      base: parameters.values.pointer(at: weight.range), rowStride: outputs)
    let dw = unsafe MatrixPointer(
      base: gradients.values.pointer(at: weight.range), rowStride: outputs)
    let dyMatrix = unsafe MatrixPointer(base: dy, rowStride: outputs)
    unsafe MatMul.multiply(
      MatrixPointer(base: x, rowStride: inputs), transposeA: true, dyMatrix,
      into: dw, m: inputs, n: outputs, k: count, beta: 1)
    if let bias {
      let db = unsafe gradients.values.pointer(at: bias.range)
      for n in 0..<count { unsafe Kernels.add(db, dy + n * outputs, count: outputs) }
    }
    unsafe MatMul.multiply(
      dyMatrix, w, transposeB: true, into: MatrixPointer(base: dx, rowStride: inputs),
      m: count, n: inputs, k: outputs, beta: 0)
  }
}
