internal import CKernels

/// Products of matrices that stay in the first level of cache, where they lie, as attention makes them.
package enum SmallProduct {
  /// What is a triangle, so that only its part is computed.
  package enum Shape: CaseIterable, Sendable {
    /// Nothing.
    case whole
    /// A: zero above the diagonal.
    case lowerA
    /// A: zero below the diagonal.
    case upperA
    /// C: wanted up to the diagonal; what stands above it afterwards is anything.
    case lowerC

    var code: Int32 {
      switch self {
      case .whole: Int32(MINILM_WHOLE)
      case .lowerA: Int32(MINILM_LOWER_A)
      case .upperA: Int32(MINILM_UPPER_A)
      case .lowerC: Int32(MINILM_LOWER_C)
      }
    }
  }

  /// Where A lies: element (i, p) is `row`·i + `next`·p floats after the first.
  @unsafe
  struct Left {
    var base: UnsafePointer<Float>
    var row: Int
    var next: Int
  }

  /// C (m, n) = A (m, k)·B (k, n); the caller vouches that each lies in memory of its own of that size.
  @unsafe
  static func multiply(
    _ a: Left, _ b: MatrixPointer, into c: MatrixPointer, m: Int, n: Int, k: Int, _ shape: Shape
  ) {
    var product = unsafe minilm_small_product(
      a: a.base, a_row: a.row, a_k: a.next, b: b.base, b_stride: b.rowStride, c: c.base,
      c_stride: c.rowStride, m: m, n: n, k: k, add: 0, shape: shape.code)
    unsafe minilm_small_product_run(&product)
  }

  /// The same for arrays, checked, by the loop of a given level, less than `Kernels.levelCount`; with
  /// `transposeA` A lies there as (k, m).
  package static func product(
    _ a: [Float], transposeA: Bool, _ b: [Float], addedTo sum: [Float]? = nil, m: Int, n: Int,
    k: Int, _ shape: Shape, level: Int
  ) -> [Float] {
    precondition(m > 0 && n > 0 && k > 0 && a.count == m * k && b.count == k * n)
    precondition(level >= 0 && level < Kernels.levelCount && (sum == nil || sum?.count == m * n))
    var c = sum ?? [Float](repeating: .nan, count: m * n)
    // Sizes as the precondition says; the three arrays are distinct.
    unsafe a.withUnsafeBufferPointer { a in
      unsafe b.withUnsafeBufferPointer { b in
        unsafe c.withUnsafeMutableBufferPointer { c in
          var product = unsafe minilm_small_product(
            a: a.baseAddress, a_row: transposeA ? 1 : k, a_k: transposeA ? m : 1,
            b: b.baseAddress, b_stride: n, c: c.baseAddress, c_stride: n, m: m, n: n, k: k,
            add: sum == nil ? 0 : 1, shape: shape.code)
          unsafe minilm_small_product_at(Int32(level), &product)
        }
      }
    }
    return c
  }
}
