/// Splits batches over workers and puts their losses and gradients together.
///
/// Each worker takes a run of rows, has its own activations and gradients, and is summed in order:
/// a run is the same to the bit for one number of threads.
@safe
package final class GradientEngine {
  let model: any LanguageModel
  let threads: Int
  private var workers: [any ModelWorker] = []
  private var workerGradients: [GradientStore] = []
  /// How many workers the gradients at hand are of.
  private var workersOfGradients = 0
  /// Positions times the cost of one below which another worker is not worth its start.
  private static let smallestShare = 1 << 17

  package init(model: any LanguageModel, threads: Int) {
    self.model = model
    self.threads = threads
  }

  /// The gradients of the last batches.
  package var gradients: GradientStore { workerGradients[0] }

  /// What a position costs: about as many multiplications.
  private var positionCost: Int {
    model.configuration.kind == .gpt
      ? Swift.max(model.vocabularySize, model.parameters.count) : model.vocabularySize
  }

  /// How many workers a batch of this shape is split over: a matter of its shape alone.
  private func workerCount(for batch: Batch) -> Int {
    let work = batch.count.multipliedReportingOverflow(by: positionCost)
    let useful = work.overflow ? threads : work.partialValue / Self.smallestShare
    return Swift.max(1, Swift.min(threads, useful, batch.rows))
  }

  private func prepare(_ count: Int, gradients: Bool) throws(MiniLMError) {
    while workers.count < count { workers.append(try model.makeWorker()) }
    while gradients, workerGradients.count < count {
      workerGradients.append(try GradientStore(layout: model.parameters.layout))
    }
  }

  /// The sum of the losses over the batch, of the positions from `first` on in each row.
  package func lossSum(of batch: Batch, from first: Int = 0) throws(MiniLMError) -> Double {
    try batch.check(vocabularySize: model.vocabularySize)
    let count = workerCount(for: batch)
    try prepare(count, gradients: false)
    let results = WorkerResults(count: count)
    model.beginPasses(withBackward: false, threads: count)
    defer { model.endPasses() }
    Parallel.run(count) { index in
      let rows = Parallel.share(index, of: batch.rows, shares: count)
      results.run(index) { () throws(MiniLMError) in
        try workers[index].lossSum(of: batch, rows: rows, from: first)
      }
    }
    return try results.total()
  }

  /// The mean loss over the batch; the gradient of `share` times it is in `gradients` until the next call,
  /// added to what is there where `adds` is true.
  package func lossAndGradients(
    of batch: Batch, share: Double = 1, noise: UInt64 = 0, adds: Bool = false
  ) throws(MiniLMError) -> Double {
    try batch.check(vocabularySize: model.vocabularySize)
    let count = workerCount(for: batch)
    try prepare(count, gradients: true)
    let scale = Float(share / Double(batch.count))
    let results = WorkerResults(count: workerGradients.count)
    model.beginPasses(withBackward: true, threads: count)
    defer { model.endPasses() }
    Parallel.run(workerGradients.count) { index in
      // A worker without rows this time still clears what it left last time; when gradients are added,
      // only the first worker's are of any batch before.
      if !adds || index > 0 { workerGradients[index].clear() }
      guard index < count else { return }
      let rows = Parallel.share(index, of: batch.rows, shares: count)
      results.run(index) { () throws(MiniLMError) in
        try workers[index].lossSum(
          of: batch, rows: rows, gradientScale: scale, noise: noise, into: workerGradients[index])
      }
      workerGradients[index].settle()
    }
    let total = try results.total()
    if count > 1 { addUp(count) }
    return total / Double(batch.count)
  }

  /// Adds the gradients of workers 1, 2, … to those of worker 0, each thread on its part of the
  /// arena.
  private func addUp(_ count: Int) {
    let target = workerGradients[0].values
    let ranges = workerGradients[1..<count].map(\.activeRanges)
    Parallel.run(count) { share in
      let part = Parallel.share(share, of: target.count, shares: count)
      for (other, ranges) in zip(workerGradients[1..<count], ranges) {
        for range in ranges where range.overlaps(part) {
          let range = range.clamped(to: part)
          // One layout; the parts of two threads do not overlap.
          unsafe Kernels.add(
            target.pointer(at: range), other.values.pointer(at: range), count: range.count)
        }
      }
    }
    for other in workerGradients[1..<count] { workerGradients[0].touchRows(of: other) }
  }
}

/// What each worker came to: a number or an error.
@safe
private final class WorkerResults: @unchecked Sendable {
  private let count: Int
  private let sums: PartialSums
  // Each place is written by one worker, and read when all are done.
  private let errors: UnsafeMutablePointer<MiniLMError?>

  init(count: Int) {
    self.count = count
    sums = PartialSums(count: count)
    unsafe errors = .allocate(capacity: count)
    unsafe errors.initialize(repeating: nil, count: count)
  }

  deinit {
    unsafe errors.deinitialize(count: count)
    unsafe errors.deallocate()
  }

  func run(_ index: Int, _ body: () throws(MiniLMError) -> Double) {
    do {
      sums.set(index, try body())
    } catch {
      precondition(index >= 0 && index < count)
      // In bounds by the line above.
      unsafe errors[index] = error
    }
  }

  /// The sum, or the first worker's error.
  func total() throws(MiniLMError) -> Double {
    for index in 0..<count {
      // In bounds.
      if let error = unsafe errors[index] { throw error }
    }
    return sums.total
  }
}
