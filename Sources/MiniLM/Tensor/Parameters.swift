/// One named matrix (or vector: one row) inside an arena.
public struct TensorDescription: Equatable, Sendable {
  /// How a tensor is used, which decides what decays and what is mostly zero.
  public enum Role: String, Sendable {
    /// A table that is looked up by token id: only the rows of a batch's tokens get a gradient.
    case lookup
    /// A matrix of a product.
    case matrix
    /// A bias or gain, which does not decay.
    case vector
  }

  /// Its name in checkpoints.
  public let name: String
  /// Rows.
  public let rows: Int
  /// Columns: elements of a row, which lie together.
  public let columns: Int
  /// What it is used for.
  public let role: Role
  /// Where its elements lie in the arena.
  public let range: Range<Int>
}

/// Which tensors a model has and where each lies in its one arena of floats.
public struct ParameterLayout: Equatable, Sendable {
  /// The tensors, in arena order, without gaps.
  public private(set) var tensors: [TensorDescription] = []

  package init() {}

  /// How many floats they are together.
  public var count: Int { tensors.last?.range.upperBound ?? 0 }

  /// Appends a tensor; the caller has checked that its size fits (see `MemoryLimit`).
  package mutating func append(
    _ name: String, rows: Int, columns: Int, role: TensorDescription.Role
  ) {
    let start = count
    tensors.append(
      TensorDescription(
        name: name, rows: rows, columns: columns, role: role, range: start..<start + rows * columns)
    )
  }
}

/// The trained numbers of a model: one flat arena and the layout that names its parts.
public final class ParameterStore: Sendable {
  /// Names and places.
  public let layout: ParameterLayout
  /// The numbers.
  public let values: FloatStorage

  package init(layout: ParameterLayout) throws(MiniLMError) {
    self.layout = layout
    self.values = try FloatStorage(count: layout.count)
  }

  /// How many parameters there are.
  public var count: Int { values.count }
}

/// Gradients of one worker, laid out as the parameters are.
///
/// A lookup table gets a gradient only in the rows of the tokens seen, so those rows are noted and
/// all else stays zero: clearing, adding up, norms and plain SGD then touch `activeRanges` only,
/// and a step of a large table costs what its batch costs.
@safe
public final class GradientStore {
  /// Names and places.
  public let layout: ParameterLayout
  /// The gradients; zero outside `activeRanges`.
  public let values: FloatStorage
  /// For each lookup tensor: which rows were touched, as a list and as flags.
  private var touched: [[Int]]
  private var flags: [[Bool]]

  package init(layout: ParameterLayout) throws(MiniLMError) {
    self.layout = layout
    self.values = try FloatStorage(count: layout.count)
    self.touched = Array(repeating: [], count: layout.tensors.count)
    self.flags = layout.tensors.map {
      $0.role == .lookup ? Array(repeating: false, count: $0.rows) : []
    }
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

  /// Makes every gradient zero again.
  package func clear() {
    for range in activeRanges { values.zero(range) }
    for tensor in touched.indices {
      for row in touched[tensor] { flags[tensor][row] = false }
      touched[tensor].removeAll(keepingCapacity: true)
    }
  }
}
