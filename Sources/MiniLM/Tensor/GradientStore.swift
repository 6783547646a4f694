/// Gradients of one worker, laid out as the parameters are.
///
/// A lookup table gets a gradient only in the rows of the tokens seen, so those rows are noted and
/// all else stays zero: clearing, adding up, norms and plain SGD then touch `activeRanges` only,
/// and a step of a large table costs what its batch costs. Matrices are not cleared: the first product
/// that gives them a gradient writes over what is there (`isFirstWrite`).
@safe
public final class GradientStore {
  /// Names and places.
  public let layout: ParameterLayout
  /// The gradients; zero outside `activeRanges`.
  public let values: FloatStorage
  /// For each lookup tensor: which rows were touched, as a list and as flags.
  private var touched: [[Int]]
  private var flags: [[Bool]]
  /// For each matrix: whether what it holds is of the step before.
  private var isStale: [Bool]

  package init(layout: ParameterLayout) throws(MiniLMError) {
    self.layout = layout
    self.values = try FloatStorage(count: layout.count)
    self.touched = Array(repeating: [], count: layout.tensors.count)
    self.flags = layout.tensors.map {
      $0.role == .lookup ? Array(repeating: false, count: $0.rows) : []
    }
    self.isStale = Array(repeating: false, count: layout.tensors.count)
  }

  /// Notes that these rows of lookup tensor `tensor` are about to get a gradient.
  package func touch(_ rows: some Sequence<Int>, of tensor: Int) {
    for row in rows where !flags[tensor][row] {
      flags[tensor][row] = true
      touched[tensor].append(row)
    }
  }

  /// Notes the rows that `other` has touched.
  func touchRows(of other: GradientStore) {
    for tensor in touched.indices { touch(other.touched[tensor], of: tensor) }
  }

  /// Whether the gradient of matrix `tensor` is to be written and not added to what is there; asking makes
  /// it the caller's to write all of it.
  func isFirstWrite(of tensor: Int) -> Bool {
    defer { isStale[tensor] = false }
    return isStale[tensor]
  }

  /// Makes sure that what is added to matrix `tensor` is added to this step's gradient.
  func prepareToAdd(to tensor: Int) {
    if isFirstWrite(of: tensor) { values.zero(layout.tensors[tensor].range) }
  }

  /// Makes zero what no product has written since `clear`: to be called before anything is read.
  package func settle() {
    for tensor in layout.tensors.indices { prepareToAdd(to: tensor) }
  }

  /// The ranges of the arena that may be other than zero: ascending, apart from each other.
  package var activeRanges: [Range<Int>] {
    var ranges: [Range<Int>] = []
    func add(_ range: Range<Int>) {
      if let last = ranges.last, last.upperBound == range.lowerBound {
        ranges[ranges.count - 1] = last.lowerBound..<range.upperBound
      } else if !range.isEmpty {
        ranges.append(range)
      }
    }
    for (index, tensor) in layout.tensors.enumerated() {
      guard tensor.role == .lookup else {
        add(tensor.range)
        continue
      }
      for row in touched[index].sorted() {
        let start = tensor.range.lowerBound + row * tensor.columns
        add(start..<start + tensor.columns)
      }
    }
    return ranges
  }

  /// Forgets every gradient; `settle` or the next pass makes matrices zero.
  package func clear() {
    for (index, tensor) in layout.tensors.enumerated() {
      switch tensor.role {
      case .matrix: isStale[index] = true
      case .vector: values.zero(tensor.range)
      case .lookup:
        for row in touched[index] {
          let start = tensor.range.lowerBound + row * tensor.columns
          values.zero(start..<start + tensor.columns)
          flags[index][row] = false
        }
        touched[index].removeAll(keepingCapacity: true)
      }
    }
  }
}
