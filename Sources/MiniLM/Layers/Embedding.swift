/// Rows of a table picked by id.
///
/// N positions, V ids, C columns.
///
///     forward    y[n] = table[id[n]]                 (N, C)
///     backward   d table[id[n]] += d y[n]            ids may repeat: in order of n
struct Embedding {
  /// The V×C table.
  let table: TensorReference

  init(_ name: String, in layout: ParameterLayout) { table = layout.reference(name) }

  /// y (N×C) from `ids` (N); each id is less than V.
  @unsafe
  func forward(
    _ ids: UnsafePointer<UInt32>, count: Int, parameters: ParameterStore,
    output: UnsafeMutablePointer<Float>
  ) {
    let columns = table.columns
    let values = unsafe UnsafePointer(parameters.values.pointer(at: table.range))
    for n in 0..<count {
      // Row id < V of the table, row n of the output.
      unsafe (output + n * columns).update(
        from: values + Int(ids[n]) * columns, count: columns)
    }
  }

  /// d table from d y (N×C).
  @unsafe
  func backward(
    _ ids: UnsafePointer<UInt32>, count: Int, outputGradient: UnsafePointer<Float>,
    gradients: GradientStore
  ) {
    let columns = table.columns
    let values = unsafe gradients.values.pointer(at: table.range)
    if table.role == .lookup {
      // ids holds `count` ids.
      let rows = unsafe UnsafeBufferPointer(start: ids, count: count).map { Int($0) }
      gradients.touch(rows, of: table.index)
    } else {
      gradients.prepareToAdd(to: table.index)
    }
    for n in 0..<count {
      // As in forward.
      unsafe Kernels.add(
        values + Int(ids[n]) * columns, outputGradient + n * columns, count: columns)
    }
  }
}
