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

/// A tensor and its number in the layout.
struct TensorReference {
  let index: Int
  private let description: TensorDescription

  init(index: Int, in layout: ParameterLayout) {
    self.index = index
    description = layout.tensors[index]
  }

  var rows: Int { description.rows }
  var columns: Int { description.columns }
  var role: TensorDescription.Role { description.role }
  var range: Range<Int> { description.range }
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

extension ParameterLayout {
  /// The tensor called `name`, which there is.
  func reference(_ name: String) -> TensorReference {
    guard let index = tensors.firstIndex(where: { $0.name == name }) else {
      preconditionFailure("no tensor \(name)")
    }
    return TensorReference(index: index, in: self)
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
