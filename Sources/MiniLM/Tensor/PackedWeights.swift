/// The weights of products once more, in the form that the engine reads (`PackedForm`).
///
/// A step uses each weight in two products for every group of rows: forward as W, backward as Wᵀ. Packing
/// them once a step, each thread its part, leaves only activations to be packed in the products, if anything. What is
/// packed is right until parameters change: `pack` before passes, `expire` after them.
///
/// Unchecked as `FloatStorage` is: written by whoever trains, read by its workers in between.
@safe
final class PackedWeights: @unchecked Sendable {
  /// One weight's two forms.
  private struct Entry {
    let weight: TensorReference
    let inputs: Int
    let outputs: Int
    let isTransposed: Bool
    /// Where the forms (I, O) and (O, I) begin, in floats.
    let forward: Int
    let backward: Int
  }

  /// A form of a weight: what the product's right operand is.
  enum Form {
    /// (I, O), of a forward product.
    case forward
    /// (O, I), of a product that gives the gradient of an input.
    case backward
  }

  /// Of the products that read them.
  private(set) var precision = Precision.float32
  private var form: PackedForm
  private let entries: [Entry]
  /// The place of each tensor's entry.
  private let entryOfTensor: [Int: Int]
  private let storage: FloatStorage
  private var isFresh = false
  private var hasBackward = false

  /// Room for the weights of `layers`, or nil where the engine has no form of its own.
  init?(_ layers: [Linear]) throws(MiniLMError) {
    guard let form = PackedForm(MatMul.chosen, .float32) else { return nil }
    var (entries, entryOfTensor): ([Entry], [Int: Int]) = ([], [:])
    var count = 0
    func reserve(_ k: Int, _ n: Int) -> Int {
      defer { count += form.count(k, n) }
      return count
    }
    for layer in layers {
      entryOfTensor[layer.weight.index] = entries.count
      entries.append(
        Entry(
          weight: layer.weight, inputs: layer.inputs, outputs: layer.outputs,
          isTransposed: layer.isTransposed, forward: reserve(layer.inputs, layer.outputs),
          backward: reserve(layer.outputs, layer.inputs)))
    }
    (self.form, self.entries, self.entryOfTensor) = (form, entries, entryOfTensor)
    storage = try FloatStorage(count: count)
  }

  /// From here on they are for products of this precision. What has been packed is lost.
  func use(_ precision: Precision) {
    guard precision != self.precision, let form = PackedForm(MatMul.chosen, precision) else {
      return
    }
    // No form takes more room than that of floats, for which there is room.
    (self.precision, self.form, isFresh) = (precision, form, false)
  }

  /// Packs all weights as they are now, those of backward products only `withBackward`.
  func pack(_ parameters: ParameterStore, withBackward: Bool, threads: Int) {
    Parallel.run(threads) { share in
      for entry in entries {
        pack(entry, parameters, form: .forward, share: share, of: threads)
        if withBackward { pack(entry, parameters, form: .backward, share: share, of: threads) }
      }
    }
    isFresh = true
    hasBackward = withBackward
  }

  /// What has been packed is of parameters that may have changed.
  func expire() { isFresh = false }

  private func pack(
    _ entry: Entry, _ parameters: ParameterStore, form: Form, share: Int, of shares: Int
  ) {
    let isForward = form == .forward
    let (k, n) = isForward ? (entry.inputs, entry.outputs) : (entry.outputs, entry.inputs)
    // Whole panels to each share.
    let panels = Parallel.share(share, of: self.form.panels(n), shares: shares)
    if panels.isEmpty { return }
    // The tensor has rows of as many columns as it says; the form's place has room for all of its panels,
    // and no two shares write the same.
    unsafe self.form.pack(
      MatrixPointer(
        base: parameters.values.pointer(at: entry.weight.range), rowStride: entry.weight.columns),
      transposed: isForward == entry.isTransposed, k, n, panels: panels,
      into: storage.pointer(at: (isForward ? entry.forward : entry.backward)..<storage.count))
  }

  /// A form of the weight `tensor`, if it has been packed since parameters changed.
  @unsafe
  func form(_ form: Form, of tensor: TensorReference) -> UnsafeRawPointer? {
    guard isFresh, form == .forward || hasBackward, let index = entryOfTensor[tensor.index] else {
      return nil
    }
    let entry = entries[index]
    let start = form == .forward ? entry.forward : entry.backward
    return unsafe UnsafeRawPointer(storage.pointer(at: start..<storage.count))
  }
}
