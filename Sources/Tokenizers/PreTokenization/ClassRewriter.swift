/// What stands between the brackets of a class.
struct ClassContents {
  struct Item: Hashable {
    var property: ScalarProperty
    var isNegated: Bool
  }

  var isNegated: Bool
  /// Characters, ranges and classes that stay PCRE2's, spelled so that they can stand side by side.
  var literals: [UInt8] = []
  /// Whether no character beyond ASCII and none of PCRE2's classes is among them.
  var literalsAreASCII = true
  var properties: [Item] = []

  init(isNegated: Bool) { self.isNegated = isNegated }

  /// The class as an expression that can be repeated by what follows it.
  func text(form: ExpressionForm, isCaseless: Bool) -> String {
    let body = properties.map { $0.text(form: form) }.joined()
    let characters = String(decoding: literals, as: UTF8.self)
    let caret = isNegated ? "^" : ""
    guard isCaseless else { return "[\(caret)\(characters)\(body)]" }
    // Caseless matching would add to explicit ranges, U+0345 to the letters for instance.
    if characters.isEmpty { return "(?-i:[\(caret)\(body)])" }
    return isNegated
      ? "(?:(?!(?-i:[\(body)]))[^\(characters)])" : "(?:(?-i:[\(body)])|[\(characters)])"
  }
}

extension ClassContents.Item {
  /// The scalars in the notation of a bracketed class.
  func text(form: ExpressionForm) -> String {
    switch (form, property) {
    case (.library, .whiteSpace): return isNegated ? "\\S" : "\\s"
    case (.library, .categories(let set)):
      if let text = libraryText(of: set) { return text }
    case (.pinned, .categories(let set)):
      // Up to Unicode 16 scalars were only added, so that an older library's class and what was
      // added since make the class of 16: much faster in PCRE2 than hundreds of ranges. Not so for
      // what shrinks when scalars are added (complements, Cn), nor where U+1171E counts, which 16.0
      // moved from Mn to Mc.
      let splitsMarks =
        set.contains(CategorySet(.nonspacingMark)) != set.contains(CategorySet(.spacingMark))
      if !isNegated, !splitsMarks, !set.contains(CategorySet(.unassigned)),
        (14...16).contains(PCRE2Pattern.libraryUnicodeMajor), let text = libraryText(of: set)
      {
        return text + ScalarSet.ranges { $0.isUnsettled && property.contains($0) }
      }
    case (.pinned, .whiteSpace): break
    }
    return ScalarSet.ranges { property.contains($0) != isNegated }
  }

  /// PCRE2's own names for the categories, nil if it takes more than joining them.
  private func libraryText(of set: CategorySet) -> String? {
    if set == .casedLetter { return isNegated ? "\\P{L&}" : "\\p{L&}" }
    var rest = set
    var names: [String] = []
    for (group, name) in Self.groups where rest.isSuperset(of: group) {
      rest.subtract(group)
      names.append(name)
    }
    for category in GeneralCategory.allCases where rest.contains(CategorySet(category)) {
      names.append(category.shortName)
    }
    if isNegated { return names.count == 1 ? "\\P{\(names[0])}" : nil }
    return names.map { "\\p{\($0)}" }.joined()
  }

  private static let groups: [(CategorySet, String)] = [
    (.letter, "L"), (.mark, "M"), (.number, "N"), (.punctuation, "P"), (.symbol, "S"),
    (.separator, "Z"), (.other, "C"),
  ]
}

/// Reads a bracketed class, or one escape, of an expression that PCRE2 has compiled.
struct ClassRewriter {
  private let source: [UInt8]
  private(set) var position: Int

  init(_ rewriter: ExpressionRewriter) {
    source = rewriter.source
    position = rewriter.position
  }

  private func byte(_ distance: Int = 0) -> UInt8? {
    position + distance < source.count ? source[position + distance] : nil
  }

  /// One thing in a class.
  private enum Element {
    /// A character, which may begin or end a range.
    case character([UInt8])
    /// The `-` that may stand between the two ends of a range.
    case hyphen
    /// A class that stays PCRE2's.
    case libraryClass([UInt8])
    case property(ClassContents.Item)
  }

  /// The contents of the class that begins here; afterwards the position is behind its `]`.
  mutating func contents(ignoresSpaces: Bool) -> ClassContents {
    position += 1
    var contents = ClassContents(isNegated: byte() == UInt8(ascii: "^"))
    if contents.isNegated { position += 1 }
    var elements: [Element] = []
    // A `]` at the very beginning is a character.
    if byte() == UInt8(ascii: "]") {
      elements.append(.character(Array("\\]".utf8)))
      position += 1
    }
    while let next = byte(), next != UInt8(ascii: "]") {
      elements += nextElements(ignoresSpaces: ignoresSpaces)
    }
    position = min(position + 1, source.count)
    collect(elements, into: &contents)
    return contents
  }

  /// Tells ranges from hyphens that are characters: before or after a class, at an end, after a
  /// range.
  private func collect(_ elements: [Element], into contents: inout ClassContents) {
    var index = 0
    while index < elements.count {
      switch elements[index] {
      case .property(let item): contents.properties.append(item)
      case .libraryClass(let text):
        contents.literals += text
        contents.literalsAreASCII = false
      case .hyphen: contents.literals += Array("\\-".utf8)
      case .character(let text):
        contents.literals += text
        if !Self.isASCII(text) { contents.literalsAreASCII = false }
        if index + 2 < elements.count, case .hyphen = elements[index + 1] {
          switch elements[index + 2] {
          case .character(let end):
            contents.literals += [UInt8(ascii: "-")] + end
            if !Self.isASCII(end) { contents.literalsAreASCII = false }
            index += 2
          case .hyphen:
            contents.literals += Array("-\\-".utf8)
            index += 2
          default: break
          }
        }
      }
      index += 1
    }
  }

  private mutating func nextElements(ignoresSpaces: Bool) -> [Element] {
    guard let next = byte() else { return [] }
    switch next {
    case UInt8(ascii: " "), UInt8(ascii: "\t"):
      position += 1
      return ignoresSpaces ? [] : [.character([UInt8(ascii: "\\"), next])]
    case UInt8(ascii: "-"):
      position += 1
      return [.hyphen]
    case UInt8(ascii: "["):
      if let element = posixClass() { return [element] }
    case UInt8(ascii: "\\"): return escape()
    default: break
    }
    return [.character(character())]
  }

  /// One scalar, escaped where it is punctuation.
  private mutating func character() -> [UInt8] {
    let first = source[position]
    var text = Self.isPunctuation(first) ? [UInt8(ascii: "\\"), first] : [first]
    position += 1
    while let next = byte(), first >= 0xC0, next & 0xC0 == 0x80 {
      text.append(next)
      position += 1
    }
    return text
  }

  private static func isPunctuation(_ byte: UInt8) -> Bool {
    (byte >= 0x20 && byte < 0x30) || (byte >= 0x3A && byte <= 0x40)
      || (byte >= 0x5B && byte <= 0x60) || (byte >= 0x7B && byte < 0x7F)
  }

  private mutating func escape() -> [Element] {
    if let item = propertyEscape() { return [.property(item)] }
    guard let next = byte(1) else {
      position += 1
      return []
    }
    switch next {
    case UInt8(ascii: "E"):
      position += 2
      return []
    case UInt8(ascii: "Q"): return quotation()
    case UInt8(ascii: "h"), UInt8(ascii: "H"), UInt8(ascii: "v"), UInt8(ascii: "V"),
      UInt8(ascii: "p"), UInt8(ascii: "P"):
      return [.libraryClass(take(escapeLength(next)))]
    default: return [.character(take(escapeLength(next)))]
    }
  }

  private mutating func take(_ count: Int) -> [UInt8] {
    let end = min(position + count, source.count)
    defer { position = end }
    return Array(source[position..<end])
  }

  /// Whether a character, as it is spelled in the expression, is surely one of ASCII.
  private static func isASCII(_ text: [UInt8]) -> Bool {
    if text.contains(where: { $0 >= 0x80 }) { return false }
    guard text.count > 1, text[0] == UInt8(ascii: "\\") else { return true }
    switch text[1] {
    case UInt8(ascii: "x"):
      let digits = text.dropFirst(2).filter { $0 != UInt8(ascii: "{") && $0 != UInt8(ascii: "}") }
      let number = Int(String(decoding: digits, as: UTF8.self), radix: 16)
      return digits.isEmpty || number.map { $0 < 0x80 } ?? false
    case UInt8(ascii: "0")..<UInt8(ascii: "8"):
      let digits = String(decoding: text.dropFirst(), as: UTF8.self)
      return Int(digits, radix: 8).map { $0 < 0x80 } ?? false
    case UInt8(ascii: "c"), UInt8(ascii: "a"), UInt8(ascii: "b"), UInt8(ascii: "e"),
      UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      return true
    default: return isPunctuation(text[1])
    }
  }

  /// Whether the escape at the position, outside of brackets, stands for a character of ASCII, a line end, or
  /// a place between two characters that is told by these.
  func asksForASCIIOnly() -> Bool {
    guard let letter = byte(1) else { return true }
    switch letter {
    case UInt8(ascii: "A"), UInt8(ascii: "Z"), UInt8(ascii: "z"), UInt8(ascii: "R"),
      UInt8(ascii: "v"), UInt8(ascii: "V"), UInt8(ascii: "E"):
      return true
    case UInt8(ascii: "N"): return byte(2) != UInt8(ascii: "{")
    case UInt8(ascii: "b"): return false
    default:
      let end = min(position + escapeLength(letter), source.count)
      return Self.isASCII(Array(source[position..<end]))
    }
  }

  /// How long the escape at the position is that has `letter` behind its backslash.
  private func escapeLength(_ letter: UInt8) -> Int {
    func run(from distance: Int, atMost limit: Int, _ isMember: (UInt8) -> Bool) -> Int {
      var end = distance
      while end < distance + limit, let next = byte(end), isMember(next) { end += 1 }
      return end
    }
    func isOctal(_ byte: UInt8) -> Bool { byte >= 0x30 && byte < 0x38 }
    switch letter {
    case UInt8(ascii: "c"): return 3
    case UInt8(ascii: "x") where byte(2) != UInt8(ascii: "{"):
      return run(from: 2, atMost: 2) { Unicode.Scalar($0).properties.isASCIIHexDigit }
    case UInt8(ascii: "x"), UInt8(ascii: "o"), UInt8(ascii: "N"), UInt8(ascii: "p"),
      UInt8(ascii: "P"):
      guard byte(2) == UInt8(ascii: "{") else { return letter | 0x20 == 0x70 ? 3 : 2 }
      return run(from: 3, atMost: .max - 3) { $0 != UInt8(ascii: "}") } + 1
    case 0x30..<0x38: return run(from: 1, atMost: 3, isOctal)
    default: return letter < 0xC0 ? 2 : run(from: 2, atMost: 3) { $0 & 0xC0 == 0x80 }
    }
  }

  /// `\Q…\E`: characters, a hyphen included.
  private mutating func quotation() -> [Element] {
    position += 2
    var elements: [Element] = []
    while let next = byte() {
      if next == UInt8(ascii: "\\"), byte(1) == UInt8(ascii: "E") {
        position += 2
        break
      }
      elements.append(.character(character()))
    }
    return elements
  }

  /// `[:name:]` or `[:^name:]`, nil if there is none here.
  private mutating func posixClass() -> Element? {
    guard byte(1) == UInt8(ascii: ":") else { return nil }
    var end = 2
    if byte(end) == UInt8(ascii: "^") { end += 1 }
    let first = end
    while let next = byte(end), next >= UInt8(ascii: "a"), next <= UInt8(ascii: "z") { end += 1 }
    guard byte(end) == UInt8(ascii: ":"), byte(end + 1) == UInt8(ascii: "]") else { return nil }
    let name = String(decoding: source[position + first..<position + end], as: UTF8.self)
    let text = take(end + 2)
    let property: ScalarProperty
    switch name {
    case "alpha": property = .categories(.letter)
    case "alnum": property = .categories([.letter, .number])
    case "digit": property = .categories(CategorySet(.decimalNumber))
    case "space": property = .whiteSpace
    case "word": property = .word
    default: return .libraryClass(text)
    }
    return .property(ClassContents.Item(property: property, isNegated: first == 3))
  }

  /// `\p{Lu}`, `\pL`, `\P{^N}`, `\s`, … if one stands here; then the position is behind it.
  mutating func propertyEscape() -> ClassContents.Item? {
    guard byte() == UInt8(ascii: "\\"), let letter = byte(1) else { return nil }
    let property: ScalarProperty
    var isNegated = letter < UInt8(ascii: "a")
    var length = 2
    switch letter | 0x20 {
    case UInt8(ascii: "s"): property = .whiteSpace
    case UInt8(ascii: "d"): property = .categories(CategorySet(.decimalNumber))
    case UInt8(ascii: "w"): property = .word
    case UInt8(ascii: "p"):
      length = escapeLength(letter)
      guard position + length <= source.count else { return nil }
      // PCRE2 compares names without regard to case, spaces, hyphens and underscores.
      var name = source[position + 2..<position + length].filter {
        $0 > 0x20 && ![UInt8(ascii: "{"), 0x7D, UInt8(ascii: "_"), UInt8(ascii: "-")].contains($0)
      }
      if name.first == UInt8(ascii: "^") {
        isNegated.toggle()
        name.removeFirst()
      }
      guard let known = Self.property(named: String(decoding: name, as: UTF8.self).lowercased())
      else { return nil }
      property = known
    default: return nil
    }
    position += length
    return ClassContents.Item(property: property, isNegated: isNegated)
  }

  private static func property(named name: String) -> ScalarProperty? {
    switch name {
    case "l": .categories(.letter)
    case "lc", "l&": .categories(.casedLetter)
    case "m": .categories(.mark)
    case "n": .categories(.number)
    case "p": .categories(.punctuation)
    case "s": .categories(.symbol)
    case "z": .categories(.separator)
    case "c": .categories(.other)
    case "cs": nil  // No scalar: an empty class could not be spelled.
    case "xan": .categories([.letter, .number])
    case "xsp", "xps": .whiteSpace
    case "xwd": .word
    default:
      GeneralCategory.allCases.first { $0.shortName.lowercased() == name }
        .map { .categories(CategorySet($0)) }
    }
  }
}
