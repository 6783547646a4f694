import MiniLM
import Tokenizers

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// How the program ends: the numbers of `sysexits.h` where there is one.
enum ExitStatus: Int32 {
  case success = 0
  /// A comparison or a check found something.
  case difference = 1
  /// The command line makes no sense.
  case usage = 64
  /// What was read is not what it should be.
  case badData = 65
  /// What should be read is not there, is a folder, or may not be read.
  case noInput = 66
  /// What should be written cannot be made.
  case cannotCreate = 73
  /// Reading or writing failed on the way.
  case inputOutput = 74
}

/// An end with a message: where, what was met, what was expected, what to try.
struct Failure: Error {
  var status: ExitStatus
  var message: String

  init(_ status: ExitStatus, _ message: String) {
    self.status = status
    self.message = message
  }

  /// What an error of the libraries means for the program; nothing for errors of the argument parser.
  init?(_ error: any Error) {
    switch error {
    case let error as Failure: self = error
    case let error as FileError: self.init(Self.status(of: error), error.description)
    case let error as FormatError: self.init(.badData, error.description)
    case let error as TokenizerError: self.init(.badData, error.description)
    case let error as PreTokenizationError:
      switch error {
      case .badPattern, .engine: self.init(.usage, error.description)
      case .matchFailed: self.init(.badData, error.description)
      }
    case let error as CompressionError: self.init(.badData, error.description)
    case let error as EngineError: self.init(.usage, error.description)
    case let error as VocabularyError: self.init(.badData, error.description)
    case let error as TrainingError: self.init(Self.status(of: error), error.description)
    case let error as MiniLMError: self.init(Self.status(of: error), error.description)
    default: return nil
    }
  }

  /// The same, said of the input called `name`.
  static func of(_ name: String, _ error: any Error) -> any Error {
    switch error {
    case is FileError, is Failure: error
    case let error as FormatError where !error.file.isEmpty: error
    default:
      if let failure = Failure(error) {
        Failure(failure.status, "\(name): \(failure.message)")
      } else {
        error
      }
    }
  }

  private static func status(of error: FileError) -> ExitStatus {
    if error.operation == .write { return .cannotCreate }
    switch error.code {
    case ENOENT, ENOTDIR, EACCES, EPERM, EISDIR, ELOOP, ENAMETOOLONG, ENXIO: return .noInput
    default: return .inputOutput
    }
  }

  private static func status(of error: TrainingError) -> ExitStatus {
    switch error {
    case .negativeMergeCount, .vocabularySizeTooSmall, .unusableSpecialTokens, .badTokenLength,
      .cannotBeExtended:
      .usage
    case .emptyCorpus, .tooManyDistinctPreTokens, .countsTooLarge, .text, .countFile, .cancelled:
      .badData
    case .spill: .inputOutput
    case .unreadable(let error): status(of: error)
    }
  }

  private static func status(of error: MiniLMError) -> ExitStatus {
    switch error {
    case .invalidOption, .modelTooLarge, .emptyPrompt: .usage
    case .outOfMemory, .tokenOutOfRange, .malformedTokens, .corpusTooShort, .badBatch, .badLogits,
      .diverged, .badCheckpoint:
      .badData
    case .cannotRead: .noInput
    case .cannotCreate: .cannotCreate
    case .inputOutput: .inputOutput
    }
  }
}
