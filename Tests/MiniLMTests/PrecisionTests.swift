import Foundation
import MiniLM
import Testing
import Tokenizers

/// Products of bfloat16 against those of rounded operands in double precision.
@Suite(
  .enabled(
    if: MatMul.available.contains(.vectors) && MatMul.has(.bfloat16),
    "this processor has no products of bfloat16, or other products were asked for"))
struct BFloat16ProductTests {
  private func matrix(_ count: Int, _ random: inout RandomGenerator) -> [Float] {
    (0..<count).map { _ in Float(random.normal()) }
  }

  /// To the nearest number of eight significant bits, ties to even, by arithmetic on the significand.
  private func rounded(_ x: Float) -> Float {
    if x == 0 { return 0 }
    let exponent = Double(x).exponent
    let unit = Double(sign: .plus, exponent: exponent - 7, significand: 1)
    return Float((Double(x) / unit).rounded(.toNearestOrEven) * unit)
  }

  private func product(
    _ a: [Float], transposeA: Bool = false, _ b: [Float], transposeB: Bool = false,
    addedTo sum: [Float]? = nil, m: Int, n: Int, k: Int, packsB: Bool = false
  ) -> [Float] {
    MatMul.product(
      a, transposeA: transposeA, b, transposeB: transposeB, addedTo: sum, m: m, n: n, k: k,
      precision: .bfloat16, engine: .vectors, packsB: packsB)
  }

  /// Sizes around pairs of k, vectors (16), panels (48), blocks (8 rows, 256 k) and the part of A that is held as
  /// pairs (2048 rows of 64 k, 1024 of 128, 512 of 256), in every form; packed or not, the bits are the same.
  @Test(arguments: [
    (1, 1, 1), (2, 3, 4), (7, 5, 3), (16, 16, 32), (17, 31, 33), (48, 65, 16), (33, 17, 385),
    (5, 130, 48), (130, 5, 800), (40, 400, 31), (400, 33, 40), (1100, 18, 128), (530, 7, 250),
    (9, 49, 257), (13, 15, 512),
  ])
  func operandsAreRoundedAndNothingElse(_ size: (Int, Int, Int)) {
    let (m, n, k) = size
    var random = RandomGenerator(seed: 21)
    let (a, b, c) = (matrix(m * k, &random), matrix(k * n, &random), matrix(m * n, &random))
    let (left, right) = (a.map(rounded), b.map(rounded))
    for form in 0..<8 {
      let (transposeA, transposeB, adds) = (form & 1 != 0, form & 2 != 0, form & 4 != 0)
      func product(packsB: Bool) -> [Float] {
        self.product(
          a, transposeA: transposeA, b, transposeB: transposeB, addedTo: adds ? c : nil, m: m, n: n,
          k: k, packsB: packsB)
      }
      let ours = product(packsB: false)
      let shape = ProductCase(
        m: m, n: n, k: k, transposeA: transposeA, transposeB: transposeB, adds: adds)
      let errors = ProductErrors(of: ours, left, right, c, shape)
      #expect(errors.worst < shape.bound, "form \(form)")
      #expect(product(packsB: true).map(\.bitPattern) == ours.map(\.bitPattern), "form \(form)")
    }
  }

  /// Halfway between two numbers of eight bits: 1 + 1/256 goes down to 1, 1 + 3/256 up to 1 + 4/256.
  @Test func tiesGoToEven() {
    for (x, expected) in [
      (1 + Float(1) / 256, Float(1)), (1 + Float(3) / 256, 1 + Float(4) / 256),
      (-1 - Float(3) / 256, -1 - Float(4) / 256), (1 + Float(1.01) / 256, 1 + Float(2) / 256),
    ] {
      #expect(product([x], [1], m: 1, n: 1, k: 1) == [expected])
      #expect(product([1], [x], m: 1, n: 1, k: 1) == [expected])
    }
  }

  /// What is not finite reaches the row or the column it stands in and no other, from either half of a pair.
  @Test(arguments: [Float.infinity, -.infinity, .nan, Float(bitPattern: 0x7FFF_FFFF)], [12, 13])
  func whatIsNotFiniteShows(_ odd: Float, _ place: Int) {
    var random = RandomGenerator(seed: 22)
    let (a, b) = (matrix(11 * 30, &random), matrix(30 * 65, &random))
    for (i, j) in [(0, 0), (10, 64), (7, 47), (8, 48)] {
      var (left, right) = (a, b)
      left[i * 30 + place] = odd
      right[place * 65 + j] = odd
      let rows = product(left, b, m: 11, n: 65, k: 30)
      let columns = product(a, right, m: 11, n: 65, k: 30)
      for at in 0..<11 * 65 {
        #expect(rows[at].isFinite == (at / 65 != i))
        #expect(columns[at].isFinite == (at % 65 != j))
      }
    }
  }

  /// The greatest float has no neighbour in eight bits; what is denormal counts as 0.
  @Test func overflowAndDenormals() {
    #expect(
      product([.greatestFiniteMagnitude], [1], m: 1, n: 1, k: 1) == [.infinity])
    let denormal = Float.leastNormalMagnitude / 8
    #expect(product([denormal, 1], [1, 1], m: 1, n: 1, k: 2) == [1])
  }
}

/// What training does with a precision.
@Suite struct PrecisionTests {
  private func options(_ kind: ModelKind, _ precision: Precision) -> TrainingOptions {
    var options = TrainingOptions(model: kind)
    (options.width, options.steps, options.batchSize, options.blockSize) = (32, 60, 8, 16)
    options.evaluationInterval = 30
    options.schedule.warmupSteps = 5
    options.precision = precision
    return options
  }

  private func trained(_ options: TrainingOptions) throws -> (Trainer, Double) {
    let trainer = try Trainer(
      options: options, corpus: try syntheticStream(3000, vocabularySize: 40))
    return (trainer, try #require(try trainer.run().evaluation).loss)
  }

  /// Rounded operands are another run; it ends near the one of float32. Where there are none it is the same run.
  @Test(arguments: [ModelKind.gpt, .minilm])
  func bfloat16TrainsAsWell(_ kind: ModelKind) throws {
    let (exact, exactLoss) = try trained(options(kind, .float32))
    let (rounded, roundedLoss) = try trained(options(kind, .bfloat16))
    #expect((bits(exact.model) == bits(rounded.model)) == !MatMul.has(.bfloat16))
    #expect(abs(exactLoss - roundedLoss) < 0.02)
    let (again, _) = try trained(options(kind, .bfloat16))
    #expect(bits(again.model) == bits(rounded.model))
  }

  /// A bigram has no products.
  @Test func aBigramIsTheSame() throws {
    let (exact, _) = try trained(options(.bigram, .float32))
    let (rounded, _) = try trained(options(.bigram, .bfloat16))
    #expect(bits(exact.model) == bits(rounded.model))
  }

  /// Gradients are about as far from float32's as those of PyTorch's autocast to bfloat16, which on these models are off by
  /// up to 0.047 of a tensor's norm ("large"), by 0.025 as the mean over tensors: half of that again is allowed, and twice
  /// as much for vectors, which are sums over positions that cancel (a bias of 32 numbers has 0.09 here, 0.047 there).
  @Test(arguments: GPTReference.names)
  func gradientsAreNearThoseOfFloat32(_ name: String) throws {
    let reference = try GPTReference.named(name)
    let model = try reference.model()
    let engine = GradientEngine(model: model, threads: 1)
    func gradients(_ precision: Precision) throws -> (loss: Double, values: [Float]) {
      model.use(precision)
      let loss = try engine.lossAndGradients(of: try reference.batch())
      return (loss, engine.gradients.values.values(in: 0..<engine.gradients.values.count))
    }
    let exact = try gradients(.float32)
    let rounded = try gradients(.bfloat16)
    #expect(abs(exact.loss - rounded.loss) < 0.01)
    #expect((exact.values == rounded.values) == !MatMul.has(.bfloat16))
    var sum = 0.0
    for tensor in model.parameters.layout.tensors {
      let (difference, size) = tensor.range.reduce(into: (0.0, 0.0)) {
        let (x, y) = (Double(exact.values[$1]), Double(rounded.values[$1]))
        $0.0 += (x - y) * (x - y)
        $0.1 += x * x
      }
      let error = difference.squareRoot() / (size.squareRoot() + 1e-12)
      #expect(error <= (tensor.role == .vector ? 0.14 : 0.07), "\(tensor.name)")
      sum += error
    }
    #expect(sum / Double(model.parameters.layout.tensors.count) < 0.0375)
    // And back: what was packed for the other is not read.
    #expect(try gradients(.float32).values == exact.values)
  }

  /// Engines without products of bfloat16 make those of float32.
  @Test func otherEnginesStayExact() {
    var random = RandomGenerator(seed: 23)
    let (a, b) = (
      (0..<90).map { _ in Float(random.normal()) }, (0..<90).map { _ in Float(random.normal()) }
    )
    for engine in MatMul.available where engine != .vectors {
      func product(_ precision: Precision) -> [Float] {
        MatMul.product(a, b, m: 9, n: 9, k: 10, precision: precision, engine: engine)
      }
      #expect(product(.bfloat16) == product(.float32))
    }
  }
}
