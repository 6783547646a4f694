/// What a forward pass over some rows leaves for the backward pass, and scratch for both.
///
/// N positions, R rows of T, C width, F feed-forward width, H heads. Everything is allocated once and used
/// for one group of rows after the other.
final class GPTActivations {
  /// What one block leaves.
  struct Layer {
    /// (N, C) and (N): what the backward pass of the first norm wants.
    let normalized1: FloatStorage
    let inverse1: FloatStorage
    /// (N, C): pre-norm: what the projection to q, k and v reads; post-norm: what the feed-forward layer does.
    let normed1: FloatStorage
    /// (N, 3C).
    let qkv: FloatStorage
    /// (R, H, T, T).
    let probabilities: FloatStorage
    /// (N, C): what attention gives, before its projection.
    let mixed: FloatStorage
    let normalized2: FloatStorage
    let inverse2: FloatStorage
    /// (N, C): pre-norm: what the feed-forward layer reads; post-norm: what the next block does.
    let normed2: FloatStorage
    /// (N, F): what goes into the function, then its derivative there.
    let derivative: FloatStorage
    /// (N, F): what comes out of it.
    let activated: FloatStorage
  }

  /// R and T.
  let rows: Int
  let length: Int
  /// Whether there is room for a backward pass.
  let isForTraining: Bool
  let layers: [Layer]
  /// (N, C): the sum that layers add to.
  let x: FloatStorage
  /// (N, C): post-norm: what the first block reads.
  let embedded: FloatStorage
  /// (N, C) and (N), of the last norm.
  let normalizedFinal: FloatStorage
  let inverseFinal: FloatStorage
  let normedFinal: FloatStorage
  /// (chunk, V): logits, then their gradient.
  let logits: FloatStorage
  let logitRows: Int
  /// (N, C) each: the gradient of x; another.
  let dx: FloatStorage
  let dh: FloatStorage
  /// (N, max(3C, F)).
  let wide: FloatStorage
  /// Attention's scratch.
  let square: FloatStorage

  init(_ model: GPTModel, rows: Int, length: Int, isForTraining: Bool) throws(MiniLMError) {
    self.rows = rows
    self.length = length
    self.isForTraining = isForTraining
    let (n, c, f) = (rows * length, model.width, model.feedForwardWidth)
    let probabilities = rows * model.attention.probabilityCount(length: length)
    var layers: [Layer] = []
    // Without a backward pass one block's worth of room does for all.
    for _ in 0..<(isForTraining ? model.blocks.count : 1) {
      layers.append(
        Layer(
          normalized1: try FloatStorage(count: n * c), inverse1: try FloatStorage(count: n),
          normed1: try FloatStorage(count: n * c), qkv: try FloatStorage(count: n * 3 * c),
          probabilities: try FloatStorage(count: probabilities),
          mixed: try FloatStorage(count: n * c), normalized2: try FloatStorage(count: n * c),
          inverse2: try FloatStorage(count: n), normed2: try FloatStorage(count: n * c),
          derivative: try FloatStorage(count: n * f), activated: try FloatStorage(count: n * f)))
    }
    self.layers = layers
    x = try FloatStorage(count: n * c)
    embedded = try FloatStorage(count: model.isPreNorm ? 0 : n * c)
    normalizedFinal = try FloatStorage(count: n * c)
    inverseFinal = try FloatStorage(count: n)
    normedFinal = try FloatStorage(count: n * c)
    logitRows = Swift.max(16, Swift.min(n, (1 << 21) / model.vocabularySize))
    logits = try FloatStorage(count: logitRows * model.vocabularySize)
    dx = try FloatStorage(count: n * c)
    dh = try FloatStorage(count: n * c)
    wide = try FloatStorage(count: isForTraining ? n * Swift.max(3 * c, f) : 0)
    square = try FloatStorage(count: model.attention.scratchCount(length: length))
  }
}
