import Foundation
import MiniLM
import TestSupport
import Testing
import Tokenizers

/// Texts sampled side by side against the same texts one by one: equal to the bit.
@Suite struct SideBySideTests {
  private func numbers(_ count: Int, _ random: inout RandomGenerator) -> [Float] {
    (0..<count).map { _ in Float(random.normal()) }
  }

  @Test(arguments: 0..<Kernels.levelCount)
  func aRowDoesNotDependOnItsNeighbours(level: Int) {
    var random = RandomGenerator(seed: 5)
    for (count, inputs, outputs) in [
      (2, 8, 16), (3, 9, 17), (1, 7, 5), (5, 64, 48), (16, 31, 33), (7, 1, 1), (4, 130, 100),
    ] {
      let (x, w) = (numbers(count * inputs, &random), numbers(inputs * outputs, &random))
      for bias in [nil, numbers(outputs, &random)] {
        let all = Kernels.vectorsMatrix(
          x, w, bias, count: count, inputs: inputs, outputs: outputs, level: level)
        for n in 0..<count {
          let row = Array(x[n * inputs..<(n + 1) * inputs])
          let alone = Kernels.vectorsMatrix(
            row, w, bias, count: 1, inputs: inputs, outputs: outputs, level: level)
          #expect(Array(all[n * outputs..<(n + 1) * outputs]) == alone)
          for j in 0..<outputs {
            var (sum, size) = (Double(bias?[j] ?? 0), 1.0)
            for i in 0..<inputs {
              sum += Double(row[i]) * Double(w[i * outputs + j])
              size += abs(Double(row[i]) * Double(w[i * outputs + j]))
            }
            #expect(abs(Double(alone[j]) - sum) < 1e-6 * size)
          }
        }
      }
    }
  }

  /// Against the formula in double precision.
  @Test(arguments: 0..<Kernels.levelCount)
  func attentionPositionByPosition(level: Int) {
    var random = RandomGenerator(seed: 6)
    for (heads, d, t) in [
      (1, 1, 1), (2, 3, 5), (4, 32, 64), (1, 16, 130), (3, 17, 33), (2, 40, 80),
    ] {
      let c = heads * d
      let scale = 1 / Float(d).squareRoot()
      let qkv = numbers(3 * c * t, &random)
      let ours = Kernels.attention(
        qkv, heads: heads, headWidth: d, length: t, scale: scale, level: level)
      func number(_ position: Int, _ part: Int, _ head: Int, _ i: Int) -> Double {
        Double(qkv[(position * 3 + part) * c + head * d + i])
      }
      for position in 0..<t {
        for head in 0..<heads {
          let scores = (0...position).map { other in
            (0..<d).reduce(0) { $0 + number(position, 0, head, $1) * number(other, 1, head, $1) }
          }
          let largest = scores.max() ?? 0
          let weights = scores.map { exp(Double(scale) * ($0 - largest)) }
          let sum = weights.reduce(0, +)
          for i in 0..<d {
            let expected = (0...position).reduce(0) { $0 + weights[$1] * number($1, 2, head, i) }
            let difference = abs(Double(ours[position * c + head * d + i]) - expected / sum)
            #expect(difference < 2e-6, "\(heads) heads of \(d), position \(position)")
          }
        }
      }
    }
  }

  /// Prompts of one token, of a few, of many, and of a whole window; texts that leave early; windows cropped.
  @Test(arguments: GPTReference.names)
  func groupsPredictWhatPredictorsDo(_ name: String) throws {
    let model = try GPTReference.named(name).model()
    let (t, v) = (model.contextLength, model.vocabularySize)
    var random = RandomGenerator(seed: 8)
    func token() -> TokenID { TokenID(UInt32(random.integer(below: v))) }
    for length in Set([1, 2, Swift.min(t, 5), Swift.max(1, t - 1), t, t + 3]) {
      let prompt = (0..<length).map { _ in token() }
      let group = try model.makeGroupPredictor(count: 4)
      let alone = try (0..<4).map { _ in try model.makePredictor() }
      for _ in 0..<2 {
        let first = try group.begin(with: prompt)
        for predictor in alone {
          predictor.reset()
          #expect(try predictor.logits(appending: prompt) == first)
        }
        for step in 0..<t + 4 {
          let next = (0..<4).filter { step < 3 * $0 + 2 || $0 == 3 }.reversed().map {
            (text: $0, id: token())
          }
          let logits = try group.logits(appending: next)
          #expect(logits.count == next.count)
          for (ours, (text, id)) in zip(logits, next) {
            #expect(try alone[text].logits(appending: [id]) == ours, "\(name), step \(step)")
          }
        }
      }
      #expect(throws: MiniLMError.self) {
        try group.logits(appending: [(text: 0, id: TokenID(UInt32(v)))])
      }
    }
  }

  private func models() throws -> [any LanguageModel] {
    [
      try SmallCase.bigram(), try SmallCase.miniLM(), try GPTReference.named("GPT-2").model(),
      try GPTReference.named("large").model(),
    ]
  }

  @Test func textsAreThoseOfTheirSeeds() throws {
    for model in try models() {
      for sampler in [
        try Sampler(), try Sampler(temperature: 0), try Sampler(topK: 3, repetitionPenalty: 1.3),
      ] {
        // More than are side by side at once.
        let count = model.textsAtOnce + 3
        var randoms = (0..<count).map { RandomGenerator(seed: 40 + UInt64($0)) }
        var seen = [[TokenID]](repeating: [], count: count)
        let texts = try model.generate(after: [1, 2], count: 20, sampler: sampler, &randoms) {
          seen[$0].append($1)
          // Some end early.
          return seen[$0].count < 30 - $0
        }
        #expect(texts == seen)
        for text in 0..<count {
          var random = RandomGenerator(seed: 40 + UInt64(text))
          var left = 30 - text
          let alone = try model.generate(after: [1, 2], count: 20, sampler: sampler, &random) {
            _ in
            left -= 1
            return left > 0
          }
          #expect(alone == texts[text])
          #expect(random == randoms[text])
        }
      }
    }
  }

  @Test func noTextsAndNoTokens() throws {
    let model = try SmallCase.bigram()
    var none: [RandomGenerator] = []
    #expect(try model.generate(after: [1], count: 5, sampler: .greedy, &none) == [])
    var two = [RandomGenerator(seed: 1), RandomGenerator(seed: 2)]
    #expect(try model.generate(after: [1], count: 0, sampler: .greedy, &two) == [[], []])
    #expect(throws: MiniLMError.emptyPrompt) {
      try model.generate(after: [], count: 1, sampler: .greedy, &two)
    }
    #expect(throws: MiniLMError.self) {
      try model.generate(after: [9], count: 1, sampler: .greedy, &two)
    }
  }
}
