extension GPTWorker {
  /// From the gradient by the last norm's output, in dx, to those of all parameters.
  @unsafe
  func backward(_ group: Group, _ a: GPTActivations, _ training: Training) {
    let (n, c) = (group.count, model.width)
    let dx = unsafe a.dx.pointer(at: 0..<n * c)
    if let norm = model.finalNorm {
      unsafe norm.backward(
        dx, count: n, parameters: model.parameters, gradients: training.gradients,
        normalized: a.normalizedFinal.pointer(at: 0..<n * c),
        inverse: a.inverseFinal.pointer(at: 0..<n), inputGradient: dx, adds: false)
    }
    for layer in model.blocks.indices.reversed() {
      unsafe backward(layer, group, a, training)
    }
    for row in 0..<group.rows {
      let dxRow = unsafe dx + row * group.length * c
      if let dropout = model.dropout {
        unsafe dropout.apply(
          dxRow, to: dxRow, count: group.length * c, noise: training.noise, site: Site.embedding,
          row: group.firstRow + row)
      }
      if let positions = model.learnedPositions {
        let table = positions.table
        training.gradients.prepareToAdd(to: table.index)
        // The first T rows of the table, T·C floats: T is at most `contextLength`.
        unsafe Kernels.add(
          training.gradients.values.pointer(
            at: table.range.lowerBound..<table.range.lowerBound + group.length * c),
          dxRow, count: group.length * c)
      }
    }
    unsafe model.tokens.backward(
      group.inputs, count: n, outputGradient: dx, gradients: training.gradients)
  }

  /// One block: dx (N, C), the gradient by its output, becomes that by its input.
  @unsafe
  private func backward(
    _ layer: Int, _ group: Group, _ a: GPTActivations, _ training: Training
  ) {
    let block = model.blocks[layer]
    let kept = a.layers[layer]
    let (parameters, gradients) = (model.parameters, training.gradients)
    let (n, c, t, f) = (group.count, model.width, group.length, model.feedForwardWidth)
    let dx = unsafe a.dx.pointer(at: 0..<n * c)
    let dh = unsafe a.dh.pointer(at: 0..<n * c)
    func norm(
      _ norm: LayerNorm, _ normalized: FloatStorage, _ inverse: FloatStorage,
      _ dy: UnsafeMutablePointer<Float>, adds: Bool
    ) {
      unsafe norm.backward(
        dy, count: n, parameters: parameters, gradients: gradients,
        normalized: normalized.pointer(at: 0..<n * c), inverse: inverse.pointer(at: 0..<n),
        inputGradient: dx, adds: adds)
    }

    // Feed-forward layer.
    if !model.isPreNorm {
      unsafe norm(block.norm2, kept.normalized2, kept.inverse2, dx, adds: false)
    }
    let wide = unsafe a.wide.pointer(at: 0..<n * Swift.max(f, 3 * c))
    var dy = unsafe dropped(dx, dh, group, training, site: Site.feedForwardOutput(layer))
    unsafe block.projection.backward(
      kept.activated.pointer(at: 0..<n * f), count: n, outputGradient: dy, parameters: parameters,
      packed: model.packed, gradients: gradients, inputGradient: wide)
    unsafe Kernels.multiply(wide, kept.derivative.pointer(at: 0..<n * f), count: n * f)
    // Post-norm, the sum's other half is dx itself, to which the product adds.
    let input = unsafe (model.isPreNorm ? kept.normed2 : kept.normed1).pointer(at: 0..<n * c)
    unsafe block.feedForward.backward(
      input, count: n, outputGradient: wide, parameters: parameters,
      packed: model.packed, gradients: gradients,
      inputGradient: model.isPreNorm ? dh : dx, adds: !model.isPreNorm)
    if model.isPreNorm {
      unsafe norm(block.norm2, kept.normalized2, kept.inverse2, dh, adds: true)
    } else {
      unsafe norm(block.norm1, kept.normalized1, kept.inverse1, dx, adds: false)
    }

    // Attention.
    unsafe dy = dropped(dx, dh, group, training, site: Site.attentionOutput(layer))
    let dmixed = unsafe a.x.pointer(at: 0..<n * c)
    unsafe block.attentionProjection.backward(
      kept.mixed.pointer(at: 0..<n * c), count: n, outputGradient: dy, parameters: parameters,
      packed: model.packed, gradients: gradients, inputGradient: dmixed)
    let qkv = unsafe kept.qkv.pointer(at: 0..<n * 3 * c)
    let square = unsafe a.square.pointer(at: 0..<a.square.count)
    let perRow = model.attention.probabilityCount(length: t)
    for row in 0..<group.rows {
      unsafe model.attention.backward(
        qkv + row * t * 3 * c, length: t,
        probabilities: kept.probabilities.pointer(at: row * perRow..<(row + 1) * perRow),
        scratch: square, noise: Site.attention(layer, training.noise, row: group.firstRow + row),
        precision: model.packed?.precision ?? .float32, outputGradient: dmixed + row * t * c,
        inputGradient: wide + row * t * 3 * c)
    }
    let before =
      layer == 0 ? a.embedded : a.layers[layer - 1].normed2
    unsafe block.qkv.backward(
      (model.isPreNorm ? kept.normed1 : before).pointer(at: 0..<n * c), count: n,
      outputGradient: wide, parameters: parameters,
      packed: model.packed, gradients: gradients,
      inputGradient: model.isPreNorm ? dh : dx, adds: !model.isPreNorm)
    if model.isPreNorm {
      unsafe norm(block.norm1, kept.normalized1, kept.inverse1, dh, adds: true)
    }
  }

  /// The gradient of a layer's output before dropout: dx itself, or what is left of it, in `dh`.
  @unsafe
  private func dropped(
    _ dx: UnsafeMutablePointer<Float>, _ dh: UnsafeMutablePointer<Float>, _ group: Group,
    _ training: Training, site: Int
  ) -> UnsafeMutablePointer<Float> {
    guard let dropout = model.dropout else { return unsafe dx }
    let perRow = group.length * model.width
    for row in 0..<group.rows {
      unsafe dropout.apply(
        dx + row * perRow, to: dh + row * perRow, count: perRow, noise: training.noise, site: site,
        row: group.firstRow + row)
    }
    return unsafe dh
  }
}
