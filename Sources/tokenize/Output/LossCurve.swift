import MiniLM
import Tokenizers

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The losses of one or several runs over steps, drawn as an SVG: training thin, validation thick, the
/// perplexity that a loss stands for on the right.
struct LossCurve {
  /// A line of the picture.
  struct Line {
    var name: String
    var color: String
    var width: Double
    var points: [(step: Double, loss: Double)]
  }

  private let title: String
  private let lines: [Line]
  private let steps: Double
  private let lowest: Double
  private let highest: Double

  // The picture, and the part of it that the curves lie in.
  private static let (width, height) = (720.0, 420.0)
  private static let (left, right, top, bottom) = (64.0, 656.0, 44.0, 364.0)
  /// Colours that can be told apart by those who see few.
  static let colors = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]

  /// The curve of a log of JSON lines; nothing where it holds fewer than two points.
  init?(log: [UInt8], title: String) {
    let losses = Self.losses(in: log)
    self.init(
      lines: [
        Line(name: "training", color: Self.colors[0], width: 1.5, points: losses.training),
        Line(name: "validation", color: Self.colors[1], width: 2.5, points: losses.validation),
      ], title: title)
  }

  typealias Points = [(step: Double, loss: Double)]

  /// The losses in a log of JSON lines.
  static func losses(in log: [UInt8]) -> (training: Points, validation: Points) {
    var (training, validation): (Points, Points) = ([], [])
    for line in log.split(separator: 0x0A) {
      guard let entry = try? JSONValue(parsing: Array(line)), let step = entry["step"]?.integerValue
      else { continue }
      if let loss = number(entry["trainingLoss"]) { training.append((Double(step), loss)) }
      if let loss = number(entry["validationLoss"]) { validation.append((Double(step), loss)) }
    }
    return (training, validation)
  }

  /// Some lines in one picture; nothing where none has two points.
  init?(lines: [Line], title: String) {
    let drawn = lines.filter { $0.points.count > 1 }
    let losses = drawn.flatMap { $0.points.map(\.loss) }
    guard let low = losses.min(), let high = losses.max(),
      let last = drawn.flatMap({ $0.points.map(\.step) }).max(), last > 0
    else { return nil }
    self.title = title
    self.lines = drawn
    steps = last
    // Some air above and below, and never nothing in between.
    let air = max(0.02, (high - low) * 0.08)
    (lowest, highest) = (max(0, low - air), high + air)
  }

  private static func number(_ value: JSONValue?) -> Double? {
    switch value {
    case .integer(let value): Double(value)
    case .number(let value) where value.isFinite: value
    default: nil
    }
  }

  private func x(_ step: Double) -> Double {
    Self.left + (Self.right - Self.left) * step / steps
  }

  private func y(_ loss: Double) -> Double {
    Self.bottom - (Self.bottom - Self.top) * (loss - lowest) / (highest - lowest)
  }

  /// Round numbers between two: 1, 2 or 5 times a power of ten apart.
  static func ticks(_ low: Double, _ high: Double, atMost count: Int) -> [Double] {
    let rough = (high - low) / Double(count)
    let power = pow(10, floor(log10(rough)))
    let step = [1, 2, 5, 10].map { $0 * power }.first { $0 >= rough * 0.999 } ?? rough
    var ticks: [Double] = []
    var value = (low / step).rounded(.up) * step
    while value <= high + step * 1e-9 {
      ticks.append(value)
      value += step
    }
    return ticks
  }

  /// The picture.
  var svg: String {
    var text = """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Int(Self.width)) \(Int(Self.height))" \
      font-family="sans-serif" font-size="12" fill="#333">
      <rect width="100%" height="100%" fill="#fff"/>
      <text x="\(Int(Self.left))" y="24" font-size="15">\(Self.escaped(title))</text>

      """
    for loss in Self.ticks(lowest, highest, atMost: 7) {
      let at = Self.text(y(loss))
      text += """
        <path d="M\(Int(Self.left)) \(at)H\(Int(Self.right))" stroke="#e4e4e4"/>
        <text x="\(Int(Self.left) - 8)" y="\(at)" dy="4" text-anchor="end">\(Self.text(loss))</text>
        <text x="\(Int(Self.right) + 8)" y="\(at)" dy="4" fill="#888">\(Self.text(exp(loss)))</text>

        """
    }
    for step in Self.ticks(0, steps, atMost: 8) {
      text += """
        <text x="\(Self.text(x(step)))" y="\(Int(Self.bottom) + 18)" text-anchor="middle">\(Numbers.grouped(Int(step)))</text>

        """
    }
    text += """
      <path d="M\(Int(Self.left)) \(Int(Self.top))V\(Int(Self.bottom))H\(Int(Self.right))" fill="none" stroke="#888"/>
      <text x="\(Int((Self.left + Self.right) / 2))" y="\(Int(Self.bottom) + 40)" text-anchor="middle">step</text>
      <text x="\(Int(Self.left) - 8)" y="\(Int(Self.top) - 8)" text-anchor="end">loss</text>
      <text x="\(Int(Self.right) + 8)" y="\(Int(Self.top) - 8)" fill="#888">perplexity</text>

      """
    for (index, line) in lines.enumerated() {
      let points = line.points.map { "\(Self.text(x($0.step))),\(Self.text(y($0.loss)))" }
      let legend = Int(Self.top) + 10 + 18 * index
      text += """
        <polyline points="\(points.joined(separator: " "))" fill="none" stroke="\(line.color)" \
        stroke-width="\(line.width)" stroke-linejoin="round"/>
        <path d="M\(Int(Self.right) - 150) \(legend)h24" stroke="\(line.color)" stroke-width="\(line.width)"/>
        <text x="\(Int(Self.right) - 120)" y="\(legend)" dy="4">\(Self.escaped(line.name))</text>

        """
    }
    return text + "</svg>\n"
  }

  /// At most two decimals, without zeros at the end.
  private static func text(_ value: Double) -> String {
    if abs(value) >= 1000 { return Numbers.grouped(Int(value.rounded())) }
    var text = Numbers.fixed(value, abs(value) >= 100 ? 1 : 2)
    while text.contains("."), text.hasSuffix("0") || text.hasSuffix(".") { text.removeLast() }
    return text
  }

  private static func escaped(_ text: String) -> String {
    var result = ""
    for character in text.unicodeScalars {
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case _ where character.value < 0x20: result += " "
      default: result.unicodeScalars.append(character)
      }
    }
    return result
  }
}
