import Foundation
import MiniLM
import Testing
import Tokenizers

/// What is known of small models on tinyshakespeare, character by character, the last tenth kept
/// for validation.
@Suite(
  .enabled(if: RealTexts.has("tinyshakespeare.txt"), Comment(rawValue: RealTexts.reason)))
struct TinyShakespeareTests {
  /// Counting pairs gives 2.45191 on the training text, to five digits: no table is better there.
  static let bound = 2.451905
  /// Counting with one added to every pair gives this on the validation text.
  static let validationOfCounts = 2.481889

  @Test func aTrainedBigramComesUpToTheBoundAndNotBelow() throws {
    let stream = try RealTexts.characters("tinyshakespeare.txt")
    #expect(stream.vocabularySize == 65)
    let (training, validation) = try stream.split(validationFraction: 0.1)
    #expect(training.count == 1_003_854 && validation.count == 111_540)

    let trainer = try Trainer(
      options: TrainingOptions(model: .bigram), training: training, validation: validation)
    let untrained = try #require(try trainer.evaluate())
    #expect(abs(untrained.loss - log(65.0)) < 0.8)
    let summary = try trainer.run()
    let trained = try #require(summary.evaluation)
    #expect(abs(trained.loss - Self.validationOfCounts) < 0.02)
    let onTraining = try Evaluation.evaluate(trainer.model, on: training, blockSize: 64)
    #expect(onTraining.predictions == 1_003_853)
    #expect(onTraining.loss >= Self.bound)
    #expect(onTraining.loss < Self.bound + 0.02)
  }

  @Test func aTableOfCountsHasTheLossesPublished() throws {
    let stream = try RealTexts.characters("tinyshakespeare.txt")
    let (training, validation) = try stream.split(validationFraction: 0.1)
    // One more than each pair's count: the logits are logarithms of these, whatever their sum.
    var counts = [Double](repeating: 1, count: 65 * 65)
    let ids = training.ids(in: 0..<training.count).map { Int($0.rawValue) }
    for (a, b) in zip(ids, ids.dropFirst()) { counts[a * 65 + b] += 1 }
    let model = try BigramModel(vocabularySize: 65)
    model.parameters.values.replace(at: 0, with: counts.map { Float(log($0)) })
    let onTraining = try Evaluation.evaluate(model, on: training, blockSize: 64)
    let onValidation = try Evaluation.evaluate(model, on: validation, blockSize: 64)
    #expect(abs(onTraining.loss - 2.454571) < 2e-6)
    #expect(abs(onValidation.loss - Self.validationOfCounts) < 2e-6)
    #expect(abs(onValidation.perplexity - 11.964) < 1e-3)
  }
}
