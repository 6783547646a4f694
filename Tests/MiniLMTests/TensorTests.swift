import Foundation
import MiniLM
import Testing

@Suite struct KernelTests {
  @Test func exponentialIsExactToTwoPartsInTenMillionAtEveryLevel() {
    let x = (0...100_000).map { Float(-87 + 175 * Double($0) / 100_000) }
    for level in 0..<Kernels.levelCount {
      let worst = zip(x, Kernels.exponentials(x, level: level)).reduce(0.0) { worst, pair in
        let exact = exp(Double(pair.0))
        return max(worst, abs(Double(pair.1) - exact) / exact)
      }
      #expect(worst < 2e-7, "level \(level)")
      let edges = Kernels.exponentials(
        [-.infinity, -88, 0, 89, .infinity, .nan], level: level)
      #expect(edges[0] == 0 && edges[1] == 0 && edges[2] == 1)
      #expect(edges[3] == .infinity && edges[4] == .infinity && edges[5].isNaN)
    }
  }

  @Test(arguments: [1, 2, 15, 16, 17, 65, 100])
  func crossEntropyEqualsItsDefinition(_ count: Int) {
    var random = RandomGenerator(seed: 4)
    let logits = (0..<count).map { _ in Float(random.normal() * 3) }
    let target = count / 2
    let sum = logits.reduce(0.0) { $0 + exp(Double($1)) }
    let expected = log(sum) - Double(logits[target])
    for level in 0..<Kernels.levelCount {
      #expect(abs(CrossEntropy.loss(logits, target: target, level: level) - expected) < 1e-6)
      // The same distances from the largest, far away from zero.
      let shifted = logits.map { $0 + 1e4 }
      let far = CrossEntropy.loss(shifted, target: target, level: level)
      #expect(abs(far - expected) < 1e-2)
    }
  }

  @Test func crossEntropyOfNaNIsNaN() {
    #expect(CrossEntropy.loss([0, .nan, 1], target: 0).isNaN)
    #expect(CrossEntropy.loss([0, .infinity, 1], target: 0).isNaN)
    #expect(CrossEntropy.loss([-1000, 1000], target: 0) == 2000)
  }

  /// For independent logits of deviation s the expected loss is ln V + s²/2: the logarithm of the
  /// mean of e^x is s²/2, and the target's logit is 0 on average.
  @Test(arguments: [0.0, 0.5, 1.0])
  func randomLogitsLoseAboutTheLogarithmOfV(_ deviation: Double) {
    var random = RandomGenerator(seed: 9)
    let (v, rows) = (1000, 400)
    var sum = 0.0
    for _ in 0..<rows {
      let logits = (0..<v).map { _ in Float(random.normal() * deviation) }
      sum += CrossEntropy.loss(logits, target: random.integer(below: v))
    }
    let expected = log(Double(v)) + deviation * deviation / 2
    // The target's logit has deviation s, the mean over 400 rows s/20: five of those.
    #expect(abs(sum / Double(rows) - expected) < 1e-4 + deviation / 20 * 5)
  }
}

@Suite struct RandomTests {
  @Test func numbersAreFixedForASeed() {
    // xoshiro256** from splitmix64(1337), worked out by a few lines of Python.
    var random = RandomGenerator(seed: 1337)
    let first = (0..<4).map { _ in random.next() }
    let expected: [UInt64] = [
      0xAD0AA0A04F822EDC, 0xD0815851CE885DEF,
      0xC70B17471E263E43, 0xEE4D7F13899DE194,
    ]
    #expect(first == expected)
    var other = RandomGenerator(seed: 1337, stream: 1)
    let another = other.next()
    #expect(another != first[0])
  }

  @Test func aSavedStateGoesOn() throws {
    var random = RandomGenerator(seed: 8)
    for _ in 0..<100 { _ = random.normal() }
    var again = try #require(RandomGenerator(state: random.state))
    let (a, b) = ((0..<50).map { _ in random.next() }, (0..<50).map { _ in again.next() })
    #expect(a == b)
    #expect(RandomGenerator(state: [0, 0, 0, 0]) == nil)
    #expect(RandomGenerator(state: [1, 2, 3]) == nil)
  }

  @Test func logarithmIsThatOfLibm() {
    for x in stride(from: 1e-6, through: 4, by: 0.0137) {
      let exact = log(x)
      #expect(abs(RandomGenerator.naturalLogarithm(x) - exact) <= 4e-16 * max(1, abs(exact)))
    }
    #expect(RandomGenerator.naturalLogarithm(1) == 0)
  }

  @Test func normalNumbersHaveTheirMoments() {
    var random = RandomGenerator(seed: 21)
    let count = 20_000
    let x = (0..<count).map { _ in random.normal() }
    let mean = x.reduce(0, +) / Double(count)
    let variance = x.reduce(0) { $0 + $1 * $1 } / Double(count) - mean * mean
    let within = Double(x.count { abs($0) < 1 }) / Double(count)
    // Deviations of these estimates: 0.007, 0.01, 0.0033; four of each.
    #expect(abs(mean) < 0.028)
    #expect(abs(variance - 1) < 0.04)
    #expect(abs(within - 0.6827) < 0.0132)
  }

  @Test(arguments: [1, 2, 3, 10, 1000])
  func integersAreEven(_ bound: Int) {
    var random = RandomGenerator(seed: 5)
    let draws = 200 * bound
    var counts = [Int](repeating: 0, count: bound)
    for _ in 0..<draws { counts[random.integer(below: bound)] += 1 }
    let chiSquare = counts.reduce(0.0) { $0 + pow(Double($1) - 200, 2) / 200 }
    // Mean bound − 1, deviation √(2(bound − 1)): five deviations.
    let freedom = Double(bound - 1)
    #expect(chiSquare <= freedom + 5 * (2 * freedom).squareRoot())
  }

  @Test func everyOrderIsAsLikely() {
    var random = RandomGenerator(seed: 6)
    var counts: [[Int]: Int] = [:]
    for _ in 0..<6000 {
      var items = [0, 1, 2]
      random.shuffle(&items)
      counts[items, default: 0] += 1
    }
    #expect(counts.count == 6)
    #expect(counts.values.allSatisfy { abs($0 - 1000) < 150 })
  }
}
