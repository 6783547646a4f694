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
/// Rows of P are taken some at a time, so that most of what lies above the diagonal is never computed.
struct CausalAttention {
  let heads: Int
  let width: Int
  let dropout: Dropout?

  private var headWidth: Int { width / heads }
  var scale: Float { 1 / Float(headWidth).squareRoot() }
  /// Queries taken together.
  private static let rowsAtOnce = 64

  /// What is dropped: which row of which batch, at which place of the model.
  struct Noise {
    var noise: UInt64
    var site: Int
    var row: Int
  }

  /// How many floats P takes for a row of `length` positions.
  func probabilityCount(length: Int) -> Int { heads * length * length }

  /// y (T, C) and, for backward, P (H, T, T) from `qkv`; `scratch` (T, T) is used where there is dropout.
  @unsafe
  func forward(
    _ qkv: UnsafeMutablePointer<Float>, length: Int, probabilities: UnsafeMutablePointer<Float>,
    scratch: UnsafeMutablePointer<Float>, noise: Noise?, output: UnsafeMutablePointer<Float>
  ) {
    let (t, d, c) = (length, headWidth, width)
    for head in 0..<heads {
      let q = unsafe qkv + head * d
      let (k, v) = unsafe (q + c, q + 2 * c)
      let p = unsafe probabilities + head * t * t
      for start in stride(from: 0, to: t, by: Self.rowsAtOnce) {
        let end = Swift.min(t, start + Self.rowsAtOnce)
        // (end − start, D)·(D, end) → (end − start, end), in rows of T.
        unsafe MatMul.multiply(
          MatrixPointer(base: q + start * 3 * c, rowStride: 3 * c),
          MatrixPointer(base: k, rowStride: 3 * c), transposeB: true,
          into: MatrixPointer(base: p + start * t, rowStride: t), m: end - start, n: end, k: d,
          beta: 0)
        unsafe Kernels.causalSoftmax(
          p + start * t, rows: end - start, columns: end, stride: t, first: start, scale: scale)
      }
      let kept = unsafe dropped(p, head: head, length: t, scratch: scratch, noise: noise)
      for start in stride(from: 0, to: t, by: Self.rowsAtOnce) {
        let end = Swift.min(t, start + Self.rowsAtOnce)
        unsafe MatMul.multiply(
          MatrixPointer(base: kept + start * t, rowStride: t),
          MatrixPointer(base: v, rowStride: 3 * c),
          into: MatrixPointer(base: output + start * c + head * d, rowStride: c),
          m: end - start, n: d, k: end, beta: 0)
      }
    }
  }

  /// d qkv (T, 3C) from d y (T, C); `scratch` has room for 2·T·T floats.
  @unsafe
  func backward(
    _ qkv: UnsafeMutablePointer<Float>, length: Int, probabilities: UnsafeMutablePointer<Float>,
    scratch: UnsafeMutablePointer<Float>, noise: Noise?,
    outputGradient dy: UnsafeMutablePointer<Float>, inputGradient dqkv: UnsafeMutablePointer<Float>
  ) {
    let (t, d, c) = (length, headWidth, width)
    let ds = unsafe scratch + t * t
    for head in 0..<heads {
      let q = unsafe qkv + head * d
      let (k, v) = unsafe (q + c, q + 2 * c)
      let dq = unsafe dqkv + head * d
      let (dk, dv) = unsafe (dq + c, dq + 2 * c)
      let p = unsafe probabilities + head * t * t
      let dyHead = unsafe dy + head * d
      let kept = unsafe dropped(p, head: head, length: t, scratch: scratch, noise: noise)
      let blocks = (t + Self.rowsAtOnce - 1) / Self.rowsAtOnce
      // The last queries first: they see every key, so that theirs is the first write of dk and dv.
      for block in stride(from: blocks - 1, through: 0, by: -1) {
        let start = block * Self.rowsAtOnce
        let end = Swift.min(t, start + Self.rowsAtOnce)
        let dyRows = unsafe MatrixPointer(base: dyHead + start * c, rowStride: c)
        unsafe MatMul.multiply(
          dyRows, MatrixPointer(base: v, rowStride: 3 * c), transposeB: true,
          into: MatrixPointer(base: ds + start * t, rowStride: t), m: end - start, n: end, k: d,
          beta: 0)
        unsafe MatMul.multiply(
          MatrixPointer(base: kept + start * t, rowStride: t), transposeA: true, dyRows,
          into: MatrixPointer(base: dv, rowStride: 3 * c), m: end, n: d, k: end - start,
          beta: block == blocks - 1 ? 0 : 1)
      }
      if let dropout, let noise {
        unsafe dropout.apply(
          ds, to: ds, count: t * t, noise: noise.noise, site: noise.site,
          row: noise.row * heads + head)
      }
      for block in stride(from: blocks - 1, through: 0, by: -1) {
        let start = block * Self.rowsAtOnce
        let end = Swift.min(t, start + Self.rowsAtOnce)
        let dsRows = unsafe MatrixPointer(base: ds + start * t, rowStride: t)
        unsafe Kernels.causalSoftmaxBackward(
          p + start * t, ds + start * t, rows: end - start, columns: end, stride: t, first: start,
          scale: scale)
        unsafe MatMul.multiply(
          dsRows, MatrixPointer(base: k, rowStride: 3 * c),
          into: MatrixPointer(base: dq + start * 3 * c, rowStride: 3 * c), m: end - start, n: d,
          k: end, beta: 0)
        unsafe MatMul.multiply(
          dsRows, transposeA: true, MatrixPointer(base: q + start * 3 * c, rowStride: 3 * c),
          into: MatrixPointer(base: dk, rowStride: 3 * c), m: end, n: d, k: end - start,
          beta: block == blocks - 1 ? 0 : 1)
      }
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
