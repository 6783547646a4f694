import Foundation
import MiniLM
import TestSupport
import Testing
import Tokenizers

/// The GPT against finite differences and a scalar autograd of the naive version, and against PyTorch.
@Suite struct GPTTests {
  @Test(arguments: GPTReference.names)
  func logitsEqualPyTorch(_ name: String) throws {
    let reference = try GPTReference.named(name)
    let model = try reference.model()
    let ids = reference.rowsOfIDs.inputs.map { $0.map { TokenID(UInt32($0)) } }
    var ours: [Double] = []
    for row in ids {
      // Token by token through the cache.
      let predictor = try model.makePredictor()
      for id in row { ours += try predictor.logits(appending: [id]).map { Double($0) } }
    }
    let sampledLogits = stride(from: 0, to: ours.count, by: reference.step).map { ours[$0] }
    #expect(sampledLogits.count == reference.logits.count)
    let worst = zip(sampledLogits, reference.logits).reduce(0) { max($0, abs($1.0 - $1.1)) }
    #expect(worst < 1e-5)
    // A whole row at once, which goes another way.
    let whole = try model.logits(after: ids[0])
    let v = model.vocabularySize
    let start = (reference.length - 1) * v
    let difference = zip(whole, ours[start..<start + v]).reduce(0) {
      max($0, abs(Double($1.0) - $1.1))
    }
    #expect(difference < 1e-5)
  }

  @Test(arguments: GPTReference.names, [1, 2])
  func lossAndGradientsEqualPyTorch(_ name: String, threads: Int) throws {
    let reference = try GPTReference.named(name)
    let model = try reference.model()
    let engine = GradientEngine(model: model, threads: threads)
    // Twice: what the first left behind would show.
    for _ in 0..<2 {
      let loss = try engine.lossAndGradients(of: try reference.batch())
      #expect(abs(loss - reference.loss) < 2e-6)
      let ours = sampled(engine.gradients.values, step: reference.step)
      #expect(ours.count == reference.gradients.count)
      let worst = zip(ours, reference.gradients).reduce(0) { max($0, abs($1.0 - $1.1)) }
      #expect(worst < 2e-6)
    }
    let lossAlone = try engine.lossSum(of: try reference.batch())
    #expect(abs(lossAlone / Double(reference.rows * reference.length) - reference.loss) < 2e-6)
  }

  @Test(arguments: GPTReference.names)
  func tenStepsOfAdamWEqualPyTorch(_ name: String) throws {
    let reference = try GPTReference.named(name)
    let model = try reference.model()
    let engine = GradientEngine(model: model, threads: 1)
    let optimizer = try OptimizerConfiguration.adamW(beta2: 0.99, weightDecay: 0.1).makeOptimizer(
      for: model.parameters.layout)
    for _ in 0..<10 {
      _ = try engine.lossAndGradients(of: try reference.batch())
      let scale = GradientStore.clippingScale(norm: engine.gradients.norm(), limit: 1)
      optimizer.step(
        model.parameters, engine.gradients, learningRate: 1e-3, gradientScale: scale, threads: 1)
    }
    let ours = sampled(model.parameters.values, step: reference.step)
    // A bias of keys adds the same to all scores of a query and changes nothing: its gradient is zero but for
    // rounding, of which Adam makes steps of full size.
    let c = model.configuration.width
    let keyBiases = model.parameters.layout.tensors.filter { $0.name.hasSuffix("c_attn.bias") }.map
    {
      $0.range.lowerBound + c..<$0.range.lowerBound + 2 * c
    }
    var compared = 0
    for (number, (a, b)) in zip(ours, reference.afterTenSteps).enumerated() {
      let index = number * reference.step
      if keyBiases.contains(where: { $0.contains(index) }) { continue }
      #expect(abs(a - b) < 2e-5, "\(name), parameter \(index)")
      compared += 1
    }
    #expect(compared >= ours.count - 2 * c)
    let loss = try engine.lossSum(of: try reference.batch())
    #expect(
      abs(loss / Double(reference.rows * reference.length) - reference.lossAfterTenSteps) < 2e-5)
  }

  @Test(arguments: GPTReference.small)
  func everyGradientEqualsFiniteDifferences(_ name: String) throws {
    let reference = try GPTReference.named(name)
    let model = try reference.model()
    let engine = GradientEngine(model: model, threads: 1)
    let loss = try engine.lossAndGradients(of: try reference.batch())
    let gradient = sampled(engine.gradients.values)
    let p = sampled(model.parameters.values)
    let (inputs, targets) = reference.rowsOfIDs
    #expect(abs(loss - reference.naive(p).loss(inputs, targets)) < 2e-6)
    let h = 1e-5
    // A third of them, every tensor among them: the rest is PyTorch's to compare.
    for index in stride(from: 0, to: p.count, by: 3) {
      var (up, down) = (p, p)
      up[index] += h
      down[index] -= h
      let difference =
        (reference.naive(up).loss(inputs, targets) - reference.naive(down).loss(inputs, targets))
        / (2 * h)
      #expect(abs(gradient[index] - difference) < 2e-6, "\(name), parameter \(index)")
    }
  }

  @Test(arguments: GPTReference.small)
  func gradientsEqualScalarAutograd(_ name: String) throws {
    let reference = try GPTReference.named(name)
    let model = try reference.model()
    let engine = GradientEngine(model: model, threads: 1)
    _ = try engine.lossAndGradients(of: try reference.batch())
    let p = sampled(model.parameters.values).map { Scalar($0) }
    let (inputs, targets) = reference.rowsOfIDs
    reference.naive(p).loss(inputs, targets).backward()
    for (index, ours) in sampled(engine.gradients.values).enumerated() {
      #expect(abs(ours - p[index].gradient) < 2e-6, "\(name), parameter \(index)")
    }
  }

  @Test func initializationIsGPT2s() throws {
    let configuration = ModelConfiguration(
      kind: .gpt, vocabularySize: 200, width: 48, contextLength: 32,
      transformer: TransformerShape(layers: 3, heads: 4))
    let model = try GPTModel(configuration)
    var random = RandomGenerator(seed: 9)
    model.initialize(&random)
    for tensor in model.parameters.layout.tensors {
      let values = model.parameters.values.values(in: tensor.range).map { Double($0) }
      let deviation = (values.reduce(0) { $0 + $1 * $1 } / Double(values.count)).squareRoot()
      if tensor.role == .vector {
        let expected: Float = tensor.name.hasSuffix("weight") ? 1 : 0
        #expect(values.allSatisfy { Float($0) == expected }, "\(tensor.name)")
      } else {
        let expected = tensor.name.hasSuffix("c_proj.weight") ? 0.02 / 6.0.squareRoot() : 0.02
        #expect(abs(deviation / expected - 1) < 0.05, "\(tensor.name)")
      }
    }
    let count = 200 * 48 + 32 * 48 + 3 * (12 * 48 * 48 + 13 * 48) + 2 * 48
    #expect(model.parameters.count == count && configuration.parameterCount == count)
  }

  @Test func croppingIsExact() throws {
    // Past its positions a model sees the last ones, from position 0.
    for name in ["GPT-2", "nanoGPT", "untied", "post-norm"] {
      let reference = try GPTReference.named(name)
      let model = try reference.model()
      let t = model.contextLength
      let plain: [Int] = (0..<3 * t).map { (3 * $0 + $0 / 4) % 7 }
      let ids = plain.map { TokenID(UInt32($0)) }
      let predictor = try model.makePredictor()
      let naive: NaiveGPT<Double> = reference.naive(sampled(model.parameters.values))
      for count in 1...ids.count {
        let ours = try predictor.logits(appending: [ids[count - 1]])
        let window = Array(plain[max(0, count - t)..<count])
        let expected: [Double] = try #require(naive.logits(window).last)
        let worst = zip(ours, expected).reduce(0) { max($0, abs(Double($1.0) - $1.1)) }
        #expect(worst < 1e-5, "\(name), \(count) tokens")
      }
      // Some at once, and again after a reset.
      predictor.reset()
      _ = try predictor.logits(appending: Array(ids[..<3]))
      let some = try predictor.logits(appending: Array(ids[3..<t - 1]))
      let expected: [Double] = try #require(naive.logits(Array(plain[..<(t - 1)])).last)
      #expect(zip(some, expected).allSatisfy { abs(Double($0) - $1) < 1e-5 })
    }
  }

  @Test func dropoutIsTheSameForAnyThreadsAndKeepsTheMean() throws {
    var configuration = try GPTReference.named("large").configuration
    configuration.transformer.dropout = 0.3
    let model = try GPTModel(configuration)
    var random = RandomGenerator(seed: 4)
    model.initialize(&random)
    let batch = try GPTReference.named("large").batch()
    func gradients(_ threads: Int, _ noise: UInt64) throws -> [Double] {
      let engine = GradientEngine(model: model, threads: threads)
      _ = try engine.lossAndGradients(of: batch, noise: noise)
      return sampled(engine.gradients.values)
    }
    let one = try gradients(1, 5)
    let two = try gradients(2, 5)
    #expect(zip(one, two).allSatisfy { abs($0 - $1) < 1e-6 })
    #expect(one != (try gradients(1, 6)))
    // Nothing is dropped in evaluation: that is the loss of the model without dropout.
    let engine = GradientEngine(model: model, threads: 1)
    let evaluated = try engine.lossSum(of: batch)
    var plainConfiguration = configuration
    plainConfiguration.transformer.dropout = 0
    let plain = try GPTModel(plainConfiguration)
    plain.parameters.values.replace(
      at: 0, with: model.parameters.values.values(in: 0..<model.parameters.count))
    #expect(evaluated == (try GradientEngine(model: plain, threads: 1).lossSum(of: batch)))
  }

  /// With dropout the loss is still a function of the parameters, whose derivative is the gradient.
  @Test func gradientsWithDropoutEqualFiniteDifferences() throws {
    for name in ["GPT-2", "post-norm"] {
      let reference = try GPTReference.named(name)
      var configuration = reference.configuration
      configuration.transformer.dropout = 0.25
      let model = try GPTModel(configuration)
      model.parameters.values.replace(
        at: 0,
        with: try reference.model().parameters.values.values(in: 0..<model.parameters.count))
      let engine = GradientEngine(model: model, threads: 1)
      let batch = try reference.batch()
      _ = try engine.lossAndGradients(of: batch, noise: 77)
      let gradient = sampled(engine.gradients.values)
      // Single precision: a coarse step, and a coarse comparison.
      let h: Float = 1 / 512
      var worst = 0.0
      for index in stride(from: 0, to: gradient.count, by: 7) {
        let before = model.parameters.values[index]
        model.parameters.values[index] = before + h
        let up = try engine.lossAndGradients(of: batch, noise: 77)
        model.parameters.values[index] = before - h
        let down = try engine.lossAndGradients(of: batch, noise: 77)
        model.parameters.values[index] = before
        worst = max(worst, abs(gradient[index] - (up - down) / Double(2 * h)))
      }
      #expect(worst < 3e-3, "\(name)")
    }
  }

  @Test func shapesThatMakeNoSenseAreRefused() {
    let changes: [(inout ModelConfiguration) -> Void] = [
      { $0.transformer.layers = 0 }, { $0.transformer.heads = 0 }, { $0.transformer.heads = 3 },
      { $0.transformer.feedForwardWidth = 0 }, { $0.transformer.dropout = 1 },
      { $0.transformer.epsilon = 0 }, { $0.contextLength = 0 }, { $0.width = 1 << 20 },
    ]
    for change in changes {
      var configuration = ModelConfiguration(kind: .gpt, vocabularySize: 9, width: 8)
      change(&configuration)
      #expect(throws: MiniLMError.self) { try GPTModel(configuration) }
    }
  }
}
