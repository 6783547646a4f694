import ArgumentParser
import Tokenizers

/// When progress is shown.
enum ProgressMode: String, Choice, Sendable {
  case auto, always, never, json
}

/// When colour is used.
enum ColorMode: String, Choice, Sendable {
  case auto, always, never
}

/// Everything that is said on standard error: the only place that writes to a terminal.
///
/// Results go to `OutputFile`; a message never stops the program, so that failures to write are ignored.
struct Diagnostics {
  /// Before the command line has been read, and where a command has no such options.
  static let plain = Diagnostics(isQuiet: false, progress: .never, color: .auto)

  private let isQuiet: Bool
  private let progress: ProgressMode
  private let color: ColorMode

  init(isQuiet: Bool, progress: ProgressMode, color: ColorMode) {
    self.isQuiet = isQuiet
    self.progress = progress
    self.color = color
  }

  /// Whether text for a descriptor gets colours: NO_COLOR and a dumb terminal mean no.
  func usesColor(_ descriptor: Descriptor) -> Bool {
    switch color {
    case .always: return true
    case .never: return false
    case .auto:
      if Paths.environment("NO_COLOR").map({ !$0.isEmpty }) ?? false { return false }
      return descriptor.isTerminal && Paths.environment("TERM") != "dumb"
    }
  }

  /// The message with which the program ends.
  func error(_ message: String) {
    let prefix = usesColor(.standardError) ? "\u{1B}[1;31mtokenize:\u{1B}[0m " : "tokenize: "
    Self.write(prefix + Self.harmless(message) + "\n")
  }

  /// Something that the user should know and that stops nothing.
  func warning(_ message: String) {
    if isQuiet { return }
    let prefix =
      usesColor(.standardError) ? "\u{1B}[1;33mtokenize: warning:\u{1B}[0m " : "tokenize: warning: "
    Self.write(prefix + Self.harmless(message) + "\n")
  }

  /// Something said by the way.
  func note(_ message: String) {
    if !isQuiet { Self.write(Self.harmless(message) + "\n") }
  }

  /// Bold, where text for people on standard output has colours.
  func heading(_ text: String) -> String {
    usesColor(.standardOutput) ? "\u{1B}[1m\(text)\u{1B}[0m" : text
  }

  /// A meter for one piece of work.
  ///
  /// - Parameters:
  ///   - what: What is being done, "encoding" for instance.
  ///   - unit: What is counted, "B" for bytes.
  ///   - total: How much there is to do, if that is known.
  func meter(_ what: String, unit: String, total: Int? = nil) -> ProgressMeter {
    var style = ProgressMeter.Style.none
    switch progress {
    case .never: break
    case .always: style = .bar
    case .json: style = .json
    case .auto: if !isQuiet, Descriptor.standardError.isTerminal { style = .bar }
    }
    return ProgressMeter(what, unit: unit, total: total, style: style)
  }

  /// A message quotes what users feed in: control characters must not reach the terminal.
  private static func harmless(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      let isControl = scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value)
      if isControl, scalar != "\n" {
        result.append(contentsOf: "\\u{\(String(scalar.value, radix: 16))}".unicodeScalars)
      } else {
        result.append(scalar)
      }
    }
    return String(result)
  }

  /// Writes to standard error as it is.
  static func write(_ text: String) {
    try? Descriptor.standardError.write(Array(text.utf8).span)
  }
}

/// Shows how far a piece of work has come, how fast it goes and how long it may take, at most ten times a
/// second.
final class ProgressMeter {
  enum Style { case none, bar, json }

  private let what: String
  private let unit: String
  private let style: Style
  private let total: Int?
  /// When it began: with the first update, since a meter may be made long before.
  private var start: (seconds: Double, done: Int)?
  private var shownAt = -1.0
  private var isOnLine = false

  fileprivate init(_ what: String, unit: String, total: Int?, style: Style) {
    self.what = what
    self.unit = unit
    self.style = style
    self.total = total
  }

  /// Says how much has been done.
  func update(_ done: Int, extra: String = "") {
    if style == .none { return }
    let now = Machine.seconds
    if start == nil { start = (now, done) }
    if now - shownAt < 0.1 { return }
    shownAt = now
    show(done, extra, now)
  }

  /// Says that it is done, and clears the line.
  func finish(_ done: Int) {
    switch style {
    case .none: break
    case .json: show(done, "", Machine.seconds, isEnd: true)
    case .bar:
      if isOnLine { Diagnostics.write("\r\u{1B}[K") }
      isOnLine = false
    }
  }

  /// How much is done in a second, once there is something to tell it by.
  private func rate(_ done: Int, _ now: Double) -> Double? {
    guard let start, now - start.seconds >= 0.05, done > start.done else { return nil }
    return Double(done - start.done) / (now - start.seconds)
  }

  private func show(_ done: Int, _ extra: String, _ now: Double, isEnd: Bool = false) {
    let rate = rate(done, now)
    let left = rate.flatMap { rate in total.map { Double(max(0, $0 - done)) / rate } }
    if style == .json {
      var members: [JSONValue.Member] = [
        .init("event", .string(isEnd ? "done" : "progress")), .init("what", .string(what)),
        .init("unit", .string(unit)), .init("done", .integer(done)),
      ]
      if let total { members.append(.init("total", .integer(total))) }
      if let rate { members.append(.init("perSecond", .integer(Int(rate)))) }
      if let left, !isEnd {
        members.append(.init("secondsLeft", .number((left * 10).rounded() / 10)))
      }
      if !extra.isEmpty { members.append(.init("note", .string(extra))) }
      Diagnostics.write(JSONValue.object(members).compact + "\n")
      return
    }
    var line = "\(what): \(amount(done))"
    if let total, total > 0 { line += " (\(min(100, done * 100 / total)) %)" }
    if let rate { line += ", \(amount(Int(rate)))/s" }
    if let left { line += ", \(Self.duration(left)) left" }
    if !extra.isEmpty { line += "  \(extra)" }
    Diagnostics.write("\r\u{1B}[K" + line)
    isOnLine = true
  }

  private func amount(_ count: Int) -> String {
    unit == "B" ? Numbers.bytes(count) : "\(Numbers.grouped(count)) \(unit)"
  }

  /// `45 s`, `3 min 20 s`, `2 h 5 min`.
  private static func duration(_ seconds: Double) -> String {
    let seconds = Int(seconds.rounded(.up))
    if seconds < 60 { return "\(seconds) s" }
    if seconds < 3600 { return "\(seconds / 60) min \(seconds % 60) s" }
    return "\(seconds / 3600) h \(seconds % 3600 / 60) min"
  }
}
