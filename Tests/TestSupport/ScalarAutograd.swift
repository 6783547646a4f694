/// A number that remembers how it was made, so that derivatives can be followed back: the slow,
/// obvious way to a gradient, against which layers are tested.
///
///     let x = Scalar(3)
///     let y = x * x + x
///     y.backward()          // x.gradient is 7
public final class Scalar {
  /// The number.
  public let value: Double
  /// The derivative, by this number, of the one that `backward` was called on.
  public private(set) var gradient = 0.0

  /// What it was made of, with its own derivative by each.
  private let parents: [(Scalar, Double)]

  /// A number that was not computed.
  public init(_ value: Double) {
    self.value = value
    self.parents = []
  }

  private init(_ value: Double, _ parents: [(Scalar, Double)]) {
    self.value = value
    self.parents = parents
  }

  /// Sum: derivatives 1 and 1.
  public static func + (a: Scalar, b: Scalar) -> Scalar {
    Scalar(a.value + b.value, [(a, 1), (b, 1)])
  }

  /// Difference: derivatives 1 and −1.
  public static func - (a: Scalar, b: Scalar) -> Scalar {
    Scalar(a.value - b.value, [(a, 1), (b, -1)])
  }

  /// Product: each factor's derivative is the other.
  public static func * (a: Scalar, b: Scalar) -> Scalar {
    Scalar(a.value * b.value, [(a, b.value), (b, a.value)])
  }

  /// Quotient: 1/b and −a/b².
  public static func / (a: Scalar, b: Scalar) -> Scalar {
    Scalar(a.value / b.value, [(a, 1 / b.value), (b, -a.value / (b.value * b.value))])
  }

  /// A function of one number, given its value and its derivative there.
  public func map(_ function: (Double) -> Double, derivative: (Double) -> Double) -> Scalar {
    Scalar(function(value), [(self, derivative(value))])
  }

  /// The sum of some numbers.
  public static func sum(_ numbers: [Scalar]) -> Scalar {
    Scalar(numbers.reduce(0) { $0 + $1.value }, numbers.map { ($0, 1) })
  }

  /// Fills the gradients of everything this number was made of.
  public func backward() {
    // A number before its parents: each is complete when its turn comes.
    for scalar in order() { scalar.gradient = 0 }
    gradient = 1
    for scalar in order() {
      for (parent, derivative) in scalar.parents {
        parent.gradient += derivative * scalar.gradient
      }
    }
  }

  /// This number and all it depends on, each before those it was made of.
  private func order() -> [Scalar] {
    var seen: Set<ObjectIdentifier> = []
    var order: [Scalar] = []
    var stack: [(Scalar, Bool)] = [(self, false)]
    while let (scalar, isDone) = stack.popLast() {
      if isDone {
        order.append(scalar)
      } else if seen.insert(ObjectIdentifier(scalar)).inserted {
        stack.append((scalar, true))
        for (parent, _) in scalar.parents { stack.append((parent, false)) }
      }
    }
    return order.reversed()
  }
}

extension Scalar: PlainNumber {
  /// A number that was not computed.
  public convenience init(plain: Double) { self.init(plain) }
  /// Its value.
  public var plain: Double { value }
}
