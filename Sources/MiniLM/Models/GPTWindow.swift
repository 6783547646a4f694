internal import Tokenizers

/// A whole window of positions, without a backward pass.
final class GPTWindow {
  let length: Int
  private let model: GPTModel
  // (T, C), (T, C), (T, max(3C, F)), (T, F), (H, T, T).
  private let x: FloatStorage
  private let h: FloatStorage
  private let wide: FloatStorage
  private let activated: FloatStorage
  private let probabilities: FloatStorage
  /// Attention's.
  private let scratch: FloatStorage

  init(_ model: GPTModel, length: Int) throws(MiniLMError) {
    self.model = model
    self.length = length
    let (c, f) = (model.width, model.feedForwardWidth)
    x = try FloatStorage(count: length * c)
    h = try FloatStorage(count: length * c)
    wide = try FloatStorage(count: length * Swift.max(3 * c, f))
    activated = try FloatStorage(count: length * f)
    probabilities = try FloatStorage(count: model.attention.probabilityCount(length: length))
    scratch = try FloatStorage(count: model.attention.scratchCount(length: length))
  }

  /// The last position's row of x, after the last block's attention has been added; `visit` sees the
  /// (n, 3C) of each block.
  @unsafe
  func run(
    _ context: [TokenID], visit: (Int, UnsafeMutablePointer<Float>) -> Void
  ) -> UnsafeMutablePointer<Float> {
    let (n, c, f) = (context.count, model.width, model.feedForwardWidth)
    let parameters = model.parameters
    let x = unsafe self.x.pointer(at: 0..<n * c)
    let h = unsafe self.h.pointer(at: 0..<n * c)
    let wide = unsafe self.wide.pointer(at: 0..<self.wide.count)
    let activated = unsafe self.activated.pointer(at: 0..<n * f)
    let ids = context.map(\.rawValue)
    // An array's own elements, as many as it has.
    unsafe model.embed(ids, count: n, start: 0, output: x)
    for (index, block) in model.blocks.enumerated() {
      let isLast = index == model.blocks.count - 1
      if model.isPreNorm { unsafe norm(block.norm1, x, h, n) }
      unsafe block.qkv.forward(
        model.isPreNorm ? h : x, count: n, parameters: parameters, output: wide)
      unsafe visit(index, wide)
      unsafe model.attention.forward(
        wide, length: n, probabilities: probabilities.pointer(at: 0..<probabilities.count),
        scratch: scratch.pointer(at: 0..<scratch.count), noise: nil,
        precision: .float32, output: h)
      if isLast {
        let row = unsafe x + (n - 1) * c
        unsafe block.attentionProjection.apply(
          h + (n - 1) * c, parameters: parameters, output: wide)
        unsafe Kernels.add(row, wide, count: c)
        return unsafe row
      }
      unsafe block.attentionProjection.forward(
        h, count: n, parameters: parameters, output: x, adds: true)
      if !model.isPreNorm { unsafe norm(block.norm1, x, x, n) }
      if model.isPreNorm { unsafe norm(block.norm2, x, h, n) }
      unsafe block.feedForward.multiply(
        model.isPreNorm ? h : x, count: n, parameters: parameters, output: wide)
      unsafe Kernels.activation(
        model.configuration.transformer.activation, wide,
        bias: block.feedForward.bias.map {
          unsafe UnsafePointer(parameters.values.pointer(at: $0.range))
        }, output: activated, rows: n, columns: f, derivative: false)
      unsafe block.projection.forward(
        activated, count: n, parameters: parameters, output: x, adds: true)
      if !model.isPreNorm { unsafe norm(block.norm2, x, x, n) }
    }
    return unsafe x + (n - 1) * c
  }

  @unsafe
  private func norm(
    _ norm: LayerNorm, _ x: UnsafeMutablePointer<Float>, _ y: UnsafeMutablePointer<Float>,
    _ count: Int
  ) {
    unsafe norm.forward(
      x, count: count, parameters: model.parameters, normalized: nil, inverse: nil, output: y)
  }
}
