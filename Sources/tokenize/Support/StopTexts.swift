/// Lets text through up to the first of some texts; the beginning of one waits for the rest.
struct StopTexts {
  private let stops: [[UInt8]]
  private var waiting: [UInt8] = []
  /// Whether one of them has come.
  private(set) var isEnded = false

  init(_ stops: [String]) { self.stops = stops.map { Array($0.utf8) } }

  /// What of the text so far, `bytes` last, can be shown now.
  mutating func append(_ bytes: [UInt8]) -> [UInt8] {
    if isEnded { return [] }
    waiting += bytes
    let ends = stops.compactMap { Self.first($0, in: waiting) }
    if let end = ends.min() {
      isEnded = true
      defer { waiting = [] }
      return Array(waiting[..<end])
    }
    // The longest tail that one of them begins with.
    var kept = 0
    for stop in stops {
      for length in 1..<max(1, stop.count) where length <= waiting.count && length > kept {
        if waiting.suffix(length).elementsEqual(stop.prefix(length)) { kept = length }
      }
    }
    defer { waiting = Array(waiting.suffix(kept)) }
    return Array(waiting.dropLast(kept))
  }

  /// What still waits, now that nothing follows.
  mutating func finish() -> [UInt8] {
    defer { waiting = [] }
    return waiting
  }

  private static func first(_ stop: [UInt8], in text: [UInt8]) -> Int? {
    guard text.count >= stop.count else { return nil }
    return (0...text.count - stop.count).first { text[$0...].starts(with: stop) }
  }
}
