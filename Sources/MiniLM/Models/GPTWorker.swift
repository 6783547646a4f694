/// Forward and backward passes of a GPT over rows of a batch, some rows at a time: their activations then
/// stay near, and memory does not grow with the batch.
final class GPTWorker: ModelWorker {
  let model: GPTModel
  private var activations: GPTActivations?
  /// Positions whose activations are held at once, if a row is not longer.
  private static let positionsAtOnce = 128

  init(_ model: GPTModel) { self.model = model }

  func lossSum(of batch: Batch, rows: Range<Int>, from first: Int) throws(MiniLMError) -> Double {
    try pass(over: batch, rows: rows, from: first, training: nil)
  }

  func lossSum(
    of batch: Batch, rows: Range<Int>, gradientScale: Float, noise: UInt64,
    into gradients: GradientStore
  ) throws(MiniLMError) -> Double {
    try pass(
      over: batch, rows: rows, from: 0,
      training: Training(gradients: gradients, scale: gradientScale, noise: noise))
  }

  /// What a pass with a backward half needs besides the batch.
  struct Training {
    let gradients: GradientStore
    let scale: Float
    let noise: UInt64
  }

  /// Rows that are passed over together.
  @safe
  struct Group {
    /// Their ids and the ids that follow, R·T each.
    let inputs: UnsafePointer<UInt32>
    let targets: UnsafePointer<UInt32>
    let rows: Int
    let length: Int
    /// The first one's number in the batch.
    let firstRow: Int
    var count: Int { rows * length }
  }

  private func pass(
    over batch: Batch, rows: Range<Int>, from first: Int, training: Training?
  ) throws(MiniLMError) -> Double {
    let length = batch.length
    precondition(length <= model.contextLength && first < length)
    let atOnce = Swift.max(1, Swift.min(rows.count, Self.positionsAtOnce / length))
    // As even as can be: two groups of 5 and not 8 and 2.
    let groups = (rows.count + atOnce - 1) / atOnce
    let activations = try room(
      rows: (rows.count + groups - 1) / groups, length: length, isForTraining: training != nil)
    var sum = 0.0
    for group in 0..<groups {
      let share = Parallel.share(group, of: rows.count, shares: groups)
      let part = rows.lowerBound + share.lowerBound..<rows.lowerBound + share.upperBound
      // Ids are below V (the protocol's rule), and the activations have room for these rows.
      sum +=
        unsafe batch.withPositions(of: part) { inputs, targets, _ in
          let group = unsafe Group(
            inputs: inputs, targets: targets, rows: part.count, length: length,
            firstRow: part.lowerBound)
          unsafe forward(group, activations, noise: training?.noise)
          let loss = unsafe head(group, activations, from: first, training: training)
          if let training { unsafe backward(group, activations, training) }
          return loss
        } ?? 0
    }
    return sum
  }

  /// Room for groups of this shape, made anew only where the last one's does not fit.
  private func room(rows: Int, length: Int, isForTraining: Bool) throws(MiniLMError)
    -> GPTActivations
  {
    if let activations, activations.length == length, activations.rows >= rows,
      activations.isForTraining || !isForTraining
    {
      return activations
    }
    activations = nil
    let made = try GPTActivations(
      model, rows: rows, length: length, isForTraining: isForTraining)
    activations = made
    return made
  }

  /// From ids to the last norm's output.
  @unsafe
  private func forward(_ group: Group, _ a: GPTActivations, noise: UInt64?) {
    let (n, c) = (group.count, model.width)
    let x = unsafe a.x.pointer(at: 0..<n * c)
    for row in 0..<group.rows {
      let start = row * group.length
      unsafe model.embed(
        group.inputs + start, count: group.length, start: 0, output: x + start * c)
      if let noise, let dropout = model.dropout {
        unsafe dropout.apply(
          x + start * c, to: x + start * c, count: group.length * c, noise: noise,
          site: Site.embedding, row: group.firstRow + row)
      }
    }
    if !model.isPreNorm { unsafe a.embedded.pointer(at: 0..<n * c).update(from: x, count: n * c) }
    for layer in model.blocks.indices { unsafe forward(layer, group, a, noise: noise) }
    if let norm = model.finalNorm {
      unsafe norm.forward(
        x, count: n, parameters: model.parameters,
        normalized: a.normalizedFinal.pointer(at: 0..<n * c),
        inverse: a.inverseFinal.pointer(at: 0..<n),
        output: a.normedFinal.pointer(at: 0..<n * c))
    }
  }

  /// One block: x (N, C) becomes x + attention + feed-forward layer, with norms where they belong.
  @unsafe
  private func forward(_ layer: Int, _ group: Group, _ a: GPTActivations, noise: UInt64?) {
    let block = model.blocks[layer]
    let kept = a.layers[a.isForTraining ? layer : 0]
    let (n, c, t, f) = (group.count, model.width, group.length, model.feedForwardWidth)
    let x = unsafe a.x.pointer(at: 0..<n * c)
    let normed1 = unsafe kept.normed1.pointer(at: 0..<n * c)
    let normed2 = unsafe kept.normed2.pointer(at: 0..<n * c)
    func norm1(_ output: UnsafeMutablePointer<Float>) {
      unsafe block.norm1.forward(
        x, count: n, parameters: model.parameters,
        normalized: kept.normalized1.pointer(at: 0..<n * c),
        inverse: kept.inverse1.pointer(at: 0..<n), output: output)
    }
    func norm2(_ output: UnsafeMutablePointer<Float>) {
      unsafe block.norm2.forward(
        x, count: n, parameters: model.parameters,
        normalized: kept.normalized2.pointer(at: 0..<n * c),
        inverse: kept.inverse2.pointer(at: 0..<n), output: output)
    }
    if model.isPreNorm { unsafe norm1(normed1) }
    let qkv = unsafe kept.qkv.pointer(at: 0..<n * 3 * c)
    unsafe block.qkv.forward(
      model.isPreNorm ? normed1 : x, count: n, parameters: model.parameters, packed: model.packed,
      output: qkv)
    let mixed = unsafe kept.mixed.pointer(at: 0..<n * c)
    let square = unsafe a.square.pointer(at: 0..<a.square.count)
    let perRow = model.attention.probabilityCount(length: t)
    for row in 0..<group.rows {
      unsafe model.attention.forward(
        qkv + row * t * 3 * c, length: t,
        probabilities: kept.probabilities.pointer(at: row * perRow..<(row + 1) * perRow),
        scratch: square, noise: Site.attention(layer, noise, row: group.firstRow + row),
        precision: model.packed?.precision ?? .float32, output: mixed + row * t * c)
    }
    unsafe addProjection(
      block.attentionProjection, mixed, group, a, noise: noise, site: Site.attentionOutput(layer))
    if model.isPreNorm {
      unsafe norm2(normed2)
    } else {
      unsafe norm1(normed1)
      unsafe x.update(from: normed1, count: n * c)
    }
    let derivative = unsafe kept.derivative.pointer(at: 0..<n * f)
    let activated = unsafe kept.activated.pointer(at: 0..<n * f)
    unsafe block.feedForward.multiply(
      model.isPreNorm ? normed2 : normed1, count: n, parameters: model.parameters,
      packed: model.packed, output: derivative)
    unsafe Kernels.activation(
      model.configuration.transformer.activation, derivative,
      bias: block.feedForward.bias.map {
        unsafe UnsafePointer(model.parameters.values.pointer(at: $0.range))
      }, output: activated, rows: n, columns: f, derivative: a.isForTraining)
    unsafe addProjection(
      block.projection, activated, group, a, noise: noise, site: Site.feedForwardOutput(layer))
    if !model.isPreNorm {
      unsafe norm2(normed2)
      unsafe x.update(from: normed2, count: n * c)
    }
  }

  /// x += drop(y·W + b), inside the product where nothing is dropped.
  @unsafe
  private func addProjection(
    _ projection: Linear, _ y: UnsafeMutablePointer<Float>, _ group: Group, _ a: GPTActivations,
    noise: UInt64?, site: Int
  ) {
    let (n, c) = (group.count, model.width)
    let x = unsafe a.x.pointer(at: 0..<n * c)
    guard let dropout = model.dropout, let noise else {
      unsafe projection.forward(
        y, count: n, parameters: model.parameters, packed: model.packed, output: x, adds: true)
      return
    }
    let dh = unsafe a.dh.pointer(at: 0..<n * c)
    unsafe projection.forward(
      y, count: n, parameters: model.parameters, packed: model.packed, output: dh)
    let perRow = group.length * c
    for row in 0..<group.rows {
      unsafe dropout.add(
        dh + row * perRow, to: x + row * perRow, count: perRow, noise: noise, site: site,
        row: group.firstRow + row)
    }
  }

  /// The sum of the losses of the positions from `first` on in each row; with a backward half, dx
  /// becomes the gradient by the last norm's output.
  @unsafe
  private func head(
    _ group: Group, _ a: GPTActivations, from first: Int, training: Training?
  ) -> Double {
    let (v, c, t) = (model.vocabularySize, model.width, group.length)
    let hidden = unsafe (model.finalNorm == nil ? a.x : a.normedFinal).pointer(
      at: 0..<group.count * c)
    let x = unsafe a.logits.pointer(at: 0..<a.logits.count)
    var sum = 0.0
    // All positions are one run where each counts; else each row has its own.
    let runs = first == 0 ? 1 : group.rows
    let runLength = first == 0 ? group.count : t - first
    for run in 0..<runs {
      let begin = run * t + first
      for start in stride(from: begin, to: begin + runLength, by: a.logitRows) {
        let n = Swift.min(a.logitRows, begin + runLength - start)
        unsafe model.head.forward(
          hidden + start * c, count: n, parameters: model.parameters, packed: model.packed,
          output: x)
        guard let training else {
          sum += unsafe CrossEntropy.forward(
            x, group.targets + start, count: n, vocabularySize: v)
          continue
        }
        sum += unsafe CrossEntropy.forwardBackward(
          x, group.targets + start, count: n, vocabularySize: v, scale: training.scale)
        unsafe model.head.backward(
          hidden + start * c, count: n, outputGradient: x, parameters: model.parameters,
          packed: model.packed, gradients: training.gradients,
          inputGradient: a.dx.pointer(at: start * c..<(start + n) * c))
      }
    }
    return sum
  }
}

/// The places where something is dropped, by number.
enum Site {
  static let embedding = 0
  static func attentionOutput(_ layer: Int) -> Int { 3 * layer + 2 }
  static func feedForwardOutput(_ layer: Int) -> Int { 3 * layer + 3 }
  static func attention(_ layer: Int, _ noise: UInt64?, row: Int) -> CausalAttention.Noise? {
    noise.map { CausalAttention.Noise(noise: $0, site: 3 * layer + 1, row: row) }
  }
}
