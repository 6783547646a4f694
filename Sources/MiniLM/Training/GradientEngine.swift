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
  /// Positions times vocabulary below which another worker is not worth its start.
  private static let smallestShare = 1 << 17

  package init(model: any LanguageModel, threads: Int) {
    self.model = model
    self.threads = threads
  }

  /// The gradients of the last batch.
  package var gradients: GradientStore { workerGradients[0] }

  /// How many workers a batch of this shape is split over: a matter of its shape alone.
  private func workerCount(for batch: Batch) -> Int {
    let work = batch.count.multipliedReportingOverflow(by: model.vocabularySize)
    let useful = work.overflow ? threads : work.partialValue / Self.smallestShare
    return Swift.max(1, Swift.min(threads, useful, batch.rows))
  }

  private func prepare(_ count: Int, gradients: Bool) throws(MiniLMError) {
    while workers.count < count { workers.append(try model.makeWorker()) }
    while gradients, workerGradients.count < count {
      workerGradients.append(try GradientStore(layout: model.parameters.layout))
    }
  }

  /// The sum of the losses over the batch.
  package func lossSum(of batch: Batch) throws(MiniLMError) -> Double {
    try batch.check(vocabularySize: model.vocabularySize)
    let count = workerCount(for: batch)
    try prepare(count, gradients: false)
    let sums = PartialSums(count: count)
    Parallel.run(count) { index in
      let rows = Parallel.share(index, of: batch.rows, shares: count)
      sums.set(index, workers[index].lossSum(of: batch, rows: rows))
    }
    return sums.total
  }

  /// The mean loss over the batch; its gradient is in `gradients` until the next call.
  package func lossAndGradients(of batch: Batch) throws(MiniLMError) -> Double {
    try batch.check(vocabularySize: model.vocabularySize)
    let count = workerCount(for: batch)
    try prepare(count, gradients: true)
    let scale = 1 / Float(batch.count)
    let sums = PartialSums(count: count)
    Parallel.run(workerGradients.count) { index in
      // A worker without rows this time still clears what it left last time.
      workerGradients[index].clear()
      guard index < count else { return }
      let rows = Parallel.share(index, of: batch.rows, shares: count)
      sums.set(
        index,
        workers[index].lossSum(
          of: batch, rows: rows, gradientScale: scale, into: workerGradients[index]))
    }
    if count > 1 { addUp(count) }
    return sums.total / Double(batch.count)
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
