/// A property that a regular expression can ask of a scalar, as Unicode 16.0 decides it.
enum ScalarProperty: Hashable {
  /// `\p{..}` of general categories, also `\d` and `\w`.
  case categories(CategorySet)
  /// `\s`: White_Space, and nothing else.
  case whiteSpace

  /// What `\w` means: letters, numbers, nonspacing marks, connector punctuation (PCRE2 from 10.43
  /// on).
  static let word = ScalarProperty.categories(
    [.letter, .number, CategorySet(.nonspacingMark), CategorySet(.connectorPunctuation)])

  func contains(_ scalar: ScalarClass) -> Bool {
    switch self {
    case .categories(let set): scalar.isAny(of: set)
    case .whiteSpace: scalar.isWhiteSpace
    }
  }
}

/// Ranges of scalars as a bracketed class of a regular expression spells them.
enum ScalarSet {
  /// Neighbouring scalars of one class; surrogates, which UTF-8 cannot hold, are in none.
  struct Run {
    var first: UInt32
    var last: UInt32
    var scalarClass: ScalarClass
  }

  /// All scalars, in order.
  ///
  /// Made once, in a millisecond or two.
  static let runs: [Run] = {
    var runs: [Run] = []
    for range: ClosedRange<UInt32> in [0...0xD7FF, 0xE000...0x10FFFF] {
      var run = Run(
        first: range.lowerBound, last: range.lowerBound, scalarClass: ScalarClass(range.lowerBound))
      for scalar in range.dropFirst() {
        let scalarClass = ScalarClass(scalar)
        if scalarClass != run.scalarClass {
          runs.append(run)
          run = Run(first: scalar, last: scalar, scalarClass: scalarClass)
        }
        run.last = scalar
      }
      runs.append(run)
    }
    return runs
  }()

  /// The scalars whose class satisfies `isMember`: `\x{41}-\x{5a}\x{aa}…`.
  static func ranges(where isMember: (ScalarClass) -> Bool) -> String {
    var text = ""
    var pending: (first: UInt32, last: UInt32)?
    func write(_ range: (first: UInt32, last: UInt32)?) {
      guard let range else { return }
      text += "\\x{" + String(range.first, radix: 16) + "}"
      if range.last > range.first { text += "-\\x{" + String(range.last, radix: 16) + "}" }
    }
    for run in runs where isMember(run.scalarClass) {
      if let range = pending, range.last + 1 == run.first {
        pending = (range.first, run.last)
      } else {
        write(pending)
        pending = (run.first, run.last)
      }
    }
    write(pending)
    return text
  }
}
