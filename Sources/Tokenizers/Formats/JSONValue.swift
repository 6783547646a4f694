/// A JSON document as a value: for small files such as manifests. Members keep their order.
public enum JSONValue: Hashable, Sendable {
  /// `null`
  case null
  /// `true` or `false`
  case bool(Bool)
  /// A number without fraction that fits 64 bits.
  case integer(Int)
  /// Any other number.
  case number(Double)
  /// A string.
  case string(String)
  /// `[…]`
  case array([JSONValue])
  /// `{…}`, in the order of the file.
  case object([Member])

  /// A name and its value in an object.
  public struct Member: Hashable, Sendable {
    /// The name.
    public let name: String
    /// The value.
    public let value: JSONValue

    /// A member of an object.
    public init(_ name: String, _ value: JSONValue) {
      self.name = name
      self.value = value
    }
  }

  /// An object with these members.
  public static func members(_ members: KeyValuePairs<String, JSONValue>) -> JSONValue {
    .object(members.map { Member($0.key, $0.value) })
  }

  /// The value of an object's member of this name.
  public subscript(name: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.name.utf8.elementsEqual(name.utf8) }?.value
  }

  /// The text of a string.
  public var stringValue: String? {
    if case .string(let text) = self { text } else { nil }
  }

  /// The value of an integer.
  public var integerValue: Int? {
    if case .integer(let value) = self { value } else { nil }
  }

  /// The value of `true` or `false`.
  public var boolValue: Bool? {
    if case .bool(let value) = self { value } else { nil }
  }

  /// The elements of an array.
  public var arrayValue: [JSONValue]? {
    if case .array(let elements) = self { elements } else { nil }
  }
}

// MARK: - Reading

extension JSONValue {
  /// Deepest nesting that is read; no file of ours comes near it, and a hostile one ends here.
  private static let deepest = 64

  /// Reads one JSON document.
  ///
  /// - Throws: `FormatError` with the byte offset of what is not JSON.
  public init(parsing bytes: [UInt8]) throws(FormatError) {
    var scanner = JSONScanner(bytes)
    guard scanner.isValidUTF8() else {
      throw FormatError(place: .file, message: "the file is not valid UTF-8")
    }
    self = try Self.scan(&scanner, depth: 0)
    try scanner.expectEnd()
  }

  private static func scan(_ scanner: inout JSONScanner, depth: Int) throws(FormatError)
    -> JSONValue
  {
    if depth > deepest { throw scanner.error("nested deeper than \(deepest) levels") }
    switch scanner.peek() {
    case UInt8(ascii: "{"):
      return try scanObject(&scanner, depth)
    case UInt8(ascii: "["):
      _ = scanner.take(UInt8(ascii: "["))
      var elements: [JSONValue] = []
      if scanner.take(UInt8(ascii: "]")) { return .array([]) }
      repeat {
        elements.append(try scan(&scanner, depth: depth + 1))
      } while scanner.take(UInt8(ascii: ","))
      try scanner.expect(UInt8(ascii: "]"), "',' or ']'")
      return .array(elements)
    case UInt8(ascii: "\""):
      return .string(try scanText(&scanner))
    default:
      return try scanner.scanScalarValue()
    }
  }

  private static func scanObject(
    _ scanner: inout JSONScanner, _ depth: Int
  ) throws(FormatError) -> JSONValue {
    _ = scanner.take(UInt8(ascii: "{"))
    var members: [Member] = []
    if scanner.take(UInt8(ascii: "}")) { return .object([]) }
    repeat {
      let name = try scanText(&scanner)
      try scanner.expect(UInt8(ascii: ":"), "':'")
      members.append(Member(name, try scan(&scanner, depth: depth + 1)))
    } while scanner.take(UInt8(ascii: ","))
    try scanner.expect(UInt8(ascii: "}"), "',' or '}'")
    return .object(members)
  }

  private static func scanText(_ scanner: inout JSONScanner) throws(FormatError) -> String {
    var bytes: [UInt8] = []
    try scanner.scanString(into: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }
}

extension JSONScanner {
  /// A number, `true`, `false` or `null`.
  fileprivate mutating func scanScalarValue() throws(FormatError) -> JSONValue {
    let word = scanWord()
    switch word {
    case "true": return .bool(true)
    case "false": return .bool(false)
    case "null": return .null
    default:
      if let value = Int(word), !word.hasPrefix("+") { return .integer(value) }
      if let first = word.utf8.first, first == 0x2D || (0x30...0x39).contains(first),
        let value = Double(word), value.isFinite
      {
        return .number(value)
      }
      throw error("a value expected", at: position - word.utf8.count)
    }
  }

  private mutating func scanWord() -> String {
    var word = ""
    while let byte = peekRaw(), byte > 0x20, !",:[]{}\"".utf8.contains(byte) {
      word.unicodeScalars.append(Unicode.Scalar(byte))
      advance()
    }
    return word
  }
}

// MARK: - Writing

extension JSONValue {
  /// The document as text with two spaces of indentation and a newline at the end.
  public var prettyPrinted: String {
    var text = ""
    write(into: &text, indentation: "", pretty: true)
    return text + "\n"
  }

  /// The document on one line, without a newline.
  public var compact: String {
    var text = ""
    write(into: &text, indentation: "", pretty: false)
    return text
  }

  private func write(into text: inout String, indentation: String, pretty: Bool) {
    let inner = indentation + "  "
    switch self {
    case .null: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .integer(let value): text += String(value)
    case .number(let value): text += value.isFinite ? "\(value)" : "null"
    case .string(let value): text += Self.quoted(value)
    case .array(let elements):
      text += "["
      for (index, element) in elements.enumerated() {
        text += (index > 0 ? "," : "") + (pretty ? "\n" + inner : "")
        element.write(into: &text, indentation: inner, pretty: pretty)
      }
      text += (pretty && !elements.isEmpty ? "\n" + indentation : "") + "]"
    case .object(let members):
      text += "{"
      for (index, member) in members.enumerated() {
        text += (index > 0 ? "," : "") + (pretty ? "\n" + inner : "")
        text += Self.quoted(member.name) + (pretty ? ": " : ":")
        member.value.write(into: &text, indentation: inner, pretty: pretty)
      }
      text += (pretty && !members.isEmpty ? "\n" + indentation : "") + "}"
    }
  }

  /// A string literal; with `asciiOnly` every other character is escaped, as Python's `json.dumps` does.
  public static func quoted(_ value: String, asciiOnly: Bool = false) -> String {
    var text = "\""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case "\u{08}": text += "\\b"
      case "\u{0C}": text += "\\f"
      case "\u{00}"..<"\u{20}": text += escape(UInt16(scalar.value))
      case "\u{7F}"... where asciiOnly:
        if scalar == "\u{7F}" {
          text.unicodeScalars.append(scalar)
        } else {
          for unit in UTF16.encode(scalar).map(Array.init) ?? [] { text += escape(unit) }
        }
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text + "\""
  }

  private static func escape(_ unit: UInt16) -> String {
    let digits = String(unit, radix: 16)
    return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
  }
}
