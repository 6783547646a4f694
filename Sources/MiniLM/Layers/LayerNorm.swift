/// Rows brought to mean 0 and deviation 1, then scaled and shifted (Ba, Kiros and Hinton).
///
/// N positions, C columns.
///
///     forward    n = (x − mean x)·s        s = 1/√(var x + ε)            (N, C), (N)
///                y = n·gain + bias
///     backward   d gain += Σ_n dy·n        d bias += Σ_n dy
///                g = dy·gain               dx = s·(g − mean g − n·mean(g·n))
struct LayerNorm {
  let gain: TensorReference
  let bias: TensorReference?
  let epsilon: Float

  init(_ name: String, bias: Bool, epsilon: Double, in layout: ParameterLayout) {
    gain = layout.reference(name + ".weight")
    self.bias = bias ? layout.reference(name + ".bias") : nil
    self.epsilon = Float(epsilon)
  }

  /// y (N×C) from x; y may be x. `normalized` (N×C) and `inverse` (N) are what backward wants.
  @unsafe
  func forward(
    _ x: UnsafePointer<Float>, count: Int, parameters: ParameterStore,
    normalized: UnsafeMutablePointer<Float>?, inverse: UnsafeMutablePointer<Float>?,
    output: UnsafeMutablePointer<Float>
  ) {
    unsafe Kernels.layerNorm(
      x, rows: count, columns: gain.columns,
      gain: UnsafePointer(parameters.values.pointer(at: gain.range)),
      bias: bias.map { unsafe UnsafePointer(parameters.values.pointer(at: $0.range)) },
      epsilon: epsilon, normalized: normalized, inverse: inverse, output: output)
  }

  /// d gain and d bias, added to `gradients`, and d x, added or (where `adds` is false) written; d x may
  /// be d y.
  @unsafe
  func backward(
    _ dy: UnsafePointer<Float>, count: Int, parameters: ParameterStore, gradients: GradientStore,
    normalized: UnsafePointer<Float>, inverse: UnsafePointer<Float>,
    inputGradient dx: UnsafeMutablePointer<Float>, adds: Bool
  ) {
    unsafe Kernels.layerNormBackward(
      dy, normalized: normalized, inverse: inverse, rows: count, columns: gain.columns,
      gain: UnsafePointer(parameters.values.pointer(at: gain.range)),
      gainGradient: gradients.values.pointer(at: gain.range),
      biasGradient: bias.map { unsafe gradients.values.pointer(at: $0.range) },
      inputGradient: dx, adds: adds)
  }
}
