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
/// products are made where they lie (`minilm_small_product`), k and v transposed where rows of theirs are
/// columns of the product.
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
    scratch: UnsafeMutablePointer<Float>, noise: Noise?, output: UnsafeMutablePointer<Float>
  ) {
    let (t, d, c) = (length, headWidth, width)
    let transposed = unsafe scratch + 2 * t * t
    for head in 0..<heads {
      let q = unsafe qkv + head * d
      let (k, v) = unsafe (q + c, q + 2 * c)
      let p = unsafe probabilities + head * t * t
      unsafe minilm_transpose(k, 3 * c, t, d, transposed, t)
      // S = q·kᵀ up to the diagonal.
      unsafe multiply(q, 3 * c, 1, transposed, t, p, t, m: t, n: t, k: d, .lowerC)
      unsafe Kernels.causalSoftmax(p, rows: t, columns: t, stride: t, first: 0, scale: scale)
      let kept = unsafe dropped(p, head: head, length: t, scratch: scratch, noise: noise)
      unsafe multiply(kept, t, 1, v, 3 * c, output + head * d, c, m: t, n: d, k: t, .lowerA)
    }
  }

  /// d qkv (T, 3C) from d y (T, C).
  @unsafe
  func backward(
    _ qkv: UnsafeMutablePointer<Float>, length: Int, probabilities: UnsafeMutablePointer<Float>,
    scratch: UnsafeMutablePointer<Float>, noise: Noise?,
    outputGradient: UnsafeMutablePointer<Float>, inputGradient dqkv: UnsafeMutablePointer<Float>
  ) {
    let (t, d, c) = (length, headWidth, width)
    let ds = unsafe scratch + t * t
    let transposed = unsafe scratch + 2 * t * t
    for head in 0..<heads {
      let q = unsafe qkv + head * d
      let (k, v) = unsafe (q + c, q + 2 * c)
      let dq = unsafe dqkv + head * d
      let (dk, dv) = unsafe (dq + c, dq + 2 * c)
      let p = unsafe probabilities + head * t * t
      let dy = unsafe outputGradient + head * d
      let kept = unsafe dropped(p, head: head, length: t, scratch: scratch, noise: noise)
      // dv = Pᵀ·dy: row j of Pᵀ begins at the diagonal.
      unsafe multiply(kept, 1, t, dy, c, dv, 3 * c, m: t, n: d, k: t, .upperA)
      unsafe minilm_transpose(v, 3 * c, t, d, transposed, t)
      unsafe multiply(dy, c, 1, transposed, t, ds, t, m: t, n: t, k: d, .lowerC)
      if let dropout, let noise {
        unsafe dropout.apply(
          ds, to: ds, count: t * t, noise: noise.noise, site: noise.site,
          row: noise.row * heads + head)
      }
      unsafe Kernels.causalSoftmaxBackward(
        p, ds, rows: t, columns: t, stride: t, first: 0, scale: scale)
      unsafe multiply(ds, t, 1, k, 3 * c, dq, 3 * c, m: t, n: d, k: t, .lowerA)
      unsafe multiply(ds, 1, t, q, 3 * c, dk, 3 * c, m: t, n: d, k: t, .upperA)
    }
  }

  /// C (m, n) = A (m, k)·B (k, n), each in rows of its stride; `aNext` is the distance along k in A.
  @unsafe
  private func multiply(
    _ a: UnsafePointer<Float>, _ aRow: Int, _ aNext: Int, _ b: UnsafeMutablePointer<Float>,
    _ bRow: Int, _ c: UnsafeMutablePointer<Float>, _ cRow: Int, m: Int, n: Int, k: Int,
    _ shape: SmallProduct.Shape
  ) {
    unsafe SmallProduct.multiply(
      SmallProduct.Left(base: a, row: aRow, next: aNext), MatrixPointer(base: b, rowStride: bRow),
      into: MatrixPointer(base: c, rowStride: cRow), m: m, n: n, k: k, shape)
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
