internal import CKernels

extension MatMul {
  /// A·B of two matrices, checked; A is `m`×`k` and B `k`×`n` row by row, or lie there transposed. With
  /// `sum` (m×n) it is added to the product. With `packsB`, the engine is given B in its own form, as
  /// weights are, if it has one. An engine without products of `precision` makes those of float32.
  public static func product(
    _ a: [Float], transposeA: Bool = false, _ b: [Float], transposeB: Bool = false,
    addedTo sum: [Float]? = nil, m: Int, n: Int, k: Int,
    precision: Precision = .float32, engine: Engine = .automatic, packsB: Bool = false
  ) -> [Float] {
    product(
      a, transposeA: transposeA, b, transposeB: transposeB, addedTo: sum, m: m, n: n, k: k,
      precision: precision, engine: engine, packsB: packsB, level: Int(minilm_level()))
  }

  /// The same of triangles and with vectors of a given level, less than `Kernels.levelCount`; the baseline has none, and loops do the work.
  package static func product(
    _ a: [Float], transposeA: Bool = false, _ b: [Float], transposeB: Bool = false,
    addedTo sum: [Float]? = nil, m: Int, n: Int, k: Int,
    shape: SmallProduct.Shape = .whole, precision: Precision = .float32, engine: Engine,
    packsB: Bool = false, level: Int
  ) -> [Float] {
    precondition(m > 0 && n > 0 && k > 0 && a.count == m * k && b.count == k * n)
    precondition(sum == nil || sum?.count == m * n)
    precondition(level >= 0 && level < Kernels.levelCount)
    let engine = engine == .automatic ? chosen : engine
    var (a, b) = (a, b)
    // What is there is written over where nothing is added.
    var c = sum ?? [Float](repeating: .nan, count: m * n)
    let form = packsB ? PackedForm(engine, precision, level: Int32(level)) : nil
    // Without memory for it the product is made without it.
    let packed = form.flatMap { try? FloatStorage(count: $0.count(k, n)) }
    // Sizes as the preconditions say; the arrays and the packed form are distinct.
    unsafe a.withUnsafeMutableBufferPointer { a in
      unsafe b.withUnsafeMutableBufferPointer { b in
        unsafe c.withUnsafeMutableBufferPointer { c in
          guard let a = a.baseAddress, let b = b.baseAddress, let c = c.baseAddress else { return }
          let right = unsafe MatrixPointer(base: b, rowStride: transposeB ? k : n)
          if let packed, let form {
            unsafe form.pack(
              right, transposed: transposeB, k, n, panels: 0..<form.panels(n),
              into: packed.pointer(at: 0..<packed.count))
          }
          unsafe multiply(
            MatrixPointer(base: a, rowStride: transposeA ? m : k), transposeA: transposeA,
            right, transposeB: transposeB,
            packed: packed.map { unsafe UnsafeRawPointer($0.pointer(at: 0..<$0.count)) },
            into: MatrixPointer(base: c, rowStride: n), m: m, n: n, k: k,
            beta: sum == nil ? 0 : 1, shape: shape, precision: precision, engine: engine,
            level: Int32(level))
        }
      }
    }
    return c
  }
}
