/// The one line of JSON at the head of a checkpoint: an object of strings, numbers and booleans.
package enum FlatJSON {
  /// A value; numbers keep the digits they were written with.
  package enum Value: Equatable {
    case string(String)
    case number(String)
    case bool(Bool)

    var text: String? { if case .string(let text) = self { text } else { nil } }
    var integer: Int? { if case .number(let digits) = self { Int(digits) } else { nil } }
    var double: Double? { if case .number(let digits) = self { Double(digits) } else { nil } }
    var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  }

  /// The object with its members in the given order, on one line.
  package static func write(_ members: [(String, Value)]) -> String {
    let parts = members.map { name, value in
      switch value {
      case .string(let text): "\(quoted(name)):\(quoted(text))"
      case .number(let digits): "\(quoted(name)):\(digits)"
      case .bool(let value): "\(quoted(name)):\(value)"
      }
    }
    return "{" + parts.joined(separator: ",") + "}"
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case _ where scalar.value < 0x20:
        let hex = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }

  /// The members of an object written by `write` (or by hand), or nil where it is anything else.
  package static func read(_ line: [UInt8]) -> [String: Value]? {
    var parser = Parser(bytes: line)
    return parser.object()
  }

  private struct Parser {
    let bytes: [UInt8]
    var position = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func object() -> [String: Value]? {
      var members: [String: Value] = [:]
      guard take("{") else { return nil }
      if take("}") { return atEnd ? members : nil }
      repeat {
        guard let name = string(), take(":"), let value = value(), members[name] == nil else {
          return nil
        }
        members[name] = value
      } while take(",")
      return take("}") && atEnd ? members : nil
    }

    private var atEnd: Bool {
      bytes[position...].allSatisfy { $0 == 0x20 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }
    }

    private mutating func skipBlanks() {
      while position < bytes.count, bytes[position] == 0x20 || bytes[position] == 0x09 {
        position += 1
      }
    }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
      skipBlanks()
      guard position < bytes.count, bytes[position] == UInt8(ascii: scalar) else { return false }
      position += 1
      return true
    }

    private mutating func value() -> Value? {
      skipBlanks()
      guard position < bytes.count else { return nil }
      if bytes[position] == UInt8(ascii: "\"") { return string().map { .string($0) } }
      let start = position
      while position < bytes.count, isWordByte(bytes[position]) { position += 1 }
      let word = String(decoding: bytes[start..<position], as: UTF8.self)
      switch word {
      case "true": return .bool(true)
      case "false": return .bool(false)
      default:
        guard let number = Double(word), number.isFinite else { return nil }
        return .number(word)
      }
    }

    private func isWordByte(_ byte: UInt8) -> Bool {
      switch UnicodeScalar(byte) {
      case "0"..."9", "a"..."z", "A"..."Z", "+", "-", ".": true
      default: false
      }
    }

    private mutating func string() -> String? {
      guard take("\"") else { return nil }
      var text: [UInt8] = []
      while position < bytes.count {
        let byte = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "\""):
          return String(validating: text, as: UTF8.self)
        case UInt8(ascii: "\\"):
          guard let scalar = escape() else { return nil }
          text.append(contentsOf: UTF8.encode(scalar).map(Array.init) ?? [])
        case 0..<0x20: return nil
        default: text.append(byte)
        }
      }
      return nil
    }

    private mutating func escape() -> Unicode.Scalar? {
      guard position < bytes.count else { return nil }
      let byte = bytes[position]
      position += 1
      switch UnicodeScalar(byte) {
      case "\"": return "\""
      case "\\": return "\\"
      case "/": return "/"
      case "n": return "\n"
      case "t": return "\t"
      case "r": return "\r"
      case "u":
        guard position + 4 <= bytes.count else { return nil }
        let hex = String(decoding: bytes[position..<position + 4], as: UTF8.self)
        position += 4
        guard hex.allSatisfy(\.isHexDigit), let code = UInt32(hex, radix: 16) else { return nil }
        return Unicode.Scalar(code)
      default: return nil
      }
    }
  }
}
