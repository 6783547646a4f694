import Tokenizers

/// Writes ids in one format, document after document, as they come.
protocol TokenWriter: AnyObject {
  /// What makes bytes of ids where that can be done for parts of a document at the same time; else nothing.
  var formatter: IDFormatter? { get }
  /// The next ids of the document, as `formatter` has made them.
  func write(formatted bytes: Span<UInt8>) throws
  /// The next ids of the document.
  func write(_ ids: [TokenID]) throws
  /// An id that the program itself puts there: no bytes of the text belong to it.
  func writeAdded(_ id: TokenID) throws
  /// The document is whole; the next ids belong to another one.
  func endDocument() throws
  /// All documents are written. The output itself is finished by who opened it.
  func finish() throws
}

extension TokenWriter {
  var formatter: IDFormatter? { nil }
  func write(formatted bytes: Span<UInt8>) throws {}
  func writeAdded(_ id: TokenID) throws { try write([id]) }
  func finish() throws {}
}

/// The formats of `encode`.
enum EncodingFormat: String, CaseIterable, Sendable {
  case ids, pieces, jsonl, u16, u32, npy, llmc

  /// Whether it is one id after the other and nothing else: its writer has a `formatter`.
  var isOfIDsAlone: Bool { [.ids, .u16, .u32].contains(self) }

  /// A writer of this format.
  ///
  /// - Throws: `Failure` where the vocabulary does not fit the format.
  func makeWriter(
    _ output: OutputFile, _ tokenizer: Tokenizer, offsets: Bool
  ) throws -> any TokenWriter {
    let isNarrow = (tokenizer.vocabulary.largestID?.rawValue ?? 0) <= UInt32(UInt16.max)
    switch self {
    case .ids: return IDWriter(output, largest: Int(tokenizer.vocabulary.largestID?.rawValue ?? 0))
    case .pieces: return PiecesWriter(output, tokenizer)
    case .jsonl: return try JSONLinesWriter(output, tokenizer, offsets: offsets)
    case .u16:
      guard isNarrow else {
        throw Failure(
          .usage,
          "--format u16 holds ids up to 65535, and this vocabulary has ids up to"
            + " \(tokenizer.vocabulary.largestID ?? 0); use --format u32")
      }
      return RawWriter(output, width: 2)
    case .u32: return RawWriter(output, width: 4)
    case .npy: return try HeaderedWriter(output, width: isNarrow ? 2 : 4, NpyHeader.self)
    case .llmc: return try HeaderedWriter(output, width: isNarrow ? 2 : 4, LLMCHeader.self)
    }
  }
}
