import Foundation
import MiniLM
import Testing
import Tokenizers

@Suite struct SamplingTests {
  private func ids(_ sampler: Sampler, _ logits: [Float]) throws -> Set<UInt32> {
    Set(try sampler.candidates(logits).list.map(\.id.rawValue))
  }

  /// 5,000 draws against the probabilities expected, by chi-square.
  private func check(_ sampler: Sampler, _ logits: [Float], _ expected: [Double]) throws {
    var random = RandomGenerator(seed: 77)
    var counts = [Double](repeating: 0, count: logits.count)
    let draws = 5000.0
    for _ in 0..<Int(draws) { counts[Int(try sampler.choose(logits, &random).rawValue)] += 1 }
    var chiSquare = 0.0
    for (count, p) in zip(counts, expected) {
      if p == 0 {
        #expect(count == 0)
      } else {
        chiSquare += pow(count - p * draws, 2) / (p * draws)
      }
    }
    // At most four degrees of freedom: above 18.5 once in a thousand times, and the seed is fixed.
    #expect(chiSquare < 18.5)
  }

  private let logits: [Float] = [1, 3, 0, 2, -1]

  private func softmax(_ logits: [Double]) -> [Double] {
    let sum = logits.reduce(0) { $0 + exp($1) }
    return logits.map { exp($0) / sum }
  }

  @Test func plainDrawsFollowTheSoftmax() throws {
    try check(try Sampler(), logits, softmax([1, 3, 0, 2, -1]))
  }

  @Test func temperatureDividesLogits() throws {
    try check(try Sampler(temperature: 0.5), logits, softmax([2, 6, 0, 4, -2]))
    try check(try Sampler(temperature: 2), logits, softmax([0.5, 1.5, 0, 1, -0.5]))
  }

  @Test func topKKeepsTheLikeliest() throws {
    let p = softmax([3, 2])
    try check(try Sampler(topK: 2), logits, [0, p[0], 0, p[1], 0])
    #expect(try ids(Sampler(topK: 1), logits) == [1])
    #expect(try ids(Sampler(topK: 99), logits) == [0, 1, 2, 3, 4])
    // Of equal logits the smaller ids stay.
    #expect(try ids(Sampler(topK: 2), [5, 5, 5, 5]) == [0, 1])
  }

  @Test func topKEqualsSorting() throws {
    var random = RandomGenerator(seed: 31)
    for _ in 0..<50 {
      let logits = (0..<40).map { _ in Float(random.integer(below: 15)) }
      let k = 1 + random.integer(below: 40)
      let sorted = logits.indices.sorted {
        logits[$0] != logits[$1] ? logits[$0] > logits[$1] : $0 < $1
      }
      #expect(try ids(Sampler(topK: k), logits) == Set(sorted.prefix(k).map { UInt32($0) }))
    }
  }

  @Test func topPKeepsTheNucleus() throws {
    // Probabilities 0.5, 0.25, 0.125, 0.125 of ids 2, 0, 1, 3.
    let logits = [log(0.25), log(0.125), log(0.5), log(0.125)].map { Float($0) }
    #expect(try ids(Sampler(topP: 0.4), logits) == [2])
    #expect(try ids(Sampler(topP: 0.6), logits) == [2, 0])
    #expect(try ids(Sampler(topP: 0.8), logits) == [2, 0, 1])
    #expect(try ids(Sampler(topP: 1), logits) == [0, 1, 2, 3])
    #expect(try ids(Sampler(topP: 1.5), logits) == [0, 1, 2, 3])
    #expect(try ids(Sampler(topP: 1e-9), logits) == [2])
    try check(try Sampler(topP: 0.6), logits, [1 / 3.0, 0, 2 / 3.0, 0])
  }

  @Test func topPEqualsSorting() throws {
    var random = RandomGenerator(seed: 32)
    for _ in 0..<50 {
      let logits = (0..<60).map { _ in Float(random.normal() * 3) }
      let mass = 0.01 + 0.98 * random.uniform()
      let p = softmax(logits.map { Double($0) })
      var sum = 0.0
      var expected: Set<UInt32> = []
      for index in p.indices.sorted(by: { p[$0] > p[$1] }) where sum < mass {
        expected.insert(UInt32(index))
        sum += p[index]
      }
      #expect(try ids(Sampler(topP: mass), logits) == expected)
    }
  }

  @Test func theThreeComposeInOrder() throws {
    // At temperature 0.5 the two best have e⁶ and e⁴: 0.881 and 0.119 of what top-k leaves.
    #expect(try ids(Sampler(temperature: 0.5, topK: 2, topP: 0.85), logits) == [1])
    #expect(try ids(Sampler(temperature: 0.5, topK: 2, topP: 0.9), logits) == [1, 3])
    #expect(try ids(Sampler(temperature: 5, topK: 2, topP: 0.85), logits) == [1, 3])
  }

  @Test func greedyTakesTheBestAndOfEqualOnesTheFirst() throws {
    var random = RandomGenerator(seed: 1)
    let before = random
    for sampler in [Sampler.greedy, try Sampler(temperature: 0, topK: 3)] {
      #expect(try sampler.choose([0, 7, 7, 1], &random) == 1)
      #expect(try sampler.choose([-.infinity, -5], &random) == 1)
    }
    #expect(random == before)
  }

  @Test func barredTokensNeverCome() throws {
    try check(try Sampler(), [0, -.infinity, 0, -.infinity], [0.5, 0, 0.5, 0])
    try check(
      try Sampler(temperature: 1e-300), [0, 1, 0, 3e38], [0, 0, 0, 1])
  }

  @Test func logitsWithoutAChoiceAreRefused() throws {
    var random = RandomGenerator(seed: 1)
    for bad in [[Float.nan, 1], [1, .infinity], [-.infinity, -.infinity], []] as [[Float]] {
      for sampler in [Sampler.greedy, try Sampler(topK: 2)] {
        #expect(throws: MiniLMError.self) { try sampler.choose(bad, &random) }
      }
    }
  }

  @Test func senselessSettingsAreRefused() {
    #expect(throws: MiniLMError.self) { try Sampler(temperature: -1) }
    #expect(throws: MiniLMError.self) { try Sampler(temperature: .nan) }
    #expect(throws: MiniLMError.self) { try Sampler(topK: 0) }
    #expect(throws: MiniLMError.self) { try Sampler(topP: 0) }
    #expect(throws: MiniLMError.self) { try Sampler(topP: .nan) }
  }

  @Test func generatingIsTheSameForASeedAndStopsWhenTold() throws {
    let model = try SmallCase.miniLM()
    func run(_ seed: UInt64) throws -> [TokenID] {
      var random = RandomGenerator(seed: seed)
      return try model.generate(after: [3], count: 40, sampler: try Sampler(), &random)
    }
    #expect(try run(5) == run(5))
    #expect(try run(5) != run(6))
    var random = RandomGenerator(seed: 5)
    var seen: [TokenID] = []
    let three = try model.generate(after: [0, 3], count: 40, sampler: try Sampler(), &random) {
      seen.append($0)
      return seen.count < 3
    }
    #expect(three == seen)
    #expect(three == Array(try run(5).prefix(3)))
  }

  @Test func badPromptsAreRefused() throws {
    let model = try SmallCase.bigram()
    var random = RandomGenerator(seed: 5)
    #expect(throws: MiniLMError.emptyPrompt) {
      try model.generate(after: [], count: 1, sampler: .greedy, &random)
    }
    #expect(throws: MiniLMError.tokenOutOfRange(id: 9, position: 0, vocabularySize: 7)) {
      try model.generate(after: [9, 1], count: 1, sampler: .greedy, &random)
    }
    #expect(throws: MiniLMError.self) {
      try model.generate(after: [1], count: -1, sampler: .greedy, &random)
    }
  }

  @Test func logitsAreThoseOfTheTable() throws {
    let model = try SmallCase.bigram()
    #expect(try model.logits(after: [0, 2]) == Array(smallWeights(7, 7, 1)[14..<21]))
  }
}
