import Foundation

/// A number that the naive models below calculate with: a double, or one that remembers how it was made.
public protocol PlainNumber {
  /// A number that was not computed.
  init(plain: Double)
  /// Its value.
  var plain: Double { get }
  static func + (a: Self, b: Self) -> Self
  static func - (a: Self, b: Self) -> Self
  static func * (a: Self, b: Self) -> Self
  static func / (a: Self, b: Self) -> Self
  /// A function of one number, given with its derivative.
  func map(_ function: (Double) -> Double, derivative: (Double) -> Double) -> Self
}

extension Double: PlainNumber {
  /// The number itself.
  public init(plain: Double) { self = plain }
  /// The number itself.
  public var plain: Double { self }
  /// The function's value.
  public func map(_ function: (Double) -> Double, derivative: (Double) -> Double) -> Double {
    function(self)
  }
}

/// A GPT written down position by position and number by number: the slow, obvious version.
public struct NaiveGPT<Number: PlainNumber> {
  /// What it is made of.
  public struct Shape {
    /// Tokens, width, heads, blocks, feed-forward width, positions.
    public var vocabulary, width, heads, layers, feedForward, context: Int
    /// Layer norms before (and at the end) or after.
    public var isPreNorm: Bool
    /// Whether the output projection is the embedding.
    public var isTied: Bool
    /// Whether projections and norms have biases.
    public var hasBias: Bool
    /// Whether positions have trained vectors; else they are sines.
    public var hasLearnedPositions: Bool
    /// gelu, gelu-tanh or relu.
    public var activation: String

    /// A shape.
    public init(
      vocabulary: Int, width: Int, heads: Int, layers: Int, feedForward: Int, context: Int,
      isPreNorm: Bool, isTied: Bool, hasBias: Bool, hasLearnedPositions: Bool, activation: String
    ) {
      (self.vocabulary, self.width, self.heads) = (vocabulary, width, heads)
      (self.layers, self.feedForward, self.context) = (layers, feedForward, context)
      (self.isPreNorm, self.isTied, self.hasBias) = (isPreNorm, isTied, hasBias)
      (self.hasLearnedPositions, self.activation) = (hasLearnedPositions, activation)
    }
  }

  private let shape: Shape
  private let p: [Number]

  /// A model of these parameters, in the order: token embeddings, positions, for each block norm 1, q k v,
  /// projection, norm 2, feed-forward in, out; last norm; output projection. Weights before biases.
  public init(_ shape: Shape, parameters: [Number]) {
    self.shape = shape
    p = parameters
  }

  /// The mean of −ln p(target) over rows of equal length.
  public func loss(_ inputs: [[Int]], _ targets: [[Int]]) -> Number {
    var sum = Number(plain: 0)
    var count = 0.0
    for (ids, next) in zip(inputs, targets) {
      for (logits, target) in zip(logits(ids), next) {
        let total = logits.reduce(Number(plain: 0)) { $0 + $1.map(exp, derivative: exp) }
        sum = sum + total.map(log) { 1 / $0 } - logits[target]
        count += 1
      }
    }
    return sum / Number(plain: count)
  }

  /// The logits at each position of one row.
  public func logits(_ ids: [Int]) -> [[Number]] {
    let (v, c, f) = (shape.vocabulary, shape.width, shape.feedForward)
    var at = 0
    func take(_ count: Int) -> Int {
      defer { at += count }
      return at
    }
    func takeBias(_ count: Int) -> Int? { shape.hasBias ? take(count) : nil }
    let wte = take(v * c)
    let wpe = shape.hasLearnedPositions ? take(shape.context * c) : nil
    var x: [[Number]] = ids.enumerated().map { position, id in
      (0..<c).map { column in
        p[wte + id * c + column]
          + (wpe.map { p[$0 + position * c + column] }
            ?? Number(plain: Self.sine(position, column, c)))
      }
    }
    for _ in 0..<shape.layers {
      let (gain1, shift1) = (take(c), takeBias(c))
      let (qkv, qkvBias) = (take(3 * c * c), takeBias(3 * c))
      let (out, outBias) = (take(c * c), takeBias(c))
      let (gain2, shift2) = (take(c), takeBias(c))
      let (fc, fcBias) = (take(c * f), takeBias(f))
      let (proj, projBias) = (take(f * c), takeBias(c))
      func attention(_ x: [[Number]]) -> [[Number]] {
        attend(x.map { linear($0, qkv, qkvBias, 3 * c) }).map { linear($0, out, outBias, c) }
      }
      func feedForward(_ x: [Number]) -> [Number] {
        linear(linear(x, fc, fcBias, f).map(activate), proj, projBias, c)
      }
      if shape.isPreNorm {
        x = Self.add(x, attention(x.map { norm($0, gain1, shift1) }))
        x = Self.add(x, x.map { feedForward(norm($0, gain2, shift2)) })
      } else {
        x = Self.add(x, attention(x)).map { norm($0, gain1, shift1) }
        x = Self.add(x, x.map(feedForward)).map { norm($0, gain2, shift2) }
      }
    }
    if shape.isPreNorm {
      let (gain, shift) = (take(c), takeBias(c))
      x = x.map { norm($0, gain, shift) }
    }
    let head = shape.isTied ? wte : take(v * c)
    return x.map { row in
      (0..<v).map { token in
        (0..<c).reduce(Number(plain: 0)) { $0 + row[$1] * p[head + token * c + $1] }
      }
    }
  }

  private func linear(_ x: [Number], _ weight: Int, _ bias: Int?, _ outputs: Int) -> [Number] {
    (0..<outputs).map { o in
      x.indices.reduce(bias.map { p[$0 + o] } ?? Number(plain: 0)) {
        $0 + x[$1] * p[weight + $1 * outputs + o]
      }
    }
  }

  private func norm(_ x: [Number], _ gain: Int, _ shift: Int?) -> [Number] {
    let count = Number(plain: Double(x.count))
    let mean = x.reduce(Number(plain: 0), +) / count
    let variance = x.reduce(Number(plain: 0)) { $0 + ($1 - mean) * ($1 - mean) } / count
    let deviation = (variance + Number(plain: 1e-5)).map({ $0.squareRoot() }) {
      0.5 / $0.squareRoot()
    }
    return x.indices.map { column in
      (x[column] - mean) / deviation * p[gain + column]
        + (shift.map { p[$0 + column] } ?? Number(plain: 0))
    }
  }

  private func activate(_ x: Number) -> Number {
    switch shape.activation {
    case "relu": return x.map({ max($0, 0) }) { $0 > 0 ? 1 : 0 }
    case "gelu":
      func phi(_ x: Double) -> Double { 0.5 * erfc(-x / 2.0.squareRoot()) }
      return x.map({ $0 * phi($0) }) { phi($0) + $0 * exp(-$0 * $0 / 2) / (2 * .pi).squareRoot() }
    default:
      let k = (2 / Double.pi).squareRoot()
      return x.map({ 0.5 * $0 * (1 + tanh(k * ($0 + 0.044715 * $0 * $0 * $0))) }) { x in
        let t = tanh(k * (x + 0.044715 * x * x * x))
        return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * k * (1 + 3 * 0.044715 * x * x)
      }
    }
  }

  /// Rows of q, k and v side by side to rows of what each position sees.
  private func attend(_ qkv: [[Number]]) -> [[Number]] {
    let c = shape.width
    let d = c / shape.heads
    return qkv.indices.map { i in
      (0..<c).map { column in
        let head = column / d * d
        let weights = (0...i).map { j -> Number in
          let score = (head..<head + d).reduce(Number(plain: 0)) {
            $0 + qkv[i][$1] * qkv[j][c + $1]
          }
          return (score / Number(plain: Double(d).squareRoot())).map(exp, derivative: exp)
        }
        let total = weights.reduce(Number(plain: 0), +)
        return (0...i).reduce(Number(plain: 0)) {
          $0 + weights[$1] / total * qkv[$1][2 * c + column]
        }
      }
    }
  }

  private static func sine(_ position: Int, _ column: Int, _ width: Int) -> Double {
    let angle = Double(position) * pow(10000, -Double(column / 2 * 2) / Double(width))
    return column % 2 == 0 ? sin(angle) : cos(angle)
  }

  private static func add(_ a: [[Number]], _ b: [[Number]]) -> [[Number]] {
    zip(a, b).map { zip($0, $1).map { $0 + $1 } }
  }
}
