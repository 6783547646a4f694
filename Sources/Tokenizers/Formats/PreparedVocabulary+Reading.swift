extension PreparedVocabulary {
  /// What is needed of a vocabulary.
  struct Contents {
    let vocabulary: Vocabulary
    let table: MergeTableStorage
    let idOfByte: [TokenID]
    let specialTokens: SpecialTokens
  }

  /// The prepared form of two files, if one of the folders holds one of what they say now.
  ///
  /// Whatever a file in a folder holds: at worst nil, or, where someone who may write there has made it on
  /// purpose, other tokens and ids; never a place outside of the tables.
  ///
  /// - Complexity: Reads all of the form and both files, a few times as fast as their text is understood.
  static func contents(of sources: Sources, in folders: [String]) -> Contents? {
    if folders.isEmpty || 1.littleEndian != 1 { return nil }
    guard let vocab = PinnedFile(sources.vocab), let merges = PinnedFile(sources.merges),
      let name = name(of: vocab, merges)
    else { return nil }
    for folder in folders {
      guard let file = PinnedFile(folder + "/" + name), file.isOwn else { continue }
      return read(file, vocab, merges)
    }
    return nil
  }

  private static func read(
    _ file: PinnedFile, _ vocab: PinnedFile, _ merges: PinnedFile
  ) -> Contents? {
    guard let bytes: [UInt8] = file.array(Header.size, at: 0), let header = header(of: bytes),
      header.fileSize == file.count,
      header.vocabCount == vocab.count, header.mergesCount == merges.count,
      // Tokens have bytes, and no more than their spellings.
      header.otherBytes + 256 + header.mergeCount <= header.tokenBytes,
      header.tokenBytes <= header.vocabCount
    else { return nil }
    let copies = file.count - header.mergesCount - header.vocabCount
    let sources = pieces(of: vocab, at: copies) + pieces(of: merges, at: copies + vocab.count)
    // The table first, which takes longest: a thread that is needed later begins with the sources.
    let read = ParallelWork.map(1 + sources.count) { number -> Piece in
      if number == 0 { return .table(table(file, header)) }
      let source = sources[number - 1]
      return .copy(file.holds(source.file, source.range, at: source.offset))
    }
    guard case .table(let table?) = read[0], let others = others(file, header),
      checksum(header, table.sum, others.sum) == header.checksum
    else { return nil }
    for piece in read.dropFirst() {
      guard case .copy(true) = piece else { return nil }
    }
    return Contents(
      vocabulary: SpelledTokens.vocabulary(
        of: table.storage, table.idOfByte, others.tokens, byteCount: header.tokenBytes),
      table: table.storage, idOfByte: table.idOfByte, specialTokens: others.special)
  }

  /// What one of several threads reads.
  private enum Piece {
    case table((storage: MergeTableStorage, idOfByte: [TokenID], sum: Checksum)?)
    case copy(Bool)
  }

  /// A part of a source, and where its copy begins.
  private struct SourcePiece {
    let file: PinnedFile
    let range: Range<Int>
    let offset: Int
  }

  private static func pieces(of file: PinnedFile, at offset: Int) -> [SourcePiece] {
    let size = 1 << 18
    return stride(from: 0, to: file.count, by: size).map {
      SourcePiece(file: file, range: $0..<min(file.count, $0 + size), offset: offset + $0)
    }
  }

  /// The table of merges; nil if it leads out of itself.
  private static func table(
    _ file: PinnedFile, _ header: Header
  ) -> (storage: MergeTableStorage, idOfByte: [TokenID], sum: Checksum)? {
    var reader = Reader(file, at: Header.size)
    guard let bytes: [UInt32] = reader.next(256) else { return nil }
    let idOfByte = bytes.map { TokenID($0) }
    guard SpelledTokens.areInOrder(idOfByte) else { return nil }
    // All of the room is written, or none of it is used.
    let storage = unsafe MergeTableStorage(
      preparedBits: header.bits, mergeCount: header.mergeCount, idOfByte: idOfByte,
      fill: { room in unsafe reader.next(room) })
    return storage.map { ($0, idOfByte, reader.sum) }
  }

  /// The tokens that merges do not make; nil if they do not hold together.
  private static func others(
    _ file: PinnedFile, _ header: Header
  ) -> (tokens: TokenList, special: SpecialTokens, sum: Checksum)? {
    var reader = Reader(
      file,
      at: Header.size + 4 * 256 + MergeTableStorage.byteCount(bits: UInt64(header.bits)))
    guard let offsets: [UInt32] = reader.next(header.otherCount + 1),
      let ids: [UInt32] = reader.next(header.otherCount),
      let special: [UInt32] = reader.next(header.specialCount),
      let arena: [UInt8] = reader.next(header.otherBytes), areBounds(offsets, arena.count),
      ids.first ?? .max >= UInt32(256 + header.mergeCount),
      let tokens = try? TokenList(arena: arena, offsets: offsets, ids: ids, areDistinct: true),
      let specialTokens = specialTokens(special, tokens)
    else { return nil }
    return (tokens, specialTokens, reader.sum)
  }

  /// The header; nil if it is no such file, or of another version.
  static func header(of bytes: [UInt8]) -> Header? {
    guard bytes.count >= Header.size, bytes.starts(with: magic) else { return nil }
    func number(at offset: Int, _ size: Int) -> UInt64 {
      bytes[offset..<offset + size].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
    func count(_ index: Int) -> Int {
      Int(exactly: number(at: Header.checked + 8 * index, 8)) ?? -1
    }
    guard number(at: 8, 4) == version else { return nil }
    return Header(
      bits: Int(number(at: 12, 4)), checksum: number(at: 16, 8), vocabCount: count(0),
      mergesCount: count(1), otherCount: count(2), otherBytes: count(3), mergeCount: count(4),
      specialCount: count(5), tokenBytes: count(6))
  }

  /// Parts of a file, one after the other, and their sum.
  private struct Reader {
    private let file: PinnedFile
    private var offset: Int
    private(set) var sum = Checksum()

    init(_ file: PinnedFile, at offset: Int) {
      self.file = file
      self.offset = offset
    }

    /// The next numbers; nil if the file ends before.
    mutating func next<Number: FixedWidthInteger & BitwiseCopyable>(_ count: Int) -> [Number]? {
      guard let array: [Number] = file.array(count, at: offset) else { return nil }
      unsafe array.withUnsafeBytes { unsafe sum.add($0) }
      offset += count * MemoryLayout<Number>.stride
      return array
    }

    /// Fills `room` with the next bytes; false if the file ends before.
    mutating func next(_ room: UnsafeMutableRawBufferPointer) -> Bool {
      guard unsafe file.read(room, at: offset) else { return false }
      unsafe sum.add(UnsafeRawBufferPointer(room))
      offset += room.count
      return true
    }
  }

  /// Whether these are where tokens begin, ascending, and the end of all.
  private static func areBounds(_ offsets: [UInt32], _ end: Int) -> Bool {
    guard offsets.first == 0, let last = offsets.last, Int(last) == end else { return false }
    // How many descend, without a branch for each.
    return unsafe offsets.withUnsafeBufferPointer { offsets in
      var descents = 0
      // A neighbour is there.
      for index in 1..<offsets.count {
        descents &+= unsafe offsets[index &- 1] > offsets[index] ? 1 : 0
      }
      return descents == 0
    }
  }

  /// The special tokens with these ids; nil if one of them is not among the tokens, or no text.
  private static func specialTokens(_ ids: [UInt32], _ tokens: TokenList) -> SpecialTokens? {
    var entries: [SpecialTokens.Entry] = []
    for id in ids {
      guard let bytes = tokens.bytes(of: TokenID(id)), UTF8Validation.isValid(bytes.span) else {
        return nil
      }
      entries.append(.init(text: String(decoding: bytes, as: UTF8.self), id: TokenID(id)))
    }
    return SpecialTokens(entries)
  }
}
