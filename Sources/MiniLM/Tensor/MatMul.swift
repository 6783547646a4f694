internal import CKernels
internal import COpenBLAS

/// Where a matrix of floats lies: the first element and the distance from row to row.
@unsafe
struct MatrixPointer {
  var base: UnsafeMutablePointer<Float>
  var rowStride: Int
}

/// Products of matrices of floats: on the processor's matrix unit, by its vectors, by the system's BLAS or by loops.
public enum MatMul {
  /// C = A·B + beta·C with A M×K, B K×N and C M×N, each row by row; `transposeA` and `transposeB`
  /// say that A lies there as K×M, B as N×K.
  ///
  /// `packed` is B once more, in the form that the engine reads for products of this precision, if there is one
  /// (`PackedWeights`). `shape` says what is a triangle; engines may pass over the rest of it. `level` is for tests: whose
  /// vectors multiply, if not the best.
  ///
  /// The caller vouches that each matrix lies in memory of its own of that size.
  @unsafe
  static func multiply(
    _ a: MatrixPointer, transposeA: Bool = false, _ b: MatrixPointer, transposeB: Bool = false,
    packed: UnsafeRawPointer? = nil, into c: MatrixPointer, m: Int, n: Int, k: Int, beta: Float,
    shape: SmallProduct.Shape = .whole, precision: Precision = .float32,
    engine: Engine = .automatic, level: Int32 = minilm_level()
  ) {
    if m == 0 || n == 0 { return }
    let engine = engine == .automatic ? chosen : engine
    let hasVectors = engine == .vectors && level > Int32(MINILM_BASELINE)
    if engine == .matrixUnit || hasVectors, beta == 0 || beta == 1 {
      var left = unsafe minilm_operand(
        base: a.base, stride: a.rowStride, transposed: transposeA ? 1 : 0)
      var right = unsafe minilm_operand(
        base: b.base, stride: b.rowStride, transposed: transposeB ? 1 : 0)
      let adds: Int32 = beta == 1 ? 1 : 0
      // Without memory for scratch neither does anything, and the loops do the work.
      let isDone =
        if hasVectors {
          unsafe minilm_vectors_product(
            vectorKind(precision, level: level), &left, &right,
            packed?.assumingMemoryBound(to: Float.self), c.base, c.rowStride, m, n, k, adds,
            shape.code)
        } else {
          unsafe minilm_product(&left, &right, packed, c.base, c.rowStride, m, n, k, adds)
        }
      if isDone == 1 { return }
    }
    if engine == .blas, let blas = OpenBLAS.shared {
      unsafe blas.multiply(
        Int32(COPENBLAS_ROW_MAJOR),
        Int32(transposeA ? COPENBLAS_TRANS : COPENBLAS_NO_TRANS),
        Int32(transposeB ? COPENBLAS_TRANS : COPENBLAS_NO_TRANS),
        Int32(m), Int32(n), Int32(k), 1, a.base, Int32(a.rowStride), b.base, Int32(b.rowStride),
        beta, c.base, Int32(c.rowStride))
      return
    }
    unsafe multiplyByLoops(
      a, transposeA: transposeA, b, transposeB: transposeB, into: c, m: m, n: n, k: k, beta: beta)
  }

  /// The same, as it is defined: what the others are tested against.
  @unsafe
  private static func multiplyByLoops(
    _ a: MatrixPointer, transposeA: Bool, _ b: MatrixPointer, transposeB: Bool,
    into c: MatrixPointer, m: Int, n: Int, k: Int, beta: Float
  ) {
    for i in 0..<m {
      let row = unsafe c.base + i * c.rowStride
      if beta == 0 {
        unsafe row.update(repeating: 0, count: n)
      } else if beta != 1 {
        for j in 0..<n { unsafe row[j] *= beta }
      }
      if transposeB, !transposeA {
        // B's rows are as long as A's: one dot product for each element.
        for j in 0..<n {
          unsafe row[j] += minilm_dot(a.base + i * a.rowStride, b.base + j * b.rowStride, k)
        }
      } else {
        for p in 0..<k {
          let factor = unsafe transposeA ? a.base[p * a.rowStride + i] : a.base[i * a.rowStride + p]
          if transposeB {
            for j in 0..<n { unsafe row[j] += factor * b.base[j * b.rowStride + p] }
          } else {
            unsafe minilm_axpy(row, factor, b.base + p * b.rowStride, n)
          }
        }
      }
    }
  }
}
