/// Counted pre-tokens in a file: a part of the work of training, to be added to other parts.
///
/// One line of JSON says how the text was split; then come the pre-tokens in the order of their bytes with
/// their counts (`PreTokenRunWriter`), how many there are, and a checksum of all bytes before. The same
/// text and options give the same bytes.
public enum CountFile {
  /// What the first line says.
  public struct Header: Hashable, Sendable {
    /// What cut the text into pre-tokens.
    public var pattern: SplitPattern
    /// How bytes that are not UTF-8 were read.
    public var invalidUTF8: InvalidUTF8Policy
    /// What a document was: "files", "lines", or "jsonl:" and the name of a field.
    public var documents: String
    /// What was counted: names, lengths, digests.
    public var inputs: [JSONValue]

    /// A header that says this.
    public init(
      pattern: SplitPattern, invalidUTF8: InvalidUTF8Policy, documents: String,
      inputs: [JSONValue]
    ) {
      self.pattern = pattern
      self.invalidUTF8 = invalidUTF8
      self.documents = documents
      self.inputs = inputs
    }
  }

  static let format = "tokenize-counts"
  static let version = 1

  /// Writes counts, which are used up.
  ///
  /// - Parameter output: Takes the next bytes of the file.
  /// - Throws: `TrainingError`, or what `output` throws.
  public static func write(
    _ corpus: CountedCorpus, _ header: Header, to output: (Span<UInt8>) throws -> Void
  ) throws {
    var checksum = CRC64()
    var failure: (any Error)?
    var writer = PreTokenRunWriter(writesFirst: false)
    func flush() throws {
      let bytes = writer.buffer
      checksum.update(bytes.span)
      try output(bytes.span)
      writer.buffer.removeAll(keepingCapacity: true)
    }
    writer.buffer = Array((json(of: header).compact + "\n").utf8)
    do {
      try corpus.drainSorted { (preToken, count, _) throws(TrainingError) in
        try writer.append(preToken, count: count, first: 0)
        if writer.buffer.count < 1 << 18 { return }
        do {
          try flush()
        } catch {
          failure = error
          throw .cancelled
        }
      }
    } catch {
      throw failure ?? error
    }
    writer.finish()
    PreTokenRunWriter.append(UInt64(writer.distinctCount), to: &writer.buffer)
    PreTokenRunWriter.append(UInt64(writer.totalCount), to: &writer.buffer)
    try flush()
    var end: [UInt8] = []
    for shift in 0..<8 {
      end.append(UInt8(truncatingIfNeeded: checksum.value >> UInt64(8 * shift)))
    }
    try output(end.span)
  }

  private static func json(of header: Header) -> JSONValue {
    .members([
      "format": .string(format), "version": .integer(version),
      "pattern": .string(header.pattern.name), "expression": .string(header.pattern.expression),
      "unicode": .string(UnicodeVersion.pinned), "documents": .string(header.documents),
      "invalidUTF8": .string(header.invalidUTF8.rawValue), "inputs": .array(header.inputs),
    ])
  }

  /// Opens count files to be added up.
  ///
  /// The counts are read, and the checksums compared, when the corpus is used.
  ///
  /// - Returns: What all headers say, with the inputs of all of them; and the counts.
  /// - Throws: `TrainingError.countFile` for what is no count file, and for files that do not belong
  ///   together; `.unreadable`.
  public static func open(
    _ paths: [String]
  ) throws(TrainingError) -> (header: Header, corpus: CountedCorpus) {
    var common: Header?
    var readers: [PreTokenRunReader] = []
    for path in paths {
      let reader = try openReader(path)
      let header = try of(path) { () throws(TrainingError) in try readHeader(reader) }
      readers.append(reader)
      guard let first = common else {
        common = header
        continue
      }
      if let difference = difference(first, header) {
        throw .countFile(
          FormatError(
            file: path, place: .line(1),
            message: "does not belong to \(paths[0]): \(difference); count both alike"))
      }
      common?.inputs += header.inputs
    }
    guard let common else { throw .emptyCorpus }
    let counts = readers
    return (
      common,
      CountedCorpus(readers) {
        (index: Int, distinct: Int, total: Int) throws(TrainingError) in
        let path = paths[index]
        try of(path) { () throws(TrainingError) in
          try checkEnd(counts[index], distinct: distinct, total: total)
        }
      } naming: { (index, error) in
        if case .countFile(let error) = error { .countFile(error.of(paths[index])) } else { error }
      }
    )
  }

  private static func openReader(_ path: String) throws(TrainingError) -> PreTokenRunReader {
    do throws(FileError) {
      let file = try BlockReader(path)
      return PreTokenRunReader(readsFirst: false) { (buffer: inout [UInt8]) throws(TrainingError) in
        do throws(FileError) {
          try file.read(limit: 1 << 16, into: &buffer)
        } catch {
          throw .unreadable(error)
        }
      }
    } catch {
      throw .unreadable(error)
    }
  }

  private static func of<Value>(
    _ path: String, _ body: () throws(TrainingError) -> Value
  ) throws(TrainingError) -> Value {
    do throws(TrainingError) {
      return try body()
    } catch .countFile(let error) {
      throw .countFile(error.of(path))
    } catch {
      throw error
    }
  }

  private static func readHeader(_ reader: PreTokenRunReader) throws(TrainingError) -> Header {
    let notOne = FormatError(
      place: .line(1), message: "not a count file; 'tokenize train --counts-only' writes them")
    guard let line = try reader.line(startingWith: Array("{\"format\":\"\(format)\"".utf8)) else {
      throw .countFile(notOne)
    }
    let json: JSONValue
    do throws(FormatError) {
      json = try JSONValue(parsing: line)
    } catch {
      throw .countFile(error)
    }
    guard json["version"]?.integerValue == version else {
      throw .countFile(
        FormatError(
          place: .line(1),
          message:
            "the 'version' is not \(version), the one that is known here; a newer program may"
            + " have written it"))
    }
    guard json["unicode"]?.stringValue == UnicodeVersion.pinned else {
      throw .countFile(
        FormatError(
          place: .line(1),
          message: "counted with Unicode \(json["unicode"]?.stringValue ?? "of no version");"
            + " \(UnicodeVersion.pinned) expected; count again"))
    }
    guard let name = json["pattern"]?.stringValue,
      let expression = json["expression"]?.stringValue,
      let documents = json["documents"]?.stringValue,
      let policy = json["invalidUTF8"]?.stringValue.flatMap(InvalidUTF8Policy.init(rawValue:)),
      let inputs = json["inputs"]?.arrayValue
    else {
      throw .countFile(FormatError(place: .line(1), message: "a member of the header is missing"))
    }
    let pattern = SplitPattern.named(name) ?? SplitPattern(expression: expression)
    guard pattern.expression == expression else {
      throw .countFile(
        FormatError(
          place: .line(1), message: "the pattern '\(name)' is another one there; count again"))
    }
    return Header(pattern: pattern, invalidUTF8: policy, documents: documents, inputs: inputs)
  }

  private static func difference(_ one: Header, _ other: Header) -> String? {
    if one.pattern != other.pattern {
      return "split by \(other.pattern.name) and not by \(one.pattern.name)"
        + (one.pattern.name == other.pattern.name ? " of the same expression" : "")
    }
    if one.documents != other.documents {
      return "documents are \(other.documents) and not \(one.documents)"
    }
    if one.invalidUTF8 != other.invalidUTF8 {
      return "bytes that are not UTF-8 were read as '\(other.invalidUTF8.rawValue)' and not as"
        + " '\(one.invalidUTF8.rawValue)'"
    }
    return nil
  }

  /// Reads what follows the last pre-token.
  private static func checkEnd(
    _ reader: PreTokenRunReader, distinct: Int, total: Int
  ) throws(TrainingError) {
    let numbers = (try reader.number(), try reader.number())
    let checksum = reader.currentChecksum()
    var expected: UInt64 = 0
    for (index, byte) in try reader.bytes(8).enumerated() {
      expected |= UInt64(byte) << UInt64(8 * index)
    }
    guard checksum == expected, numbers == (distinct, total) else {
      throw .countFile(
        FormatError(
          place: .file,
          message: "the checksum is wrong: the file was changed or damaged; count again"))
    }
    guard try reader.isAtEnd() else {
      throw reader.malformed("something follows its end mark")
    }
  }
}
