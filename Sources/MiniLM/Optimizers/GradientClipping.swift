internal import CKernels

extension GradientStore {
  /// The length of all gradients as one vector: √(Σ g²), added up in double precision and in a
  /// fixed order, whatever the number of threads.
  public func norm(threads: Int = 1) -> Double {
    let ranges = activeRanges
    let total = ranges.reduce(0) { $0 + $1.count }
    var squares = 0.0
    if threads == 1 || total < 1 << 18 || ranges.count > 1 << 12 {
      for range in ranges { squares += sumOfSquares(range) }
      return squares.squareRoot()
    }
    let pieces = OptimizerSegments(layout, ranges: ranges).segments.map(\.range)
    let shares = Swift.min(threads, pieces.count)
    let sums = PartialSums(count: pieces.count)
    Parallel.run(shares) { worker in
      for index in Parallel.share(worker, of: pieces.count, shares: shares) {
        sums.set(index, sumOfSquares(pieces[index]))
      }
    }
    return sums.total.squareRoot()
  }

  private func sumOfSquares(_ range: Range<Int>) -> Double {
    // `pointer(at:)` checks the range.
    unsafe minilm_sum_of_squares(values.pointer(at: range), range.count)
  }

  /// What gradients are multiplied by so that their norm is at most `limit` (PyTorch's
  /// clip_grad_norm_: limit / (norm + 1e-6), never more than 1).
  package static func clippingScale(norm: Double, limit: Double?) -> Double {
    guard let limit else { return 1 }
    return Swift.min(1, limit / (norm + 1e-6))
  }
}

/// Results of parallel work, one place for each piece, added up in order afterwards.
@safe
final class PartialSums {
  private let count: Int
  private let places: UnsafeMutablePointer<Double>

  init(count: Int) {
    self.count = count
    unsafe places = .allocate(capacity: Swift.max(count, 1))
    unsafe places.initialize(repeating: 0, count: Swift.max(count, 1))
  }

  deinit { unsafe places.deallocate() }

  /// Writes one place; no two threads write the same.
  func set(_ index: Int, _ value: Double) {
    precondition(index >= 0 && index < count)
    // In bounds by the line above.
    unsafe places[index] = value
  }

  /// The sum, first place first.
  var total: Double {
    var sum = 0.0
    for index in 0..<count { sum += unsafe places[index] }
    return sum
  }
}
