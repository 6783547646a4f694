public import Tokenizers

/// A model that predicts the next token, whatever is inside it.
///
/// Training needs two things of it: parameters in one arena, and workers that turn rows of a batch
/// into a loss and gradients. Sampling needs one: the logits that follow a context.
public protocol LanguageModel: AnyObject, Sendable {
  /// Kind and sizes: what a checkpoint needs to build the model again.
  var configuration: ModelConfiguration { get }
  /// All that is trained.
  var parameters: ParameterStore { get }
  /// The most positions a prediction can look at; longer contexts count from their end.
  var contextLength: Int { get }
  /// Sets the parameters to their random beginning.
  func initialize(_ random: inout RandomGenerator)
  /// How exact the products of passes over batches are to be from here on, where the engine of products can; at first
  /// they are `float32`, and predictors' always are. Not while passes last.
  func use(_ precision: Precision)
  /// Called before workers pass over batches, spreading its work over `threads`; parameters then stay as they
  /// are until `endPasses`. `withBackward` where gradients will be wanted.
  func beginPasses(withBackward: Bool, threads: Int)
  /// Called after them.
  func endPasses()
  /// Scratch for one thread: what a forward and a backward pass write to.
  func makeWorker() throws(MiniLMError) -> any ModelWorker
  /// Something that gives logits for one text, token by token.
  func makePredictor() throws(MiniLMError) -> any Predictor
  /// The same for `count` texts that begin alike and grow side by side.
  func makeGroupPredictor(count: Int) throws(MiniLMError) -> any GroupPredictor
  /// How many texts may be side by side.
  var textsAtOnce: Int { get }
}

extension LanguageModel {
  /// Nothing: a model without products.
  public func use(_ precision: Precision) {}
  /// Nothing.
  public func beginPasses(withBackward: Bool, threads: Int) {}
  /// Nothing.
  public func endPasses() {}

  /// A predictor for each text.
  public func makeGroupPredictor(count: Int) throws(MiniLMError) -> any GroupPredictor {
    try SeparatePredictors(self, count: count)
  }

  /// Sixteen.
  public var textsAtOnce: Int { 16 }

  /// How many tokens the vocabulary has.
  public var vocabularySize: Int { configuration.vocabularySize }

  /// One logit for each token of the vocabulary, as what follows `context`, which has 1 or more
  /// ids.
  public func logits(after context: [TokenID]) throws(MiniLMError) -> [Float] {
    try makePredictor().logits(appending: context)
  }
}

/// What follows a text that grows.
///
///     let predictor = try model.makePredictor()
///     var logits = try predictor.logits(appending: prompt)
///     logits = try predictor.logits(appending: [next])
public protocol Predictor: AnyObject {
  /// One logit for each token of the vocabulary, as what follows all that it was given, `ids` last.
  ///
  /// Where that is more than the model looks at, the last tokens count.
  func logits(appending ids: [TokenID]) throws(MiniLMError) -> [Float]
  /// Forgets what it was given.
  func reset()
}

/// What follows several texts that begin alike, each to the bit as its own `Predictor` has it.
///
///     let group = try model.makeGroupPredictor(count: 2)
///     let first = try group.begin(with: prompt)
///     let logits = try group.logits(appending: [(text: 0, id: a), (text: 1, id: b)])
public protocol GroupPredictor: AnyObject {
  /// One logit for each token of the vocabulary, as what follows `prompt`, with which all texts begin; what
  /// they were given before is forgotten.
  func begin(with prompt: [TokenID]) throws(MiniLMError) -> [Float]
  /// For each text named, which takes one more token, the logits that follow it; no text is named twice.
  func logits(appending next: [(text: Int, id: TokenID)]) throws(MiniLMError) -> [[Float]]
}

/// The plain way, and the definition: a predictor for each text.
final class SeparatePredictors: GroupPredictor {
  private let predictors: [any Predictor]

  init(_ model: some LanguageModel, count: Int) throws(MiniLMError) {
    precondition(count > 0)
    var predictors: [any Predictor] = []
    for _ in 0..<count { predictors.append(try model.makePredictor()) }
    self.predictors = predictors
  }

  func begin(with prompt: [TokenID]) throws(MiniLMError) -> [Float] {
    var logits: [Float] = []
    for predictor in predictors {
      predictor.reset()
      logits = try predictor.logits(appending: prompt)
    }
    return logits
  }

  func logits(appending next: [(text: Int, id: TokenID)]) throws(MiniLMError) -> [[Float]] {
    var logits: [[Float]] = []
    for (text, id) in next { logits.append(try predictors[text].logits(appending: [id])) }
    return logits
  }
}

/// The predictor of a model that looks at one token.
final class LastTokenPredictor: Predictor {
  private let vocabularySize: Int
  private let logits: (Int) throws(MiniLMError) -> [Float]

  /// - Parameter logits: Those that follow a token, given as an index below the vocabulary's size.
  init(vocabularySize: Int, logits: @escaping (Int) throws(MiniLMError) -> [Float]) {
    self.vocabularySize = vocabularySize
    self.logits = logits
  }

  func logits(appending ids: [TokenID]) throws(MiniLMError) -> [Float] {
    try logits(try ids.lastID(vocabularySize: vocabularySize))
  }

  func reset() {}
}

/// Passes over rows of a batch, on one thread, with activations of its own.
///
/// The batch's ids are all less than the vocabulary's size (see `Batch.check(vocabularySize:)`).
public protocol ModelWorker: AnyObject {
  /// The sum of −ln p(target) over the positions from `first` on of these rows.
  func lossSum(of batch: Batch, rows: Range<Int>, from first: Int) throws(MiniLMError) -> Double
  /// The same over all positions, and the gradient of `gradientScale` times that sum added to `gradients`.
  ///
  /// `noise` is where dropout's chance comes from: another number for each batch, the same for all of its
  /// workers.
  func lossSum(
    of batch: Batch, rows: Range<Int>, gradientScale: Float, noise: UInt64,
    into gradients: GradientStore
  ) throws(MiniLMError) -> Double
}

/// Inputs and the tokens that follow them: B rows of T positions.
///
///     Batch(rows: 1, length: 3, inputs: [5, 6, 7], targets: [6, 7, 8])
public struct Batch: Equatable, Sendable {
  /// B: how many rows.
  public let rows: Int
  /// T: positions of a row.
  public let length: Int
  /// B·T ids, row by row.
  public let inputs: [TokenID]
  /// B·T ids: the one that follows each input.
  public let targets: [TokenID]

  /// A batch, once the arrays fit its shape.
  public init(rows: Int, length: Int, inputs: [TokenID], targets: [TokenID]) throws(MiniLMError) {
    guard rows > 0, length > 0, inputs.count == targets.count,
      inputs.count / length == rows, inputs.count % length == 0
    else {
      throw .badBatch(
        "\(rows) rows of \(length) with \(inputs.count) inputs and \(targets.count) targets")
    }
    self.rows = rows
    self.length = length
    self.inputs = inputs
    self.targets = targets
  }

  /// How many positions there are: B·T.
  public var count: Int { inputs.count }

  /// Throws unless every id is less than `vocabularySize`.
  public func check(vocabularySize: Int) throws(MiniLMError) {
    for ids in [inputs, targets] {
      var largest: UInt32 = 0
      for id in ids { largest = Swift.max(largest, id.rawValue) }
      if largest < vocabularySize { continue }
      if let position = ids.firstIndex(where: { $0.rawValue >= vocabularySize }) {
        throw .tokenOutOfRange(
          id: UInt64(ids[position].rawValue), position: position, vocabularySize: vocabularySize)
      }
    }
  }

  /// The same rows from position `first` on.
  func dropping(_ first: Int) -> Batch {
    func tail(_ ids: [TokenID]) -> [TokenID] {
      (0..<rows).flatMap { ids[$0 * length + first..<($0 + 1) * length] }
    }
    return Batch(uncheckedRows: rows, length: length - first, tail(inputs), tail(targets))
  }

  private init(
    uncheckedRows rows: Int, length: Int, _ inputs: [TokenID], _ targets: [TokenID]
  ) {
    (self.rows, self.length, self.inputs, self.targets) = (rows, length, inputs, targets)
  }

  /// Calls `body` with the inputs and targets of `rows` as plain integers, and how many they are.
  @unsafe
  func withPositions<Result>(
    of rows: Range<Int>,
    _ body: (UnsafePointer<UInt32>, UnsafePointer<UInt32>, Int) -> Result
  ) -> Result? {
    let positions = rows.lowerBound * length..<rows.upperBound * length
    precondition(positions.lowerBound >= 0 && positions.upperBound <= count)
    // A TokenID is laid out as its UInt32, and `positions` lies in both arrays.
    return unsafe inputs.withUnsafeBytes { inputs in
      unsafe targets.withUnsafeBytes { targets in
        guard let inputs = unsafe inputs.bindMemory(to: UInt32.self).baseAddress,
          let targets = unsafe targets.bindMemory(to: UInt32.self).baseAddress
        else { return nil }
        return unsafe body(
          inputs + positions.lowerBound, targets + positions.lowerBound, positions.count)
      }
    }
  }
}
