/// Why a vocabulary could not be trained.
public enum TrainingError: Error, Hashable, Sendable {
  /// The corpus holds no text.
  case emptyCorpus
  /// A number of merges below zero.
  case negativeMergeCount(Int)
  /// A vocabulary of this size has no room for the tokens that are there before training.
  case vocabularySizeTooSmall(Int, least: Int)
  /// No token can be that short.
  case badTokenLength(Int)
  /// A special token is empty, given twice, or spells a token that was learnt.
  case unusableSpecialTokens(VocabularyError)
  /// The vocabulary to be extended is not byte-level BPE, or holds tokens that merging never makes.
  case cannotBeExtended
  /// The distinct pre-tokens take more than 2^31 bytes.
  case tooManyDistinctPreTokens
  /// The corpus is so large that its counts do not fit 64 bits.
  case countsTooLarge
  /// The text could not be read as asked: which document of those counted, from 0, and where in it.
  case text(TokenizerError, document: Int)
  /// What does not fit into memory could not be written, or read back.
  case spill(FileError)
  /// A count file is not one, or damaged.
  case countFile(FormatError)
  /// A count file could not be read.
  case unreadable(FileError)
  /// The caller ended it.
  case cancelled
}

extension TrainingError: CustomStringConvertible {
  /// One sentence: what was met, what to try.
  public var description: String {
    switch self {
    case .emptyCorpus: "the corpus holds no text to learn from"
    case .negativeMergeCount(let count): "\(count) merges cannot be learnt; give 0 or more"
    case .vocabularySizeTooSmall(let size, let least):
      "a vocabulary of \(size) has no room for the \(least) tokens that are there before training,"
        + " bytes and special tokens; give at least \(least)"
    case .badTokenLength(let length): "tokens of at most \(length) bytes cannot be; give 1 or more"
    case .unusableSpecialTokens(let error): "the special tokens do not fit the vocabulary: \(error)"
    case .cannotBeExtended:
      "the vocabulary cannot be extended: byte-level BPE of which merging makes every token expected"
    case .tooManyDistinctPreTokens:
      "the distinct pre-tokens of the corpus take more than 2 GiB; learn from a part of it"
    case .countsTooLarge: "the counts of the corpus do not fit 64 bits"
    case .text(let error, _): error.description
    case .spill(let error):
      "temporary file: \(error); set TMPDIR to a folder with room, or raise the memory bound"
    case .countFile(let error): error.description
    case .unreadable(let error): error.description
    case .cancelled: "training was ended before it was done"
    }
  }
}
