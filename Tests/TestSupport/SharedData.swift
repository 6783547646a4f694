internal import Crypto
public import Foundation

/// Public texts and vocabularies that are too large, or not ours, to be committed. Tests that need them
/// are enabled only where the environment variable `TOKENIZE_DATA` names their folder, and are reported as
/// skipped elsewhere.
public enum SharedData {
  /// The folder, if it is known.
  public static let folder = ProcessInfo.processInfo.environment["TOKENIZE_DATA"].map {
    URL(fileURLWithPath: $0)
  }

  /// Whether the data is there.
  public static var isAvailable: Bool {
    folder.map { FileManager.default.fileExists(atPath: $0.path) } ?? false
  }

  /// Why a test is skipped without it.
  public static let hint = "set TOKENIZE_DATA to the folder of the shared texts and vocabularies"

  /// The path of a file in the folder.
  public static func path(_ name: String) -> String {
    (folder ?? URL(fileURLWithPath: "/nonexistent")).appendingPathComponent(name).path
  }

  /// The bytes of a file in the folder.
  public static func bytes(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: path(name))))
  }
}

/// The SHA-256 of bytes in hexadecimal.
public func sha256(_ bytes: some DataProtocol) -> String {
  SHA256.hash(data: bytes).map { byte in
    let digits = String(byte, radix: 16)
    return digits.count == 1 ? "0" + digits : digits
  }.joined()
}

/// Ids as nanoGPT's files hold them: little-endian, 16 bits each.
public func littleEndian16(_ ids: [UInt32]) -> [UInt8] {
  ids.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)] }
}
