internal import CKernels

/// Sets a part of some numbers to zero and scales the rest, so that their mean stays (Srivastava and others).
///
/// Which ones is a hash of where they stand: of the step, the layer, the row of the batch and the place in
/// the row. Backward asks again instead of keeping masks, and neither threads nor an interrupted run
/// change it.
struct Dropout {
  private let threshold: UInt32
  private let scale: Float

  /// Nothing for a rate of 0.
  init?(rate: Double) {
    guard rate > 0 else { return nil }
    threshold = UInt32((rate * 0x1p24).rounded())
    scale = Float(1 / (1 - rate))
  }

  /// What is dropped at one place of the model, in one row of the batch.
  private func settings(_ noise: UInt64, site: Int, row: Int) -> minilm_dropout {
    // splitmix64's mixing, over the three numbers one after the other.
    var key = noise
    for word in [UInt64(site), UInt64(row)] {
      key = (key &+ word &+ 1) &* 0x9E37_79B9_7F4A_7C15
      key = (key ^ (key >> 30)) &* 0xBF58_476D_1CE4_E5B9
      key = (key ^ (key >> 27)) &* 0x94D0_49BB_1331_11EB
      key ^= key >> 31
    }
    return minilm_dropout(key: key, threshold: threshold, scale: scale)
  }

  /// y = drop(x), `count` floats; y may be x.
  @unsafe
  func apply(
    _ x: UnsafePointer<Float>, to y: UnsafeMutablePointer<Float>, count: Int, noise: UInt64,
    site: Int, row: Int
  ) {
    var settings = settings(noise, site: site, row: row)
    unsafe minilm_drop(y, x, count, &settings)
  }

  /// y += drop(x), `count` floats.
  @unsafe
  func add(
    _ x: UnsafePointer<Float>, to y: UnsafeMutablePointer<Float>, count: Int, noise: UInt64,
    site: Int, row: Int
  ) {
    var settings = settings(noise, site: site, row: row)
    unsafe minilm_drop_and_add(y, x, count, &settings)
  }
}
