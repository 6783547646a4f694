/// What reading `vocab.json` and `merges.txt` gives, as it lies in memory, in a file: a start then reads tables
/// and does not make them.
///
/// The tokens that merges make are not in it: the table of merges spells them, when someone asks (`SpelledTokens`).
///
/// It is a copy and never a source. It holds the two files that it was made of, byte for byte, and counts for
/// nothing unless these are the bytes that the two files have now; and unless it has not been damaged, and
/// belongs to whoever runs the program or to the system. Where anything is wrong the two files are read as if it
/// were not there. `docs/formats.md` has the layout.
public enum PreparedVocabulary {
  /// How the names of such files end.
  public static let suffix = ".prepared"

  static let magic: [UInt8] = Array("tokprep\n".utf8)
  static let version: UInt32 = 2

  /// The numbers at the beginning.
  struct Header {
    /// Bytes in the file.
    static let size = 80
    /// From here on bytes count for the checksum.
    static let checked = 24

    var bits = 0
    var checksum: UInt64 = 0
    var vocabCount = 0
    var mergesCount = 0
    /// Tokens that neither are bytes nor made by merges, and their bytes.
    var otherCount = 0
    var otherBytes = 0
    var mergeCount = 0
    var specialCount = 0
    /// Bytes of all tokens.
    var tokenBytes = 0

    /// Bytes of a whole file; nil if the numbers are too large to be right.
    var fileSize: Int? {
      let counts = [
        vocabCount, mergesCount, otherCount, otherBytes, mergeCount, specialCount, tokenBytes,
      ]
      // The sum stays far below what an Int can hold.
      guard (4...23).contains(bits), counts.allSatisfy({ (0..<1 << 32).contains($0) }) else {
        return nil
      }
      return Self.size + 4 * 256 + MergeTableStorage.byteCount(bits: UInt64(bits))
        + 4 * (otherCount + 1) + 4 * otherCount + 4 * specialCount + otherBytes
        + vocabCount + mergesCount
    }
  }

  /// Where the two files of a folder are.
  struct Sources {
    let vocab: String
    let merges: String
  }
}

// MARK: - Writing

extension PreparedVocabulary {
  /// The prepared form of the vocabulary in a folder, and the name to keep it under.
  ///
  /// - Throws: `FileError` and `FormatError` as reading the vocabulary does, and `FormatError` for one that has
  ///   no prepared form: merges that are not in the order of their tokens' ids, other formats.
  public static func make(folder path: String) throws -> (name: String, bytes: [UInt8]) {
    guard FileBytes.isFolder(path), let sources = Tokenizer.sources(in: path) else {
      throw FormatError(
        file: path, place: .file,
        message: "only a folder with vocab.json and merges.txt has a prepared form")
    }
    let files = try FileBytes.read([sources.vocab, sources.merges])
    let contents = try GPT2Files.read(
      vocab: files[0], merges: files[1], vocabName: sources.vocab, mergesName: sources.merges)
    let vocabulary = contents.vocabulary
    let idOfByte: [TokenID]
    let table: MergeTableStorage
    do {
      idOfByte = try BPEModel.idOfByte(in: vocabulary)
      table = try MergeTableStorage(contents.merges, idOfByte: idOfByte)
    } catch {
      throw FormatError(file: path, place: .file, message: "\(error)")
    }
    guard contents.mergesFit, let image = table.preparable,
      let others = otherTokens(vocabulary, idOfByte, contents.merges.count),
      contents.specialTokens.entries.allSatisfy({ others.position(of: $0.id) != nil })
    else {
      throw FormatError(
        file: path, place: .file,
        message: "has no prepared form: ids of tokens do not follow the order of the merges")
    }
    var header = Header()
    header.bits = image.bits
    header.vocabCount = files[0].count
    header.mergesCount = files[1].count
    header.otherCount = others.ids.count
    header.otherBytes = others.arena.count
    header.mergeCount = contents.merges.count
    header.specialCount = contents.specialTokens.entries.count
    header.tokenBytes = vocabulary.tokens.arena.count
    guard let size = header.fileSize else {
      throw FormatError(file: path, place: .file, message: "is too large for a prepared form")
    }
    let parts = Parts(
      table: [littleEndian(idOfByte.map(\.rawValue)), image.bytes],
      others: [
        littleEndian(others.offsets), littleEndian(others.ids),
        littleEndian(contents.specialTokens.entries.map(\.id.rawValue)), others.arena,
      ])
    header.checksum = checksum(header, parts)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(size)
    for part in [encoded(header)] + parts.table + parts.others + files { bytes += part }
    guard let name = name(of: sources) else {
      throw FormatError(file: path, place: .file, message: "has been removed meanwhile")
    }
    return (name, bytes)
  }

  /// The tokens that neither are bytes nor made by merges, which are the last; nil if they are not.
  private static func otherTokens(
    _ vocabulary: Vocabulary, _ idOfByte: [TokenID], _ mergeCount: Int
  ) -> TokenList? {
    let tokens = vocabulary.tokens
    let first = 256 + mergeCount
    guard SpelledTokens.areInOrder(idOfByte), first <= vocabulary.count,
      tokens.position(of: TokenID(UInt32(first - 1))) == first - 1
    else { return nil }
    let start = tokens.offsets[first]
    return try? TokenList(
      arena: Array(tokens.arena[Int(start)...]),
      offsets: tokens.offsets[first...].map { $0 - start },
      ids: Array(tokens.ids[first...]))
  }

  /// Parts that are read at the same time.
  struct Parts {
    /// The tokens of bytes; the table of merges.
    var table: [[UInt8]]
    /// Of the other tokens: offsets; ids; ids of special tokens; bytes.
    var others: [[UInt8]]
  }

  /// Of the header and the parts.
  static func checksum(_ header: Header, _ parts: Parts) -> UInt64 {
    var (table, others) = (Checksum(), Checksum())
    for part in parts.table { unsafe part.withUnsafeBytes { unsafe table.add($0) } }
    for part in parts.others { unsafe part.withUnsafeBytes { unsafe others.add($0) } }
    return checksum(header, table, others)
  }

  /// The same, of the parts' own sums.
  static func checksum(_ header: Header, _ table: Checksum, _ others: Checksum) -> UInt64 {
    var sum = Checksum()
    let bytes =
      Array(encoded(header)[Header.checked...]) + littleEndian([table.value, others.value])
    unsafe bytes.withUnsafeBytes { unsafe sum.add($0) }
    return sum.value
  }

  static func encoded(_ header: Header) -> [UInt8] {
    magic + littleEndian([version, UInt32(header.bits)]) + littleEndian([header.checksum])
      + littleEndian(
        [
          header.vocabCount, header.mergesCount, header.otherCount, header.otherBytes,
          header.mergeCount, header.specialCount, header.tokenBytes,
        ].map { UInt64($0) })
  }

  /// Numbers as bytes, low byte first.
  private static func littleEndian<Number: FixedWidthInteger>(_ numbers: [Number]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(numbers.count * MemoryLayout<Number>.size)
    for number in numbers {
      for byte in 0..<MemoryLayout<Number>.size {
        bytes.append(UInt8(truncatingIfNeeded: number >> (8 * Number(byte))))
      }
    }
    return bytes
  }

  /// What the prepared form of two files is called: a guess at their contents by sizes and ends, so that copies
  /// of a vocabulary share one and different ones hardly ever do. It proves nothing: contents are compared.
  static func name(of sources: Sources) -> String? {
    guard let vocab = PinnedFile(sources.vocab), let merges = PinnedFile(sources.merges) else {
      return nil
    }
    return name(of: vocab, merges)
  }

  static func name(of vocab: PinnedFile, _ merges: PinnedFile) -> String? {
    var sum = Checksum()
    guard addEnd(of: vocab, to: &sum), addEnd(of: merges, to: &sum) else { return nil }
    let digits = String(sum.value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits + suffix
  }

  private static func addEnd(of file: PinnedFile, to sum: inout Checksum) -> Bool {
    let count = min(file.count, 4096)
    guard let end: [UInt8] = file.array(count, at: file.count - count) else { return false }
    unsafe (littleEndian([file.count]) + end).withUnsafeBytes { unsafe sum.add($0) }
    return true
  }
}
