import Foundation
import MiniLM
import TestSupport
import Testing
import Tokenizers

/// Gradients, three ways: finite differences in double precision, a scalar autograd, and PyTorch.
@Suite struct GradientTests {
  static let models = ["bigram", "minilm", "minilm without bias"]

  private func model(_ name: String) throws -> any LanguageModel {
    switch name {
    case "bigram": try SmallCase.bigram()
    case "minilm": try SmallCase.miniLM()
    default: try SmallCase.miniLM(bias: false)
    }
  }

  /// The mean loss written down plainly in double precision, for parameters `p` of `model`.
  private func plainLoss(_ model: any LanguageModel, _ p: [Double]) -> Double {
    let v = model.vocabularySize
    let c = model.configuration.width
    var total = 0.0
    for (input, target) in zip(SmallCase.ids, SmallCase.next) {
      let (i, t) = (Int(input.rawValue), Int(target.rawValue))
      let logits: [Double] = (0..<v).map { j in
        if model is BigramModel { return p[i * v + j] }
        let bias = model.configuration.bias ? p[2 * v * c + j] : 0
        return (0..<c).reduce(bias) { $0 + p[i * c + $1] * p[v * c + $1 * v + j] }
      }
      total += log(logits.reduce(0) { $0 + exp($1) }) - logits[t]
    }
    return total / Double(SmallCase.ids.count)
  }

  private func gradient(_ model: any LanguageModel, threads: Int = 1) throws -> (Double, [Double]) {
    let engine = GradientEngine(model: model, threads: threads)
    let loss = try engine.lossAndGradients(of: try SmallCase.batch())
    let values = engine.gradients.values
    return (loss, values.values(in: 0..<values.count).map { Double($0) })
  }

  @Test(arguments: models)
  func everyGradientEqualsFiniteDifferences(_ name: String) throws {
    let model = try model(name)
    let (loss, gradient) = try gradient(model)
    let p = model.parameters.values.values(in: 0..<model.parameters.count).map { Double($0) }
    #expect(abs(loss - plainLoss(model, p)) < 1e-6)
    let h = 1e-5
    for index in p.indices {
      var (up, down) = (p, p)
      up[index] += h
      down[index] -= h
      let difference = (plainLoss(model, up) - plainLoss(model, down)) / (2 * h)
      #expect(abs(gradient[index] - difference) < 2e-7, "\(name), parameter \(index)")
    }
  }

  @Test func miniLMEqualsScalarAutograd() throws {
    let model = try SmallCase.miniLM()
    let (v, c) = (7, 3)
    let p = model.parameters.values.values(in: 0..<model.parameters.count).map {
      Scalar(Double($0))
    }
    let losses = zip(SmallCase.ids, SmallCase.next).map { input, target -> Scalar in
      let i = Int(input.rawValue)
      let logits = (0..<v).map { j in
        Scalar.sum((0..<c).map { p[i * c + $0] * p[v * c + $0 * v + j] }) + p[2 * v * c + j]
      }
      let sum = Scalar.sum(logits.map { $0.map(exp, derivative: exp) })
      return sum.map(log) { 1 / $0 } - logits[Int(target.rawValue)]
    }
    let mean = Scalar.sum(losses) / Scalar(Double(losses.count))
    mean.backward()
    let (loss, gradient) = try gradient(model)
    #expect(abs(loss - mean.value) < 1e-6)
    for index in p.indices {
      #expect(abs(gradient[index] - p[index].gradient) < 1e-7, "parameter \(index)")
    }
  }

  @Test func scalarAutogradKnowsItsRules() {
    let (x, y) = (Scalar(3), Scalar(-2))
    let z = x * x * y + x / y - y
    z.backward()
    #expect(abs(x.gradient - (2 * 3 * -2 + 1 / -2.0)) < 1e-12)
    #expect(abs(y.gradient - (9 - 3 / 4.0 - 1)) < 1e-12)
  }

  @Test func miniLMEqualsPyTorch() throws {
    let (loss, gradient) = try gradient(try SmallCase.miniLM())
    let expected = [
      TorchReference.embeddingGradient, TorchReference.projectionGradient,
      TorchReference.biasGradient,
    ].flatMap { $0.flatMap { $0 } }
    #expect(abs(loss - TorchReference.miniLMLoss) < 1e-6)
    #expect(gradient.count == expected.count)
    for (ours, theirs) in zip(gradient, expected) { #expect(abs(ours - theirs) < 2e-7) }
  }

  @Test func bigramEqualsPyTorch() throws {
    let (loss, gradient) = try gradient(try SmallCase.bigram())
    #expect(abs(loss - TorchReference.bigramLoss) < 1e-6)
    for (ours, theirs) in zip(gradient, TorchReference.tableGradient.flatMap { $0 }) {
      #expect(abs(ours - theirs) < 2e-7)
    }
  }

  /// 768 positions of a vocabulary of 512 are enough work to be split.
  @Test(arguments: [ModelKind.bigram, .minilm])
  func workersTogetherGiveTheGradientOfOne(_ kind: ModelKind) throws {
    let configuration = ModelConfiguration(kind: kind, vocabularySize: 512, width: 8)
    let model = try configuration.makeModel()
    var random = RandomGenerator(seed: 2)
    model.initialize(&random)
    let stream = try syntheticStream(2000, vocabularySize: 512)
    var loader = try BatchLoader(
      stream, batchSize: 48, length: 16, sampling: .random, random: random)
    let one = GradientEngine(model: model, threads: 1)
    let three = GradientEngine(model: model, threads: 3)
    // Twice, so that what the first batch left behind would show.
    for _ in 0..<2 {
      let batch = loader.next()
      let a = try one.lossAndGradients(of: batch)
      let b = try three.lossAndGradients(of: batch)
      #expect(abs(a - b) < 1e-9)
      #expect(one.gradients.activeRanges == three.gradients.activeRanges)
      #expect(abs(one.gradients.norm() - three.gradients.norm(threads: 3)) < 1e-6)
      let range = 0..<model.parameters.count
      let (x, y) = (
        one.gradients.values.values(in: range), three.gradients.values.values(in: range)
      )
      let worst = zip(x, y).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
      #expect(worst < 1e-7)
    }
  }

  @Test func gradientsOutsideTheBatchStayZeroAndUntouched() throws {
    let engine = GradientEngine(model: try BigramModel(vocabularySize: 7), threads: 1)
    _ = try engine.lossAndGradients(
      of: try Batch(rows: 1, length: 3, inputs: [2, 3, 5], targets: [0, 1, 2]))
    #expect(engine.gradients.activeRanges == [14..<28, 35..<42])
    engine.gradients.clear()
    #expect(engine.gradients.activeRanges == [])
    #expect(engine.gradients.values.values(in: 0..<49).allSatisfy { $0 == 0 })
  }

  @Test func badBatchesAreRefused() throws {
    #expect(throws: MiniLMError.self) {
      try Batch(rows: 2, length: 3, inputs: [1, 2, 3], targets: [1, 2, 3])
    }
    let engine = GradientEngine(model: try SmallCase.bigram(), threads: 1)
    #expect(throws: MiniLMError.tokenOutOfRange(id: 7, position: 1, vocabularySize: 7)) {
      try engine.lossSum(of: Batch(rows: 1, length: 2, inputs: [0, 7], targets: [0, 0]))
    }
  }
}
