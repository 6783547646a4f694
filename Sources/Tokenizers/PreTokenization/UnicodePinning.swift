/// Gives the classes of a regular expression one meaning, whatever PCRE2 was built with.
///
/// PCRE2 brings the Unicode of its own release, and counts U+180E as `\s`. Two forms of an
/// expression are made:
///
/// - `.pinned`: `\p{…}` and `\P{…}` of general categories, `\s \S \d \D \w \W`, and the POSIX
///   classes `alpha alnum digit space word`, in and outside of brackets, mean what Unicode 16.0
///   says. `\s` is White_Space; `\w` is letters, numbers, nonspacing marks and connector
///   punctuation.
/// - `.library`: PCRE2's own classes, the same as `.pinned` on text without unsettled scalars, and
///   faster.
///
/// Scripts and other properties (`\p{Greek}`, `\p{Emoji}`), `\b`, `\X`, `\h`, the other POSIX
/// classes and caseless matching stay PCRE2's. A pinned class takes no notice of caseless matching:
/// `(?i)\p{Lu}` is upper-case letters only. `&&`, `--` and the like in brackets are plain
/// characters, as always in PCRE2, though set operations in Rust's and Oniguruma's expressions.
enum ExpressionForm: Hashable {
  case pinned
  case library
}

/// An expression in one of its forms.
struct RewrittenExpression: Hashable {
  var text: String
  /// Whether the expression may be repeated within a larger one: no groups that are counted or
  /// named, no references to them, no verbs, no comments that could swallow what follows.
  var isRepeatable: Bool
  /// Whether all that the expression asks of a scalar beyond ASCII are pinned classes and whether it is a line
  /// end: no such scalar is named in it, none is compared with another one, and none of PCRE2's own classes
  /// and boundaries is asked for. False when in doubt.
  var seesOnlyClasses: Bool
}

extension ExpressionForm {
  /// Rewrites `expression`, which PCRE2 has compiled: mistakes in it are not looked for.
  ///
  /// - Throws: `.badPattern` for what a split pattern may not hold: `\K`, `\G`, call-outs, `(?[`.
  func rewrite(_ expression: String) throws(PreTokenizationError) -> RewrittenExpression {
    var rewriter = ExpressionRewriter(Array(expression.utf8), form: self)
    try rewriter.rewrite()
    return RewrittenExpression(
      text: String(decoding: rewriter.output, as: UTF8.self), isRepeatable: rewriter.isRepeatable,
      seesOnlyClasses: rewriter.seesOnlyClasses)
  }
}

/// One pass over an expression outside of brackets; `ClassRewriter` takes over inside.
struct ExpressionRewriter {
  /// The settings that `(?…)` changes and that matter here.
  struct Settings {
    var isCaseless = false
    var isExtended = false
    var ignoresClassSpaces = false
  }

  let source: [UInt8]
  let form: ExpressionForm
  var position = 0
  var output: [UInt8] = []
  var isRepeatable = true
  var seesOnlyClasses = true
  private(set) var settings = Settings()
  private var enclosing: [Settings] = []

  init(_ source: [UInt8], form: ExpressionForm) {
    self.source = source
    self.form = form
    output.reserveCapacity(source.count * 2)
  }

  /// Whether `text` stands at `offset`, the present position if not given.
  func stands(_ text: StaticString, at offset: Int? = nil) -> Bool {
    let offset = offset ?? position
    guard offset + text.utf8CodeUnitCount <= source.count else { return false }
    for index in 0..<text.utf8CodeUnitCount {
      // A static string lives as long as the program, and the index is within its count.
      let expected = unsafe text.utf8Start[index]
      if source[offset + index] != expected { return false }
    }
    return true
  }

  func byte(_ distance: Int = 0) -> UInt8? {
    position + distance < source.count ? source[position + distance] : nil
  }

  /// Copies `count` bytes, or what is left.
  mutating func copy(_ count: Int) {
    let end = min(position + count, source.count)
    output.append(contentsOf: source[position..<end])
    position = end
  }

  /// Copies up to `text` and over it, or to the end.
  mutating func copyThrough(_ text: StaticString) {
    while position < source.count, !stands(text) { copy(1) }
    copy(text.utf8CodeUnitCount)
  }

  mutating func rewrite() throws(PreTokenizationError) {
    while let next = byte() {
      switch next {
      case UInt8(ascii: "\\"): try rewriteEscape()
      case UInt8(ascii: "["): rewriteClass()
      case UInt8(ascii: "("): try rewriteGroup()
      case UInt8(ascii: ")"):
        settings = enclosing.popLast() ?? Settings()
        copy(1)
      case UInt8(ascii: "#") where settings.isExtended: copyThrough("\n")
      default:
        if next >= 0x80 { seesOnlyClasses = false }
        copy(1)
      }
    }
  }

  private mutating func rewriteEscape() throws(PreTokenizationError) {
    guard let next = byte(1) else { return copy(1) }
    switch next {
    case UInt8(ascii: "Q"):
      let start = position
      copyThrough("\\E")
      if source[start..<position].contains(where: { $0 >= 0x80 }) { seesOnlyClasses = false }
    case UInt8(ascii: "K"), UInt8(ascii: "G"):
      throw .badPattern(
        message: "\\\(Character(Unicode.Scalar(next))) is not supported in a split pattern",
        offset: position)
    case UInt8(ascii: "1")...UInt8(ascii: "9"), UInt8(ascii: "g"), UInt8(ascii: "k"):
      isRepeatable = false
      seesOnlyClasses = false
      copy(2)
    case UInt8(ascii: "c"): copy(3)
    default:
      var scanner = ClassRewriter(self)
      if let item = scanner.propertyEscape() {
        position = scanner.position
        var contents = ClassContents(isNegated: item.isNegated)
        contents.properties = [ClassContents.Item(property: item.property, isNegated: false)]
        output.append(contentsOf: contents.text(form: form, isCaseless: settings.isCaseless).utf8)
      } else {
        if !scanner.asksForASCIIOnly() { seesOnlyClasses = false }
        copy(2)
      }
    }
  }

  private mutating func rewriteClass() {
    if stands("[[:<:]]") || stands("[[:>:]]") {
      seesOnlyClasses = false
      return copy(7)
    }
    var scanner = ClassRewriter(self)
    let contents = scanner.contents(ignoresSpaces: settings.ignoresClassSpaces)
    if !contents.literalsAreASCII { seesOnlyClasses = false }
    if contents.properties.isEmpty {
      copy(scanner.position - position)
    } else {
      position = scanner.position
      output.append(contentsOf: contents.text(form: form, isCaseless: settings.isCaseless).utf8)
    }
  }

  private mutating func rewriteGroup() throws(PreTokenizationError) {
    if stands("(?#") { return copyThrough(")") }
    if stands("(?[") || stands("(?C") {
      throw .badPattern(
        message: stands("(?C")
          ? "call-outs are not supported in a split pattern"
          : "extended classes `(?[` are not supported in a split pattern", offset: position)
    }
    if stands("(*") {
      isRepeatable = false
      seesOnlyClasses = false
      let isAssertion = byte(2).map { $0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "z") } ?? false
      if !isAssertion { return copyThrough(")") }
      enclosing.append(settings)
      return copyThrough(":")
    }
    guard stands("(?") else {
      isRepeatable = false
      enclosing.append(settings)
      return copy(1)
    }
    if let end = endOfSettings() {
      let isGroup = source[end] == UInt8(ascii: ":")
      if isGroup { enclosing.append(settings) }
      applySettings(source[position + 2..<end])
      return copy(end + 1 - position)
    }
    let isPlain =
      stands("(?=") || stands("(?!") || stands("(?>") || stands("(?|") || stands("(?<=")
      || stands("(?<!")
    if !isPlain {
      isRepeatable = false
      // A group with a name is left; the rest may compare scalars with one another.
      if !stands("(?<") && !stands("(?P<") && !stands("(?'") { seesOnlyClasses = false }
    }
    enclosing.append(settings)
    copy(2)
  }

  /// Where the `:` or `)` of `(?i-x:` stands, nil if the group is no such one.
  private func endOfSettings() -> Int? {
    var end = position + 2
    while end < source.count {
      switch source[end] {
      case UInt8(ascii: ":"), UInt8(ascii: ")"): return end
      case UInt8(ascii: "^"), UInt8(ascii: "-"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "J"), UInt8(ascii: "U"), UInt8(ascii: "D"), UInt8(ascii: "S"),
        UInt8(ascii: "W"), UInt8(ascii: "P"), UInt8(ascii: "T"):
        // `(?P<name>` and `(?P=name)` end this loop at `<` and `=`.
        end += 1
      default: return nil
      }
    }
    return nil
  }

  private mutating func applySettings(_ letters: ArraySlice<UInt8>) {
    var value = true
    for letter in letters {
      switch letter {
      case UInt8(ascii: "^"): settings = Settings()
      case UInt8(ascii: "-"): value = false
      case UInt8(ascii: "i"): settings.isCaseless = value
      case UInt8(ascii: "x"):
        if value {
          // `xx` also ignores spaces in brackets; one `x` alone switches that off.
          settings.ignoresClassSpaces = letters.count { $0 == UInt8(ascii: "x") } > 1
          // A comment at the end of the expression would swallow what is put behind it.
          isRepeatable = false
        } else {
          settings.ignoresClassSpaces = false
        }
        settings.isExtended = value
      default: break
      }
    }
  }
}
