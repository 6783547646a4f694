/// Why a file could not be read as what it should be: where, what was met, what was expected.
public struct FormatError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Where in the file.
  public enum Place: Hashable, Sendable {
    /// The file as a whole.
    case file
    /// A line, counted from 1.
    case line(Int)
    /// A byte offset, counted from 0.
    case byte(Int)
  }

  /// The file's path as the user gave it; empty for bytes from elsewhere.
  public var file: String
  /// Where in the file.
  public var place: Place
  /// What was met and what was expected, without a full stop.
  public var message: String

  /// An error at a place of a file.
  public init(file: String = "", place: Place, message: String) {
    self.file = file
    self.place = place
    self.message = message
  }

  /// `file:line: message`, the form that editors understand.
  public var description: String {
    let prefix = file.isEmpty ? "" : "\(file): "
    switch place {
    case .file: return prefix + message
    case .line(let line): return prefix + "line \(line): \(message)"
    case .byte(let offset): return prefix + "byte \(offset): \(message)"
    }
  }

  /// The same error, said of `file`.
  func of(_ file: String) -> FormatError {
    var error = self
    error.file = file
    return error
  }
}
