internal import Tokenizers

/// How windows of T tokens are taken from a stream.
public enum WindowSampling: Equatable, Sendable {
  /// One after the other, from the start: stride T, in order, an incomplete last batch dropped.
  case contiguous
  /// Each start drawn anew, as nanoGPT's.
  case random
  /// A window at every multiple of `stride`; shuffled anew for each epoch or in order; a last batch
  /// with fewer rows dropped or given.
  case sliding(stride: Int, shuffle: Bool, dropLast: Bool)
}

/// Batches of windows with their targets shifted by one, without end.
///
///     var loader = try BatchLoader(
///       stream, batchSize: 8, length: 4,
///       sampling: .sliding(stride: 4, shuffle: false, dropLast: true),
///       random: RandomGenerator(seed: 1))
///     let batch = loader.next()
///
/// A window at i is tokens i ..< i + T with targets i + 1 ... i + T: the last start is count − T −
/// 1.
public struct BatchLoader: Sendable {
  /// What a loader goes on from: save it with the model to continue a run.
  public struct State: Equatable, Sendable {
    /// Epochs finished.
    public var epoch = 0
    /// Windows given in this epoch.
    public var position = 0
    /// The generator: before this epoch's shuffle, or now where windows are random.
    public var random: RandomGenerator
  }

  /// B: rows of a batch.
  public let batchSize: Int
  /// T: positions of a row.
  public let length: Int
  /// How many windows an epoch has; for random windows, how many starts there are.
  public let windowCount: Int
  /// Where it is.
  public private(set) var state: State

  private let stream: TokenStream
  private let sampling: WindowSampling
  private let stride: Int
  private let shuffles: Bool
  private let dropsLast: Bool
  /// This epoch's order of windows, where they are shuffled.
  private var order: [Int32] = []
  /// The generator after that order was drawn: the next epoch's beginning.
  private var afterShuffle: RandomGenerator

  /// A loader at the start of its first epoch.
  public init(
    _ stream: TokenStream, batchSize: Int, length: Int, sampling: WindowSampling,
    random: RandomGenerator
  ) throws(MiniLMError) {
    guard batchSize > 0 else {
      throw .invalidOption(name: "batch size", value: "\(batchSize)", expected: "1 or more")
    }
    guard length > 0 else {
      throw .invalidOption(name: "block size", value: "\(length)", expected: "1 or more")
    }
    guard !batchSize.multipliedReportingOverflow(by: length).overflow,
      batchSize * length <= Int(Int32.max)
    else {
      throw .invalidOption(
        name: "batch size times block size", value: "\(batchSize) × \(length)",
        expected: "at most \(Int32.max) tokens")
    }
    guard stream.count > length else {
      throw .corpusTooShort(
        part: "the training text", tokens: stream.count, needed: length + 1,
        advice: "use a longer text or a smaller block size")
    }
    switch sampling {
    case .contiguous: (stride, shuffles, dropsLast) = (length, false, true)
    case .random: (stride, shuffles, dropsLast) = (1, false, true)
    case .sliding(let stride, let shuffle, let dropLast):
      guard stride > 0 else {
        throw .invalidOption(name: "stride", value: "\(stride)", expected: "1 or more")
      }
      (self.stride, shuffles, dropsLast) = (stride, shuffle, dropLast)
    }
    windowCount = (stream.count - length - 1) / stride + 1
    if sampling != .random {
      guard !dropsLast || windowCount >= batchSize else {
        // The last window of the batch starts at (B − 1)·stride.
        throw .corpusTooShort(
          part: "the training text", tokens: stream.count,
          needed: (batchSize - 1).multipliedReportingOverflow(by: stride).partialValue + length + 1,
          advice: "with \(windowCount) windows and batches of \(batchSize) no batch would be "
            + "complete; use a smaller batch size")
      }
      guard !shuffles || windowCount <= Int(Int32.max) else {
        throw .invalidOption(
          name: "stride", value: "\(stride)", expected: "one that leaves fewer windows to shuffle")
      }
    }
    self.stream = stream
    self.batchSize = batchSize
    self.length = length
    self.sampling = sampling
    self.state = State(random: random)
    self.afterShuffle = random
    startEpoch()
  }

  /// How many batches an epoch has; nil for random windows, which have no epochs.
  public var batchesPerEpoch: Int? {
    if sampling == .random { return nil }
    return dropsLast ? windowCount / batchSize : (windowCount + batchSize - 1) / batchSize
  }

  /// Goes on from a saved state; one that does not fit this stream is refused with false.
  public mutating func restore(_ saved: State) -> Bool {
    guard saved.epoch >= 0, saved.position >= 0, saved.position <= windowCount else { return false }
    state = saved
    // The state holds the generator before the shuffle, so the same order comes out.
    startEpoch()
    return true
  }

  /// The next batch.
  public mutating func next() -> Batch {
    var inputs: [TokenID] = []
    var targets: [TokenID] = []
    inputs.reserveCapacity(batchSize * length)
    targets.reserveCapacity(batchSize * length)
    var rows = 0
    func take(_ start: Int) {
      stream.append(start..<start + length, to: &inputs)
      stream.append(start + 1..<start + length + 1, to: &targets)
      rows += 1
    }
    if sampling == .random {
      for _ in 0..<batchSize { take(state.random.integer(below: windowCount)) }
    } else {
      let remaining = windowCount - state.position
      if remaining == 0 || (dropsLast && remaining < batchSize) { endEpoch() }
      let end = Swift.min(state.position + batchSize, windowCount)
      for index in state.position..<end {
        take((shuffles ? Int(order[index]) : index) * stride)
      }
      state.position = end
    }
    do {
      return try Batch(rows: rows, length: length, inputs: inputs, targets: targets)
    } catch {
      // `take` gives every row `length` inputs and targets, and there is at least one row.
      preconditionFailure("\(error)")
    }
  }

  private mutating func endEpoch() {
    if shuffles { state.random = afterShuffle }
    state.epoch += 1
    state.position = 0
    startEpoch()
  }

  private mutating func startEpoch() {
    guard shuffles else { return }
    order = [Int32](0..<Int32(windowCount))
    afterShuffle = state.random
    afterShuffle.shuffle(&order)
  }
}
