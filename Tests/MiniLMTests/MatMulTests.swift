import Foundation
import MiniLM
import Testing

/// Products against sums in double precision.
@Suite struct MatMulTests {
  private func matrix(_ count: Int, _ random: inout RandomGenerator) -> [Float] {
    (0..<count).map { _ in Float(random.normal()) }
  }

  private func errors(
    _ engine: MatMul.Engine, _ a: [Float], _ b: [Float], _ c: [Float], _ shape: ProductCase,
    level: Int = Kernels.levelCount - 1
  ) -> ProductErrors {
    let product = MatMul.product(
      a, transposeA: shape.transposeA, b, transposeB: shape.transposeB,
      addedTo: shape.adds ? c : nil, m: shape.m, n: shape.n, k: shape.k, engine: engine,
      level: level)
    return ProductErrors(of: product, a, b, c, shape)
  }

  /// Sizes around those of tiles (16), panels (32) and blocks of k (384), in every form; those of vectors (16),
  /// their panels (48) and blocks (8 rows, 256 k) are among them.
  @Test(arguments: [
    (1, 1, 1), (2, 3, 4), (7, 5, 3), (16, 16, 32), (17, 31, 33), (32, 32, 64), (48, 65, 16),
    (33, 17, 385), (5, 130, 48), (130, 5, 800), (40, 400, 31), (400, 33, 40),
  ])
  func everyEngineGivesTheProduct(_ size: (Int, Int, Int)) {
    let (m, n, k) = size
    var random = RandomGenerator(seed: 11)
    let (a, b, c) = (matrix(m * k, &random), matrix(k * n, &random), matrix(m * n, &random))
    for engine in MatMul.available {
      for form in 0..<8 {
        let shape = ProductCase(
          m: m, n: n, k: k, transposeA: form & 1 != 0, transposeB: form & 2 != 0,
          adds: form & 4 != 0)
        let bound = shape.bound
        #expect(errors(engine, a, b, c, shape).worst < bound, "\(engine) \(shape)")
        // Vectors of fewer lanes.
        for level in 1..<Kernels.levelCount where engine == .vectors {
          let worst = errors(engine, a, b, c, shape, level: level).worst
          #expect(worst < bound, "level \(level) \(shape)")
        }
      }
    }
  }

  /// Three parts of bfloat16 are no less exact than float32: on average not worse than the loops, which round
  /// after every term.
  @Test(
    .enabled(if: MatMul.available.contains(.matrixUnit), "this processor has no matrix unit"),
    arguments: [64, 128, 384, 512])
  func matrixUnitIsAsExactAsFloat32(_ k: Int) throws {
    var random = RandomGenerator(seed: 12)
    let shape = ProductCase(m: 48, n: 48, k: k)
    let (a, b) = (matrix(48 * k, &random), matrix(48 * k, &random))
    let unit = errors(.matrixUnit, a, b, [], shape)
    let loops = errors(.reference, a, b, [], shape)
    #expect(unit.meanSquare <= loops.meanSquare)
    #expect(unit.worst < 4)
  }

  /// The matrix unit keeps packed weights that are small, and lets those pass by that are not; vectors read them
  /// in place of a panel packed there and then. Neither changes a bit. Sizes around both, around 384 rows and k,
  /// and around panels and blocks of vectors.
  @Test(arguments: [
    (1, 65, 128), (33, 17, 385), (70, 400, 200), (31, 416, 160), (385, 500, 190), (20, 370, 1200),
    (9, 49, 257), (13, 15, 512),
  ])
  func packedWeightsGiveTheSameBits(_ size: (Int, Int, Int)) {
    let (m, n, k) = size
    var random = RandomGenerator(seed: 17)
    let (a, b, c) = (matrix(m * k, &random), matrix(k * n, &random), matrix(m * n, &random))
    for engine in MatMul.available {
      for level in 0..<Kernels.levelCount {
        for form in 0..<4 {
          func product(packsB: Bool) -> [UInt32] {
            MatMul.product(
              a, b, transposeB: form & 1 != 0, addedTo: form & 2 != 0 ? c : nil, m: m, n: n, k: k,
              engine: engine, packsB: packsB, level: level
            ).map(\.bitPattern)
          }
          #expect(product(packsB: true) == product(packsB: false), "\(engine) \(level) \(form)")
        }
      }
    }
  }

  /// A NaN in a column of B, which shares vectors with others, and beyond the last whole vector, reaches its own
  /// column of C and no other; and what stands in C before is not read where nothing is added.
  @Test(arguments: [0, 15, 46, 63, 64])
  func columnsDoNotMix(_ column: Int) {
    var random = RandomGenerator(seed: 18)
    let a = matrix(11 * 30, &random)
    var b = matrix(30 * 65, &random)
    b[12 * 65 + column] = .nan
    for engine in MatMul.available {
      let product = MatMul.product(a, b, m: 11, n: 65, k: 30, engine: engine)
      for i in 0..<11 * 65 {
        #expect(product[i].isNaN == (i % 65 == column), "\(engine) \(i)")
      }
    }
  }

  /// Magnitudes from 2⁻⁴⁰ to 2⁴⁰ within one sum, and zeros.
  @Test func wideRangesKeepTheirAccuracy() {
    var random = RandomGenerator(seed: 13)
    func wide(_ count: Int) -> [Float] {
      (0..<count).map { _ in
        random.integer(below: 8) == 0
          ? 0
          : Float(random.normal())
            * Float(sign: .plus, exponent: random.integer(below: 81) - 40, significand: 1)
      }
    }
    let shape = ProductCase(m: 40, n: 40, k: 100)
    let (a, b) = (wide(4000), wide(4000))
    for engine in MatMul.available {
      #expect(errors(engine, a, b, [], shape).worst < 7, "\(engine)")
    }
  }

  /// Numbers whose parts are each exact, so that the products are.
  @Test func integersAreExact() {
    var random = RandomGenerator(seed: 14)
    func integers(_ count: Int) -> [Float] {
      (0..<count).map { _ in Float(random.integer(below: 1 << 10) - 512) }
    }
    let (a, b) = (integers(20 * 60), integers(60 * 20))
    // |sums| < 60 · 2¹⁸ < 2²⁴.
    for engine in MatMul.available {
      let product = MatMul.product(a, b, m: 20, n: 20, k: 60, engine: engine)
      for i in 0..<20 {
        for j in 0..<20 {
          let sum = (0..<60).reduce(0) { $0 + Int(a[i * 60 + $1]) * Int(b[$1 * 20 + j]) }
          #expect(product[i * 20 + j] == Float(sum), "\(engine)")
        }
      }
    }
  }

  /// One number that is not finite reaches the row it stands in and no other.
  @Test(arguments: [Float.infinity, -.infinity, .nan, Float(bitPattern: 0x7FFF_FFFF)])
  func whatIsNotFiniteShows(_ odd: Float) {
    var a = [Float](repeating: 1, count: 40 * 40)
    let b = [Float](repeating: 2, count: 40 * 40)
    a[17 * 40 + 33] = odd
    for engine in MatMul.available {
      let product = MatMul.product(a, b, m: 40, n: 40, k: 40, engine: engine)
      for i in 0..<40 {
        for j in 0..<40 {
          let value = product[i * 40 + j]
          #expect(i == 17 ? !value.isFinite : value == 80, "\(engine) \(i) \(j)")
        }
      }
    }
  }

  /// Sums beyond the largest float are infinite; what is too small for a float counts for nothing.
  @Test func overflowAndDenormals() {
    let denormal = Float.leastNormalMagnitude / 8
    for engine in MatMul.available {
      let large = MatMul.product([1e30], [1e30], m: 1, n: 1, k: 1, engine: engine)
      #expect(!large[0].isFinite)
      let small = MatMul.product([denormal, 1], [1, 1], m: 1, n: 1, k: 2, engine: engine)
      #expect(small[0] == 1)
      let tiny = MatMul.product([denormal], [1], m: 1, n: 1, k: 1, engine: engine)
      #expect(abs(tiny[0]) <= denormal)
    }
  }

  @Test func twoProductsOfOneInputHaveTheSameBits() {
    var random = RandomGenerator(seed: 15)
    let (a, b) = (matrix(100 * 300, &random), matrix(300 * 90, &random))
    for engine in MatMul.available {
      let first = MatMul.product(a, b, m: 100, n: 90, k: 300, engine: engine)
      let second = MatMul.product(a, b, m: 100, n: 90, k: 300, engine: engine)
      #expect(first.map(\.bitPattern) == second.map(\.bitPattern))
    }
  }

  @Test func theEngineIsNamed() {
    #expect(!MatMul.engineDescription().isEmpty)
    #expect(MatMul.available.last == .reference)
    #expect(MatMul.isAccelerated != MatMul.engineDescription().hasPrefix("reference loops"))
  }
}

/// Attention's products against sums in double precision.
@Suite struct SmallProductTests {
  /// A (m, k), zero where the shape has it so, and its transpose.
  private func triangle(
    _ shape: SmallProduct.Shape, _ m: Int, _ k: Int, _ random: inout RandomGenerator
  ) -> ([Float], [Float]) {
    var values = (0..<m * k).map { _ in Float(random.normal()) }
    for i in 0..<m {
      for p in 0..<k where shape == .lowerA && p > i || shape == .upperA && p < i {
        values[i * k + p] = 0
      }
    }
    return (values, (0..<m * k).map { values[$0 % m * k + $0 / m] })
  }

  /// Engines may pass over what a shape does not want, and give the rest to the bit as without it. Sizes around
  /// blocks of 8 rows, panels of 48 columns, pairs of k and blocks of 256; of the last, A is packed in two parts.
  @Test(arguments: [
    (1, 1, 1), (3, 5, 7), (64, 32, 64), (64, 64, 16), (300, 20, 300), (31, 100, 40), (40, 100, 31),
    (33, 131, 33), (600, 49, 600), (256, 64, 256), (700, 20, 700),
  ])
  func enginesKnowShapes(_ size: (Int, Int, Int)) {
    let (m, n, k) = size
    var random = RandomGenerator(seed: 24)
    for shape in SmallProduct.Shape.allCases {
      let (values, transposed) = triangle(shape, m, k, &random)
      let b = (0..<k * n).map { _ in Float(random.normal()) }
      let c = (0..<m * n).map { _ in Float(random.normal()) }
      for (engine, precision) in MatMul.available.map({ ($0, Precision.float32) })
        + [(.automatic, .bfloat16)]
      {
        for form in 0..<8 {
          let (transposeA, transposeB) = (form & 1 != 0, form & 2 != 0)
          func product(_ shape: SmallProduct.Shape) -> [Float] {
            MatMul.product(
              transposeA ? transposed : values, transposeA: transposeA, b, transposeB: transposeB,
              addedTo: form & 4 != 0 ? c : nil, m: m, n: n, k: k, shape: shape,
              precision: precision, engine: engine, level: Kernels.levelCount - 1)
          }
          let (ours, whole) = (product(shape), product(.whole))
          let differs = (0..<m * n).contains {
            (shape != .lowerC || $0 % n <= $0 / n) && ours[$0] != whole[$0]
          }
          #expect(!differs, "\(engine) \(precision) \(shape) \(form)")
        }
      }
    }
  }

  /// Sizes around those of the kernels' blocks: 8, 4 or 2 rows, 16 or 32 columns.
  @Test(arguments: [
    (1, 1, 1), (3, 5, 7), (8, 32, 8), (9, 33, 9), (64, 32, 64), (64, 64, 16), (40, 100, 40),
    (33, 31, 33),
  ])
  func everyLevelGivesTheProduct(_ size: (Int, Int, Int)) {
    let (m, n, k) = size
    var random = RandomGenerator(seed: 16)
    func matrix(_ count: Int) -> [Float] { (0..<count).map { _ in Float(random.normal()) } }
    for shape in SmallProduct.Shape.allCases {
      let (values, transposed) = triangle(shape, m, k, &random)
      let (b, c) = (matrix(k * n), matrix(m * n))
      for level in 0..<Kernels.levelCount {
        for form in 0..<4 {
          let adds = form & 2 != 0
          let product = SmallProduct.product(
            form & 1 == 0 ? values : transposed, transposeA: form & 1 != 0, b,
            addedTo: adds ? c : nil, m: m, n: n, k: k, shape, level: level)
          for i in 0..<m {
            for j in 0..<n where shape != .lowerC || j <= i {
              let sum = (0..<k).reduce(adds ? Double(c[i * n + j]) : 0) {
                $0 + Double(values[i * k + $1]) * Double(b[$1 * n + j])
              }
              #expect(abs(Double(product[i * n + j]) - sum) < 1e-4, "\(shape) \(level) \(form)")
            }
          }
        }
      }
    }
  }
}
