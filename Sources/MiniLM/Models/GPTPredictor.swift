internal import Tokenizers

/// The logits of a GPT, token by token.
///
/// As long as all tokens fit the T positions, keys and values of those seen are kept and only new tokens are
/// computed. Beyond, the context is the last T tokens, as nanoGPT crops it: every token then has another
/// position than before, so that nothing kept would be right, and the whole window is computed again; of its
/// last block only what the last position needs.
final class GPTPredictor: Predictor {
  private let model: GPTModel
  /// The tokens that the next logits follow: the last T at most.
  private var context: [TokenID] = []
  /// How many of them have their keys and values in the cache.
  private var cached = 0

  /// For each block: keys (H, D, T), so that scores are sums of rows, and values (H, T, D).
  private let keys: [FloatStorage]
  private let values: [FloatStorage]
  // One position: (C), (C), (max(3C, F)), (F), (T), (V).
  private let x: FloatStorage
  private let h: FloatStorage
  private let wide: FloatStorage
  private let activated: FloatStorage
  private let scores: FloatStorage
  private let logits: FloatStorage
  private var window: GPTWindow?

  /// New tokens up to which the cache's way is taken; more are faster as one product.
  private static let fewTokens = 8

  init(_ model: GPTModel) throws(MiniLMError) {
    self.model = model
    let (t, c, f) = (model.contextLength, model.width, model.feedForwardWidth)
    var (keys, values): ([FloatStorage], [FloatStorage]) = ([], [])
    for _ in model.blocks {
      keys.append(try FloatStorage(count: t * c))
      values.append(try FloatStorage(count: t * c))
    }
    (self.keys, self.values) = (keys, values)
    x = try FloatStorage(count: c)
    h = try FloatStorage(count: c)
    wide = try FloatStorage(count: Swift.max(3 * c, f))
    activated = try FloatStorage(count: f)
    scores = try FloatStorage(count: t)
    logits = try FloatStorage(count: model.vocabularySize)
  }

  func reset() {
    context.removeAll(keepingCapacity: true)
    cached = 0
  }

  func logits(appending ids: [TokenID]) throws(MiniLMError) -> [Float] {
    if let position = ids.firstIndex(where: { $0.rawValue >= model.vocabularySize }) {
      throw .tokenOutOfRange(
        id: UInt64(ids[position].rawValue), position: position,
        vocabularySize: model.vocabularySize)
    }
    let t = model.contextLength
    context += ids.suffix(t)
    if context.isEmpty { throw .emptyPrompt }
    if context.count > t {
      context.removeFirst(context.count - t)
      cached = 0
      try recompute(fillsCache: false)
    } else if cached == 0, context.count > Self.fewTokens {
      // A full window will be cropped next, and its keys and values are of no use then.
      try recompute(fillsCache: context.count < t)
    } else {
      for position in cached..<context.count {
        step(context[position], position: position, wantsLogits: position == context.count - 1)
      }
      cached = context.count
    }
    return logits.values(in: 0..<model.vocabularySize)
  }

  /// One token at a position whose predecessors are all in the cache.
  private func step(_ token: TokenID, position: Int, wantsLogits: Bool) {
    let (c, t) = (model.width, model.contextLength)
    let d = c / model.attention.heads
    let parameters = model.parameters
    var id = token.rawValue
    // One row of each scratch; ids are below V, positions below T, as `logits(appending:)` saw to.
    let x = unsafe self.x.pointer(at: 0..<c)
    let h = unsafe self.h.pointer(at: 0..<c)
    let wide = unsafe self.wide.pointer(at: 0..<self.wide.count)
    let scores = unsafe self.scores.pointer(at: 0..<position + 1)
    unsafe model.embed(&id, count: 1, start: position, output: x)
    for (index, block) in model.blocks.enumerated() {
      unsafe norm(model.isPreNorm ? block.norm1 : nil, x, h)
      unsafe block.qkv.apply(model.isPreNorm ? h : x, parameters: parameters, output: wide)
      let keys = unsafe self.keys[index].pointer(at: 0..<t * c)
      let values = unsafe self.values[index].pointer(at: 0..<t * c)
      for head in 0..<model.attention.heads {
        let headKeys = unsafe keys + head * d * t
        let headValues = unsafe values + head * d * t
        for i in 0..<d { unsafe headKeys[i * t + position] = wide[c + head * d + i] }
        unsafe (headValues + position * d).update(from: wide + 2 * c + head * d, count: d)
        // (D)·(D, n) → (n), then (n)·(n, D) → (D).
        unsafe Kernels.vectorMatrix(
          wide + head * d, headKeys, nil, scores, inputs: d, outputs: position + 1, stride: t)
        unsafe Kernels.causalSoftmax(
          scores, rows: 1, columns: position + 1, stride: t, first: position,
          scale: model.attention.scale)
        unsafe Kernels.vectorMatrix(
          scores, headValues, nil, h + head * d, inputs: position + 1, outputs: d, stride: d)
      }
      unsafe block.attentionProjection.apply(h, parameters: parameters, output: wide)
      unsafe Kernels.add(x, wide, count: c)
      unsafe finish(block, x, h, wide)
    }
    if wantsLogits { unsafe head(x, h) }
  }

  /// The second half of a block, from the sum of its input and attention, for one position.
  @unsafe
  private func finish(
    _ block: GPTModel.Block, _ x: UnsafeMutablePointer<Float>, _ h: UnsafeMutablePointer<Float>,
    _ wide: UnsafeMutablePointer<Float>
  ) {
    let (c, f) = (model.width, model.feedForwardWidth)
    let activated = unsafe self.activated.pointer(at: 0..<f)
    if !model.isPreNorm { unsafe norm(block.norm1, x, x) }
    unsafe norm(model.isPreNorm ? block.norm2 : nil, x, h)
    unsafe block.feedForward.apply(
      model.isPreNorm ? h : x, parameters: model.parameters, output: wide)
    unsafe Kernels.activation(
      model.configuration.transformer.activation, wide, bias: nil, output: activated, rows: 1,
      columns: f, derivative: false)
    unsafe block.projection.apply(activated, parameters: model.parameters, output: wide)
    unsafe Kernels.add(x, wide, count: c)
    if !model.isPreNorm { unsafe norm(block.norm2, x, x) }
  }

  /// y = norm(x) for one position, if there is a norm.
  @unsafe
  private func norm(
    _ norm: LayerNorm?, _ x: UnsafeMutablePointer<Float>, _ y: UnsafeMutablePointer<Float>
  ) {
    unsafe norm?.forward(
      x, count: 1, parameters: model.parameters, normalized: nil, inverse: nil, output: y)
  }

  /// The logits of one position.
  @unsafe
  private func head(_ x: UnsafeMutablePointer<Float>, _ h: UnsafeMutablePointer<Float>) {
    unsafe norm(model.finalNorm, x, h)
    unsafe model.head.apply(
      model.finalNorm == nil ? x : h, parameters: model.parameters,
      output: logits.pointer(at: 0..<model.vocabularySize))
  }

  /// All of the context at once.
  private func recompute(fillsCache: Bool) throws(MiniLMError) {
    let (n, c, t) = (context.count, model.width, model.contextLength)
    let window: GPTWindow
    if let made = self.window, made.length >= n {
      window = made
    } else {
      window = try GPTWindow(model, length: n)
      self.window = window
    }
    let last = unsafe window.run(context) { layer, qkv in
      guard fillsCache else { return }
      let d = c / model.attention.heads
      // Rows of 3C: k and v of each head go to their places in the cache.
      let keys = unsafe self.keys[layer].pointer(at: 0..<t * c)
      let values = unsafe self.values[layer].pointer(at: 0..<t * c)
      for head in 0..<model.attention.heads {
        for position in 0..<n {
          let row = unsafe qkv + position * 3 * c + c + head * d
          for i in 0..<d { unsafe keys[(head * d + i) * t + position] = row[i] }
          unsafe (values + head * d * t + position * d).update(from: row + c, count: d)
        }
      }
    }
    if fillsCache { cached = n }
    let x = unsafe self.x.pointer(at: 0..<c)
    let h = unsafe self.h.pointer(at: 0..<c)
    unsafe x.update(from: last, count: c)
    // `last` holds the sum after attention in the last block: the rest of that block is left.
    if let block = model.blocks.last {
      unsafe finish(block, x, h, wide.pointer(at: 0..<wide.count))
    }
    unsafe head(x, h)
  }
}

/// A whole window of positions, without a backward pass.
private final class GPTWindow {
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
        scratch: scratch.pointer(at: 0..<scratch.count), noise: nil, output: h)
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
