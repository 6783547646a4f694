internal import CKernels

/// How an engine wants the right operand of a product packed: panels of columns, one after the other.
enum PackedForm {
  /// The matrix unit's: panels of 32 columns in parts of bfloat16.
  case matrixUnit
  /// That of vectors of a kind.
  case vectors(kind: Int32)

  /// The form of `engine` for products of a precision, or nil where it has none.
  init?(_ engine: MatMul.Engine, _ precision: Precision, level: Int32 = minilm_level()) {
    switch engine {
    case .matrixUnit: self = .matrixUnit
    case .vectors where level > Int32(MINILM_BASELINE):
      self = .vectors(kind: MatMul.vectorKind(precision, level: level))
    case .automatic, .vectors, .blas, .reference: return nil
    }
  }

  /// How many floats the form of an operand (k, n) takes: whole lines of the cache.
  func count(_ k: Int, _ n: Int) -> Int {
    let bytes =
      switch self {
      case .matrixUnit: minilm_packed_bytes(k, n)
      case .vectors(let kind): minilm_vectors_packed_bytes(kind, k, n)
      }
    return (bytes + 63) / 64 * 64 / MemoryLayout<Float>.stride
  }

  /// How many panels `n` columns are.
  func panels(_ n: Int) -> Int {
    switch self {
    case .matrixUnit: (n + 31) / 32
    case .vectors(let kind): minilm_vectors_panels(kind, n)
    }
  }

  /// Packs some panels of B (k, n), or of its transpose that lies there, each at its place in `packed`, which has
  /// room for all.
  @unsafe
  func pack(
    _ b: MatrixPointer, transposed: Bool, _ k: Int, _ n: Int, panels: Range<Int>,
    into packed: UnsafeMutablePointer<Float>
  ) {
    var operand = unsafe minilm_operand(
      base: b.base, stride: b.rowStride, transposed: transposed ? 1 : 0)
    switch self {
    case .matrixUnit:
      unsafe minilm_pack_right(
        &operand, k, n, panels.lowerBound * 32, Swift.min(n, panels.upperBound * 32), packed)
    case .vectors(let kind):
      unsafe minilm_vectors_pack(
        kind, &operand, k, n, panels.lowerBound, panels.upperBound, packed)
    }
  }
}
