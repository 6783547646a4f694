import Tokenizers

/// What a document of a corpus is.
enum DocumentKind: Equatable {
  /// A file.
  case files
  /// A line, without its newline.
  case lines
  /// A member of a JSON object, one object a line.
  case jsonLines(field: String)

  /// As count files and manifests have it.
  var name: String {
    switch self {
    case .files: "files"
    case .lines: "lines"
    case .jsonLines(let field): "jsonl:" + field
    }
  }

  init?(name: String) {
    switch name {
    case "files": self = .files
    case "lines": self = .lines
    default:
      guard name.hasPrefix("jsonl:") else { return nil }
      self = .jsonLines(field: String(name.dropFirst(6)))
    }
  }
}

/// Reads the texts to train on, and notes what they were: names, lengths, digests.
///
/// Files that begin as gzip or zstd are decompressed; lengths and digests are those of the text.
final class CorpusReader {
  private let inputs: [Input]
  private let documents: DocumentKind
  private let meter: ProgressMeter
  private var entries: [(name: String, bytes: Int, sha256: String)] = []
  /// Bytes of text.
  var byteCount: Int { entries.reduce(0) { $0 + $1.bytes } }
  /// Bytes read from files, compressed or not.
  private var readCount = 0
  private var documentCount = 0

  init(inputs: [Input], documents: DocumentKind, meter: ProgressMeter) {
    self.inputs = inputs
    self.documents = documents
    self.meter = meter
  }

  convenience init(inputs: [Input], lines: Bool, meter: ProgressMeter) {
    self.init(inputs: inputs, documents: lines ? .lines : .files, meter: meter)
  }

  convenience init(inputs: [Input], documents: DocumentKind, _ diagnostics: Diagnostics) {
    let sizes = inputs.compactMap(\.size)
    self.init(
      inputs: inputs, documents: documents,
      meter: diagnostics.meter(
        "reading", unit: "B", total: sizes.count == inputs.count ? sizes.reduce(0, +) : nil))
  }

  /// Reads all texts, which come in pieces.
  ///
  /// - Parameter endFile: Called behind the last document of a file.
  func read(
    append: (Span<UInt8>) throws -> Void, endDocument: () throws -> Void,
    endFile: () throws -> Void = {}
  ) throws {
    for input in inputs {
      let firstDocument = documentCount
      var file = FileState()
      do {
        try input.forEachBlock { block in
          readCount += block.count
          meter.update(readCount)
          try decompress(block, &file) { text, file in
            try self.take(text, &file, append, endDocument)
          }
        }
        if let rest = file.beginning {
          file.isPlain = true
          try take(rest.span, &file, append, endDocument)
        }
        try file.decompressor?.finish()
        switch documents {
        case .files:
          documentCount += 1
          try endDocument()
        case .lines:
          if file.isLineOpen {
            documentCount += 1
            try endDocument()
          }
        case .jsonLines:
          if !file.line.isEmpty { try endJSONLine(&file, append, endDocument) }
        }
        try endFile()
      } catch {
        throw located(error, input, firstDocument)
      }
      entries.append((Paths.name(of: input.name), file.size, file.digest.hexadecimal))
    }
    meter.finish(readCount)
  }

  /// What is known of a file while it is read.
  private struct FileState {
    var digest = Digest()
    /// Bytes of text.
    var size = 0
    var isLineOpen = false
    /// The line that is open, of JSON lines.
    var line: [UInt8] = []
    var decompressor: Decompressor?
    /// The first bytes, as long as they do not say yet whether the file is compressed.
    var beginning: [UInt8]? = []
    var isPlain = false
  }

  private func decompress(
    _ block: Span<UInt8>, _ file: inout FileState,
    _ body: (Span<UInt8>, inout FileState) throws -> Void
  ) throws {
    if file.isPlain { return try body(block, &file) }
    var decompressor = file.decompressor
    var bytes: [UInt8] = []
    if decompressor == nil {
      bytes = (file.beginning ?? []) + block.bytes(0..<block.count)
      if bytes.count < 4 {
        file.beginning = bytes
        return
      }
      file.beginning = nil
      guard let kind = Compression(beginning: bytes.span) else {
        file.isPlain = true
        return try body(bytes.span, &file)
      }
      let new = try Decompressor(kind)
      decompressor = new
      file.decompressor = new
      try new.append(bytes.span) { try body($0, &file) }
      return
    }
    try decompressor?.append(block) { try body($0, &file) }
  }

  private func take(
    _ text: Span<UInt8>, _ file: inout FileState, _ append: (Span<UInt8>) throws -> Void,
    _ endDocument: () throws -> Void
  ) throws {
    file.digest.update(text)
    file.size += text.count
    if documents == .files { return try append(text) }
    var start = 0
    while start < text.count {
      let end = text.firstIndex(of: 0x0A, from: start)
      let piece = text.extracting(start..<(end ?? text.count))
      if documents == .lines {
        try append(piece)
        file.isLineOpen = end == nil
      } else {
        // The pointer is not kept.
        unsafe piece.withUnsafeBufferPointer { unsafe file.line.append(contentsOf: $0) }
      }
      guard let end else { return }
      if documents == .lines {
        documentCount += 1
        try endDocument()
      } else {
        try endJSONLine(&file, append, endDocument)
      }
      start = end + 1
    }
  }

  private func endJSONLine(
    _ file: inout FileState, _ append: (Span<UInt8>) throws -> Void,
    _ endDocument: () throws -> Void
  ) throws {
    guard case .jsonLines(let field) = documents else { return }
    documentCount += 1
    do {
      let text = try JSONLinesField(field).text(of: file.line)
      if let text { try append(text.span) }
    } catch let error as FormatError {
      throw LineError(document: documentCount - 1, message: error.description)
    }
    file.line.removeAll(keepingCapacity: true)
    try endDocument()
  }

  /// An error in a line, before it is known in which file's.
  private struct LineError: Error {
    let document: Int
    let message: String
  }

  private func located(_ error: any Error, _ input: Input, _ firstDocument: Int) -> any Error {
    var line: Int?
    var message = ""
    if let error = error as? LineError {
      (line, message) = (error.document - firstDocument + 1, error.message)
    } else if case TrainingError.text(let reason, let document) = error, documents != .files {
      (line, message) = (document - firstDocument + 1, reason.description)
    }
    guard let line else { return Failure.of(input.name, error) }
    return Failure(.badData, "\(input.name): line \(line): \(message)")
  }

  /// What was read, sorted, so that the order of the files leaves no trace.
  var manifest: [JSONValue] {
    Self.sorted(
      entries.map { entry in
        .members([
          "name": .string(entry.name), "bytes": .integer(entry.bytes),
          "sha256": .string(entry.sha256),
        ])
      })
  }

  /// Entries of a manifest in the order of their names, then of their digests.
  static func sorted(_ entries: [JSONValue]) -> [JSONValue] {
    func key(_ entry: JSONValue) -> (String, String) {
      (entry["name"]?.stringValue ?? "", entry["sha256"]?.stringValue ?? "")
    }
    return entries.sorted { key($0) < key($1) }
  }
}
