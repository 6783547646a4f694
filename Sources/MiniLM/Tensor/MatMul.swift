internal import CKernels
internal import COpenBLAS

/// Where a matrix of floats lies: the first element and the distance from row to row.
@unsafe
struct MatrixPointer {
  var base: UnsafeMutablePointer<Float>
  var rowStride: Int
}

/// Products of matrices of floats, by the system's BLAS or by loops of our own.
public enum MatMul {
  /// What multiplies.
  public enum Engine: Sendable {
    /// OpenBLAS (Accelerate on macOS) where it can be opened, else the loops.
    case automatic
    /// The loops that the library is tested against.
    case reference
  }

  /// What `automatic` uses here, for a log: "OpenBLAS SkylakeX", or the loops and why.
  public static var engineDescription: String {
    if let blas = OpenBLAS.shared { return blas.kernel }
    return "reference loops (no BLAS library was opened; install libopenblas for speed)"
  }

  /// Whether `automatic` has a library to use.
  public static var isAccelerated: Bool { OpenBLAS.shared != nil }

  /// C = A·B + beta·C with A M×K, B K×N and C M×N, each row by row; `transposeA` and `transposeB`
  /// say that A lies there as K×M, B as N×K.
  ///
  /// The caller vouches that each matrix lies in memory of its own of that size.
  @unsafe
  static func multiply(
    _ a: MatrixPointer, transposeA: Bool = false, _ b: MatrixPointer, transposeB: Bool = false,
    into c: MatrixPointer, m: Int, n: Int, k: Int, beta: Float, engine: Engine = .automatic
  ) {
    if m == 0 || n == 0 { return }
    if engine == .automatic, let blas = OpenBLAS.shared {
      unsafe blas.multiply(
        Int32(COPENBLAS_ROW_MAJOR),
        Int32(transposeA ? COPENBLAS_TRANS : COPENBLAS_NO_TRANS),
        Int32(transposeB ? COPENBLAS_TRANS : COPENBLAS_NO_TRANS),
        Int32(m), Int32(n), Int32(k), 1, a.base, Int32(a.rowStride), b.base, Int32(b.rowStride),
        beta, c.base, Int32(c.rowStride))
      return
    }
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

  /// A·B of two matrices row by row, checked: A is `m`×`k`, B `k`×`n`.
  public static func product(
    _ a: [Float], _ b: [Float], m: Int, n: Int, k: Int, engine: Engine = .automatic
  ) -> [Float] {
    precondition(m > 0 && n > 0 && k > 0 && a.count == m * k && b.count == k * n)
    var (a, b) = (a, b)
    var c = [Float](repeating: 0, count: m * n)
    // Sizes as the precondition says; the three arrays are distinct.
    unsafe a.withUnsafeMutableBufferPointer { a in
      unsafe b.withUnsafeMutableBufferPointer { b in
        unsafe c.withUnsafeMutableBufferPointer { c in
          guard let a = a.baseAddress, let b = b.baseAddress, let c = c.baseAddress else { return }
          unsafe multiply(
            MatrixPointer(base: a, rowStride: k), MatrixPointer(base: b, rowStride: n),
            into: MatrixPointer(base: c, rowStride: n), m: m, n: n, k: k, beta: 0, engine: engine)
        }
      }
    }
    return c
  }
}
