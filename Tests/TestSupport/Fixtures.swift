public import Foundation

/// The files that tests read.
public enum Fixtures {
  /// The package's top folder, found from where this source file lies.
  public static let topFolder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// A file below the top folder.
  public static func file(_ path: String) -> URL { topFolder.appendingPathComponent(path) }

  /// The path of a file below the top folder.
  public static func path(_ name: String) -> String { file(name).path }

  /// The bytes of every text in `fixtures/texts`, in the order of their names.
  public static func texts() throws -> [[UInt8]] {
    let folder = file("fixtures/texts")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    return try names.filter { $0.hasSuffix(".txt") }.sorted().map {
      [UInt8](try Data(contentsOf: folder.appendingPathComponent($0)))
    }
  }

  /// The objects of a file of JSON lines below the top folder; empty lines are passed over.
  public static func jsonLines<Row: Decodable>(_ path: String, of type: Row.Type) throws -> [Row] {
    let data = try Data(contentsOf: file(path))
    return try data.split(separator: UInt8(ascii: "\n")).map {
      try JSONDecoder().decode(Row.self, from: $0)
    }
  }
}

/// One row of `fixtures/splits`: a text and the pre-tokens that a pattern makes of it.
public struct SplitRow: Decodable, Sendable {
  /// The name of the pattern, or an expression.
  public var pattern: String
  /// The text as a whole.
  public var text: String
  /// Its pre-tokens, in order.
  public var pieces: [String]
}

/// Bytes as a failure message can show them: what is not printable ASCII as `\xNN`.
public func escaped(_ bytes: some Sequence<UInt8>) -> String {
  bytes.map { byte in
    if byte >= 0x20, byte < 0x7F { return String(UnicodeScalar(byte)) }
    let digits = String(byte, radix: 16)
    return "\\x" + (digits.count == 1 ? "0" : "") + digits
  }.joined()
}

extension Fixtures {
  /// Base64 by Foundation: what our own is measured by.
  public static func base64(_ bytes: [UInt8]) -> String { Data(bytes).base64EncodedString() }
}
