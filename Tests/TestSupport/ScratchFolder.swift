public import Foundation

/// A folder for one test, removed when it ends.
public struct ScratchFolder: Sendable {
  /// Where it is.
  public let url: URL

  /// Its path.
  public var path: String { url.path }

  /// Calls `body` with a new folder and removes it afterwards.
  public static func with<Value>(_ body: (ScratchFolder) throws -> Value) throws -> Value {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent(
      "tokenize-tests-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: url) }
    return try body(ScratchFolder(url: url))
  }

  /// Writes a file and returns its path.
  @discardableResult
  public func write(_ bytes: [UInt8], to name: String) throws -> String {
    let file = url.appendingPathComponent(name)
    try Data(bytes).write(to: file)
    return file.path
  }
}
