internal import Tokenizers

/// The logits of a GPT for texts that grow token by token, one of them or several side by side.
///
/// As long as all tokens of a text fit the T positions, keys and values of those seen are kept and only new
/// tokens are computed. Beyond, the context is the last T tokens, as nanoGPT crops it: every token then has
/// another position than before, so that nothing kept would be right, and the whole window is computed again;
/// of its last block only what the last position needs.
///
/// Computing a token takes little else than reading every parameter. Tokens that are computed together share
/// the reading, and each comes out to the bit as it does alone.
final class GPTPredictor: Predictor, GroupPredictor {
  /// A text: what its next logits follow.
  private struct Text {
    /// The last T tokens at most.
    var context: [TokenID] = []
    /// How many of them have their keys and values in the cache.
    var cached = 0
    /// For each block: keys (H, D, T), so that scores are sums of rows, and values (H, T, D).
    let keys: [FloatStorage]
    let values: [FloatStorage]
  }

  /// A token to be computed, whose predecessors are in the cache or in rows before it.
  private struct Row {
    var text: Int
    var token: TokenID
    var position: Int
  }

  private let model: GPTModel
  private var texts: [Text] = []
  /// How many rows are computed together.
  private let rowsAtOnce: Int
  // N rows at once: (N, C), (N, C), (N, max(3C, F)), (N, F), (T), (N, V).
  private let x: FloatStorage
  private let h: FloatStorage
  private let wide: FloatStorage
  private let activated: FloatStorage
  private let scores: FloatStorage
  private let logits: FloatStorage
  private var window: GPTWindow?

  /// New tokens of a text up to which the cache's way is taken; more are faster as products of matrices.
  private static let fewTokens = 8

  init(_ model: GPTModel, texts count: Int = 1) throws(MiniLMError) {
    self.model = model
    let (t, c, f) = (model.contextLength, model.width, model.feedForwardWidth)
    for _ in 0..<count {
      var (keys, values): ([FloatStorage], [FloatStorage]) = ([], [])
      for _ in model.blocks {
        keys.append(try FloatStorage(count: t * c))
        values.append(try FloatStorage(count: t * c))
      }
      texts.append(Text(keys: keys, values: values))
    }
    rowsAtOnce = Swift.max(count, Self.fewTokens)
    x = try FloatStorage(count: rowsAtOnce * c)
    h = try FloatStorage(count: rowsAtOnce * c)
    wide = try FloatStorage(count: rowsAtOnce * Swift.max(3 * c, f))
    activated = try FloatStorage(count: rowsAtOnce * f)
    scores = try FloatStorage(count: Kernels.scoreCount(length: t))
    logits = try FloatStorage(count: count * model.vocabularySize)
  }

  func reset() {
    for text in texts.indices {
      texts[text].context.removeAll(keepingCapacity: true)
      texts[text].cached = 0
    }
  }

  func logits(appending ids: [TokenID]) throws(MiniLMError) -> [Float] {
    try append(ids, to: 0)
    return logits(0)
  }

  func begin(with prompt: [TokenID]) throws(MiniLMError) -> [Float] {
    reset()
    try append(prompt, to: 0)
    for text in texts.indices.dropFirst() {
      texts[text].context = texts[0].context
      texts[text].cached = texts[0].cached
      if texts[0].cached == 0 { continue }
      for layer in model.blocks.indices {
        texts[text].keys[layer].copy(from: texts[0].keys[layer])
        texts[text].values[layer].copy(from: texts[0].values[layer])
      }
    }
    return logits(0)
  }

  func logits(appending next: [(text: Int, id: TokenID)]) throws(MiniLMError) -> [[Float]] {
    for (text, id) in next {
      precondition(texts.indices.contains(text) && !texts[text].context.isEmpty)
      try check([id])
    }
    var result = [[Float]](repeating: [], count: next.count)
    var rows: [Row] = []
    var places: [Int] = []
    for (place, (text, id)) in next.enumerated() {
      let position = texts[text].cached
      if position == texts[text].context.count, position < model.contextLength {
        texts[text].context.append(id)
        texts[text].cached += 1
        rows.append(Row(text: text, token: id, position: position))
        places.append(place)
      } else {
        try append([id], to: text)
        result[place] = logits(0)
      }
    }
    if rows.isEmpty { return result }
    advance(rows, wantingLast: rows.count)
    for (row, place) in places.enumerated() { result[place] = logits(row) }
    return result
  }

  /// The logits of one row.
  private func logits(_ row: Int) -> [Float] {
    let v = model.vocabularySize
    return logits.values(in: row * v..<(row + 1) * v)
  }

  private func check(_ ids: [TokenID]) throws(MiniLMError) {
    if let position = ids.firstIndex(where: { $0.rawValue >= model.vocabularySize }) {
      throw .tokenOutOfRange(
        id: UInt64(ids[position].rawValue), position: position,
        vocabularySize: model.vocabularySize)
    }
  }

  /// Appends to one text; what follows it is in the first row of the logits.
  private func append(_ ids: [TokenID], to text: Int) throws(MiniLMError) {
    try check(ids)
    let t = model.contextLength
    var context = texts[text].context
    context += ids.suffix(t)
    if context.isEmpty { throw .emptyPrompt }
    let isCropped = context.count > t
    if isCropped {
      context.removeFirst(context.count - t)
      texts[text].cached = 0
    }
    texts[text].context = context
    let cached = texts[text].cached
    if isCropped || cached == 0 && context.count > Self.fewTokens {
      // A full window will be cropped next, and its keys and values are of no use then.
      try recompute(text, fillsCache: context.count < t)
      return
    }
    var position = cached
    while position < context.count {
      let end = Swift.min(position + rowsAtOnce, context.count)
      advance(
        (position..<end).map { Row(text: text, token: context[$0], position: $0) },
        wantingLast: end == context.count ? 1 : 0)
      position = end
    }
    texts[text].cached = context.count
  }

  /// Some rows, at most `rowsAtOnce`, rows of one text in the order of their positions; the logits of the
  /// last `wanted` of them.
  private func advance(_ rows: [Row], wantingLast wanted: Int) {
    precondition(rows.count <= rowsAtOnce && wanted <= texts.count)
    let (n, c) = (rows.count, model.width)
    // N rows of each scratch; ids are below V, positions below T, as the callers saw to.
    let x = unsafe self.x.pointer(at: 0..<n * c)
    let h = unsafe self.h.pointer(at: 0..<n * c)
    let wide = unsafe self.wide.pointer(at: 0..<self.wide.count)
    for (index, row) in rows.enumerated() {
      var id = row.token.rawValue
      unsafe model.embed(&id, count: 1, start: row.position, output: x + index * c)
    }
    for (layer, block) in model.blocks.enumerated() {
      unsafe norm(model.isPreNorm ? block.norm1 : nil, x, h, n)
      unsafe block.qkv.apply(
        model.isPreNorm ? h : x, count: n, parameters: model.parameters, output: wide)
      for (index, row) in rows.enumerated() {
        unsafe attend(row, layer: layer, wide + index * 3 * c, output: h + index * c)
      }
      unsafe block.attentionProjection.apply(
        h, count: n, parameters: model.parameters, output: wide)
      unsafe Kernels.add(x, wide, count: n * c)
      unsafe finish(block, x, h, wide, n)
    }
    if wanted > 0 { unsafe head(x + (n - wanted) * c, h, wanted) }
  }

  /// y (C): attention of one token, whose q, k and v (3C) are given, to itself and those before it; k and v
  /// go into the cache.
  @unsafe
  private func attend(
    _ row: Row, layer: Int, _ qkv: UnsafeMutablePointer<Float>,
    output y: UnsafeMutablePointer<Float>
  ) {
    let (c, t) = (model.width, model.contextLength)
    let attention = model.attention
    unsafe Kernels.attend(
      qkv, keys: texts[row.text].keys[layer].pointer(at: 0..<t * c),
      values: texts[row.text].values[layer].pointer(at: 0..<t * c),
      scores: scores.pointer(at: 0..<scores.count), output: y, heads: attention.heads,
      headWidth: c / attention.heads, length: t, position: row.position, scale: attention.scale)
  }

  /// The second half of a block for N rows, from the sum of its input and attention.
  @unsafe
  private func finish(
    _ block: GPTModel.Block, _ x: UnsafeMutablePointer<Float>, _ h: UnsafeMutablePointer<Float>,
    _ wide: UnsafeMutablePointer<Float>, _ n: Int
  ) {
    let (c, f) = (model.width, model.feedForwardWidth)
    let activated = unsafe self.activated.pointer(at: 0..<n * f)
    if !model.isPreNorm { unsafe norm(block.norm1, x, x, n) }
    unsafe norm(model.isPreNorm ? block.norm2 : nil, x, h, n)
    unsafe block.feedForward.apply(
      model.isPreNorm ? h : x, count: n, parameters: model.parameters, output: wide)
    unsafe Kernels.activation(
      model.configuration.transformer.activation, wide, bias: nil, output: activated, rows: n,
      columns: f, derivative: false)
    unsafe block.projection.apply(
      activated, count: n, parameters: model.parameters, output: wide)
    unsafe Kernels.add(x, wide, count: n * c)
    if !model.isPreNorm { unsafe norm(block.norm2, x, x, n) }
  }

  /// y = norm(x) for N rows, if there is a norm.
  @unsafe
  private func norm(
    _ norm: LayerNorm?, _ x: UnsafeMutablePointer<Float>, _ y: UnsafeMutablePointer<Float>,
    _ n: Int
  ) {
    unsafe norm?.forward(
      x, count: n, parameters: model.parameters, normalized: nil, inverse: nil, output: y)
  }

  /// The logits of N rows.
  @unsafe
  private func head(
    _ x: UnsafeMutablePointer<Float>, _ h: UnsafeMutablePointer<Float>, _ n: Int
  ) {
    unsafe norm(model.finalNorm, x, h, n)
    unsafe model.head.apply(
      model.finalNorm == nil ? x : h, count: n, parameters: model.parameters,
      output: logits.pointer(at: 0..<n * model.vocabularySize))
  }

  /// All of a text's context at once.
  private func recompute(_ text: Int, fillsCache: Bool) throws(MiniLMError) {
    let context = texts[text].context
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
      let keys = unsafe texts[text].keys[layer].pointer(at: 0..<t * c)
      let values = unsafe texts[text].values[layer].pointer(at: 0..<t * c)
      for head in 0..<model.attention.heads {
        for position in 0..<n {
          let row = unsafe qkv + position * 3 * c + c + head * d
          for i in 0..<d { unsafe keys[(head * d + i) * t + position] = row[i] }
          unsafe (values + head * d * t + position * d).update(from: row + c, count: d)
        }
      }
    }
    if fillsCache { texts[text].cached = n }
    let x = unsafe self.x.pointer(at: 0..<c)
    let h = unsafe self.h.pointer(at: 0..<c)
    unsafe x.update(from: last, count: c)
    // `last` holds the sum after attention in the last block: the rest of that block is left.
    if let block = model.blocks.last {
      unsafe finish(block, x, h, wide.pointer(at: 0..<wide.count), 1)
    }
    unsafe head(x, h, 1)
  }
}
