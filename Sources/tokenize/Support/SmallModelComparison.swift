import MiniLM
import Tokenizers

/// The same small model trained on the tokens of each tokenizer, for the same number of steps over the same
/// number of bytes: bits per byte say which vocabulary is better, and not only which is shorter.
///
/// A gpt of two layers of width 64. Nine tenths of the text are trained on, the rest is predicted. A window
/// is 256 bytes for every tokenizer, as many tokens as they make of it on average.
struct SmallModelComparison {
  private static let windowBytes = 256.0
  private static let batchSize = 8

  private let training: [UInt8]
  private let validation: [UInt8]
  private let invalidUTF8: InvalidUTF8Policy
  private let steps: Int
  private let seed: UInt64
  private let threads: Int

  init(
    text: [UInt8], invalidUTF8: InvalidUTF8Policy, steps: Int, seed: UInt64, threads: Int
  ) throws {
    // Cut before a character.
    var cut = text.count / 10 * 9
    while cut < text.count, cut > 0, text[cut] & 0xC0 == 0x80 { cut -= 1 }
    guard text.count - cut >= 1024 else {
      throw Failure(
        .badData,
        "the text has \(text.count) bytes; --lm trains a model on nine tenths of it and needs more than 10000"
      )
    }
    (training, validation) = (Array(text[..<cut]), Array(text[cut...]))
    (self.invalidUTF8, self.steps, self.seed, self.threads) = (invalidUTF8, steps, seed, threads)
  }

  /// The whole text as tokens has to be fitted to, by those that are.
  var whole: [UInt8] { training + validation }

  /// Bits for each byte of the last tenth, once a model has been trained on the rest.
  func bitsPerByte(_ tokenizer: Tokenizer) throws -> Double {
    let size = TokenCorpus.modelVocabularySize(tokenizer)
    func stream(_ bytes: [UInt8]) throws -> TokenStream {
      try TokenStream(
        try tokenizer.encode(
          bytes.span, options: EncodingOptions(invalidUTF8: invalidUTF8), threads: threads),
        vocabularySize: size)
    }
    let (train, test) = (try stream(training), try stream(validation))
    let bytesPerToken = Double(training.count) / Double(max(1, train.count))
    var options = TrainingOptions(model: .gpt)
    options.transformer = TransformerShape(layers: 2, heads: 4)
    (options.width, options.steps, options.seed, options.threads) = (64, steps, seed, threads)
    options.batchSize = Self.batchSize
    options.blockSize = max(
      4, min(Int((Self.windowBytes / bytesPerToken).rounded()), train.count - 1))
    options.schedule = LearningRateSchedule(
      .cosine, warmupSteps: min(steps, steps / 10 + 1), finalFraction: 0.1)
    options.learningRate = 3e-3
    options.evaluationInterval = steps
    let trainer = try Trainer(options: options, training: train, validation: test[0..<0])
    _ = try trainer.run()
    let evaluation = try Evaluation.evaluate(
      trainer.model, on: test, blockSize: options.blockSize,
      stride: max(1, options.blockSize / 2), threads: threads)
    return evaluation.bitsPerByte(
      bytesPerToken: Double(validation.count) / Double(test.count))
  }
}
