internal import CKernels

/// Attention of each position to itself and those before it, head by head, over one row of a batch.
///
/// T positions, H heads, D = C/H columns of a head. The projections of all heads lie side by side in
/// `qkv` (T, 3C): C columns of q, then k, then v, as GPT-2 has them.
///
///     forward    S = q·kᵀ/√D              (T, D)·(D, T) → (T, T)        for j ≤ i
///                P = softmax(S)           0 for j > i
///                y = P·v                  (T, T)·(T, D) → (T, D)
///     backward   dv = Pᵀ·dy               dP = dy·vᵀ
///                dS = P·(dP − Σ_j P·dP)/√D
///                dq = dS·k                dk = dSᵀ·q
///
/// P and dS are triangles, and products with them stop at the diagonal. A head's operands are small, so that
/// products of float32 are made where they lie (`minilm_small_product`), k and v transposed where rows of theirs are
/// columns of the product. Those of bfloat16 have to be packed, and are made as all others are.
struct CausalAttention {
  let heads: Int
  let width: Int
  let dropout: Dropout?

  private var headWidth: Int { width / heads }
  var scale: Float { 1 / Float(headWidth).squareRoot() }

  /// What is dropped: which row of which batch, at which place of the model.
  struct Noise {
    var noise: UInt64
    var site: Int
    var row: Int
  }

  /// How many floats P takes for a row of `length` positions.
  func probabilityCount(length: Int) -> Int { heads * length * length }

  /// How many floats of scratch a row of `length` positions needs: (T, T) twice and (D, T).
  func scratchCount(length: Int) -> Int { length * (2 * length + headWidth) }

  /// y (T, C) and, for backward, P (H, T, T) from `qkv`.
  @unsafe
  func forward(
    _ qkv: UnsafeMutablePointer<Float>, length: Int, probabilities: UnsafeMutablePointer<Float>,
    scratch: UnsafeMutablePointer<Float>, noise: Noise?, precision: Precision,
    output: UnsafeMutablePointer<Float>
  ) {
    let (t, d, c) = (length, headWidth, width)
    let products = unsafe Products(precision, transposed: scratch + 2 * t * t)
    for head in 0..<heads {
      let q = unsafe qkv + head * d
      let (k, v) = unsafe (q + c, q + 2 * c)
      let p = unsafe probabilities + head * t * t
      // S = q·kᵀ up to the diagonal.
      unsafe products.multiply(
        MatrixPointer(base: q, rowStride: 3 * c), MatrixPointer(base: k, rowStride: 3 * c),
        transposeB: true,
        into: MatrixPointer(base: p, rowStride: t), m: t, n: t, k: d, .lowerC)
      unsafe Kernels.causalSoftmax(p, rows: t, columns: t, stride: t, first: 0, scale: scale)
      let kept = unsafe dropped(p, head: head, length: t, scratch: scratch, noise: noise)
      unsafe products.multiply(
        MatrixPointer(base: kept, rowStride: t), MatrixPointer(base: v, rowStride: 3 * c),
        into: MatrixPointer(base: output + head * d, rowStride: c), m: t, n: d, k: t, .lowerA)
    }
  }

  /// d qkv (T, 3C) from d y (T, C).
  @unsafe
  func backward(
    _ qkv: UnsafeMutablePointer<Float>, length: Int, probabilities: UnsafeMutablePointer<Float>,
    scratch: UnsafeMutablePointer<Float>, noise: Noise?, precision: Precision,
    outputGradient: UnsafeMutablePointer<Float>, inputGradient dqkv: UnsafeMutablePointer<Float>
  ) {
    let (t, d, c) = (length, headWidth, width)
    let ds = unsafe scratch + t * t
    let products = unsafe Products(precision, transposed: scratch + 2 * t * t)
    for head in 0..<heads {
      let q = unsafe qkv + head * d
      let (k, v) = unsafe (q + c, q + 2 * c)
      let dq = unsafe dqkv + head * d
      let (dk, dv) = unsafe (dq + c, dq + 2 * c)
      let p = unsafe probabilities + head * t * t
      let dy = unsafe outputGradient + head * d
      let kept = unsafe dropped(p, head: head, length: t, scratch: scratch, noise: noise)
      // dv = Pᵀ·dy: row j of Pᵀ begins at the diagonal.
      unsafe products.multiply(
        MatrixPointer(base: kept, rowStride: t), transposeA: true,
        MatrixPointer(base: dy, rowStride: c),
        into: MatrixPointer(base: dv, rowStride: 3 * c), m: t, n: d, k: t, .upperA)
      unsafe products.multiply(
        MatrixPointer(base: dy, rowStride: c), MatrixPointer(base: v, rowStride: 3 * c),
        transposeB: true,
        into: MatrixPointer(base: ds, rowStride: t), m: t, n: t, k: d, .lowerC)
      if let dropout, let noise {
        unsafe dropout.apply(
          ds, to: ds, count: t * t, noise: noise.noise, site: noise.site,
          row: noise.row * heads + head)
      }
      unsafe Kernels.causalSoftmaxBackward(
        p, ds, rows: t, columns: t, stride: t, first: 0, scale: scale)
      unsafe products.multiply(
        MatrixPointer(base: ds, rowStride: t), MatrixPointer(base: k, rowStride: 3 * c),
        into: MatrixPointer(base: dq, rowStride: 3 * c), m: t, n: d, k: t, .lowerA)
      unsafe products.multiply(
        MatrixPointer(base: ds, rowStride: t), transposeA: true,
        MatrixPointer(base: q, rowStride: 3 * c),
        into: MatrixPointer(base: dk, rowStride: 3 * c), m: t, n: d, k: t, .upperA)
    }
  }

  /// P as y is made of it: itself, or what dropout leaves of it, in `scratch`.
  @unsafe
  private func dropped(
    _ p: UnsafeMutablePointer<Float>, head: Int, length: Int,
    scratch: UnsafeMutablePointer<Float>, noise: Noise?
  ) -> UnsafeMutablePointer<Float> {
    guard let dropout, let noise else { return unsafe p }
    unsafe dropout.apply(
      p, to: scratch, count: length * length, noise: noise.noise, site: noise.site,
      row: noise.row * heads + head)
    return unsafe scratch
  }
}

/// Products of one head's matrices: C (m, n) from A and B, each in rows of its stride.
@unsafe
private struct Products {
  /// Whether operands are rounded to bfloat16.
  let rounds: Bool
  /// Scratch: (k, n).
  let transposed: UnsafeMutablePointer<Float>

  init(_ precision: Precision, transposed: UnsafeMutablePointer<Float>) {
    unsafe rounds = precision == .bfloat16 && MatMul.has(.bfloat16)
    unsafe self.transposed = transposed
  }

  /// C (m, n) = A (m, k)·B (k, n), or of what lies there as A's transpose or B's.
  @unsafe
  func multiply(
    _ a: MatrixPointer, transposeA: Bool = false, _ b: MatrixPointer, transposeB: Bool = false,
    into c: MatrixPointer, m: Int, n: Int, k: Int, _ shape: SmallProduct.Shape
  ) {
    if unsafe rounds {
      unsafe MatMul.multiply(
        a, transposeA: transposeA, b, transposeB: transposeB, into: c, m: m, n: n, k: k, beta: 0,
        shape: shape, precision: .bfloat16)
      return
    }
    var right = unsafe b
    if transposeB {
      unsafe minilm_transpose(b.base, b.rowStride, n, k, transposed, n)
      unsafe right = MatrixPointer(base: transposed, rowStride: n)
    }
    let left = unsafe SmallProduct.Left(
      base: a.base, row: transposeA ? 1 : a.rowStride, next: transposeA ? a.rowStride : 1)
    unsafe SmallProduct.multiply(left, right, into: c, m: m, n: n, k: k, shape)
  }
}
