extension GPT2Files {
  /// Trait of an entry: it has more than one character.
  static let isLong: UInt8 = 1
  /// Trait of an entry: it is spelled in the byte-level alphabet.
  static let isSpelled: UInt8 = 2

  /// Reads `vocab.json` into one arena, without an array for each token: start-up waits for this.
  ///
  /// - Returns: The vocabulary, and the traits of its entries in the order of their ids.
  static func readVocab(_ file: [UInt8]) throws(FormatError) -> (Vocabulary, [UInt8]) {
    var entries = try VocabJSON(file)
    // GPT-2's entries take 20 bytes of the file each.
    var tokens = TokenCollector(reserving: file.count / 16)
    if try !entries.isEmpty() {
      var failure: FormatError?
      // A token never takes more bytes than the file spells it with.
      let capacity = file.count + ByteLevelReader.longestToken
      tokens.arena = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { arena, count in
        guard let base = arena.baseAddress else { return }
        do throws(FormatError) {
          try unsafe readEntries(file, &entries, &tokens, base, &count)
        } catch {
          failure = error
        }
      }
      if let failure { throw failure }
    }
    do {
      let vocabulary = try tokens.vocabulary()
      return (vocabulary, tokens.traits)
    } catch {
      throw FormatError(place: .file, message: "\(error)")
    }
  }

  /// Reads all entries; `count` bytes are written to `arena`, which has room for those of the file.
  private static func readEntries(
    _ file: [UInt8], _ entries: inout VocabJSON, _ tokens: inout TokenCollector,
    _ arena: UnsafeMutablePointer<UInt8>, _ count: inout Int
  ) throws(FormatError) {
    try ByteLevelReader.with(file.span) { (reader) throws(FormatError) in
      var position = entries.position
      var spelling: [UInt8] = []
      var bytes: [UInt8] = []
      var isLast = false
      while !isLast {
        if let entry = unsafe reader.entry(at: position, token: arena + count) {
          count += entry.length
          tokens.append(
            entry.id, end: count, traits: entry.length > 1 ? isLong | isSpelled : isSpelled)
          position = entry.end
          continue
        }
        let (id, last) = try entries.next(at: position, &spelling)
        bytes.removeAll(keepingCapacity: true)
        let (spelled, scalarCount) = decodeSpelling(spelling.span, into: &bytes)
        // Outside of the alphabet: the entry can only be its own text.
        if !spelled { swap(&bytes, &spelling) }
        for byte in bytes {
          unsafe arena[count] = byte
          count += 1
        }
        tokens.append(
          id.rawValue, end: count,
          traits: (scalarCount > 1 ? isLong : 0) | (spelled ? isSpelled : 0))
        position = entries.position
        isLast = last
      }
    }
  }

  /// Appends the bytes that valid UTF-8 spells in the byte-level alphabet.
  ///
  /// - Returns: Whether all characters are in the alphabet, and how many there are.
  private static func decodeSpelling(
    _ text: Span<UInt8>, into bytes: inout [UInt8]
  ) -> (isSpelled: Bool, scalarCount: Int) {
    var scalarCount = 0
    var isSpelled = true
    var position = 0
    while position < text.count {
      let sequence = text.utf8Sequence(at: position)
      position += sequence.length
      scalarCount += 1
      if let byte = ByteAlphabet.byte(ofScalar: sequence.scalar) {
        bytes.append(byte)
      } else {
        isSpelled = false
      }
    }
    return (isSpelled, scalarCount)
  }

  /// Lines of `merges.txt` that are read before the tokens of the first are looked up.
  private static let batch = 16

  /// Reads `merges.txt`: lines in the usual spelling many at a time, any other by `readMerge`.
  static func readMerges(
    _ file: [UInt8], _ vocabulary: Vocabulary
  ) throws(FormatError) -> [BPEModel.Merge] {
    var merges: [BPEModel.Merge] = []
    merges.reserveCapacity(vocabulary.count)
    var bytes: [UInt8] = []
    var lines = LineReader(file)
    func readLine() throws(FormatError) -> Bool {
      guard let (line, number) = lines.next() else { return false }
      let text = file.span.extracting(line)
      if text.isEmpty || number == 1 && starts(text, with: "#version") { return true }
      merges.append(try readMerge(text, number, vocabulary, &bytes))
      return true
    }
    // The first line may be the version.
    if try !readLine() { return merges }
    // Each line's tokens in a part of their own, with room for whole loads behind the last.
    let stride = ByteLevelReader.longestToken
    let scratch = ZeroedMemory(byteCount: batch * stride + 16)
    var pending: [ByteLevelReader.Line] = []
    pending.reserveCapacity(batch)
    // Files are written in the order in which tokens were made: the next one is likely to be made next.
    var expected = 0
    try ByteLevelReader.with(file.span) { (reader) throws(FormatError) in
      try unsafe vocabulary.withLookup { (lookup) throws(FormatError) in
        let tokens = unsafe scratch.base.assumingMemoryBound(to: UInt8.self)
        while true {
          pending.removeAll(keepingCapacity: true)
          var position = lines.position
          while pending.count < batch,
            let line = unsafe reader.line(at: position, tokens: tokens + pending.count * stride)
          {
            unsafe lookup.prefetch(line.leftHash)
            unsafe lookup.prefetch(line.rightHash)
            pending.append(line)
            position = line.end
          }
          if pending.isEmpty, try !readLine() { return }
          for index in pending.indices {
            let line = pending[index]
            let merge = unsafe merge(
              line, tokens + index * stride, lookup, vocabulary, &expected)
            guard let merge else {
              // A token that is not there: `readMerge` says which.
              _ = try readLine()
              break
            }
            merges.append(merge)
            lines.resume(at: line.end)
          }
        }
      }
    }
    return merges
  }

  /// The merge that a line says; nil if one of its tokens is not in the vocabulary.
  ///
  /// - Parameters:
  ///   - start: The line's tokens, one behind the other, and at least 16 bytes of any kind behind them.
  ///   - expected: Position of the token that the merge likely makes; raised to the next one.
  @inline(__always)
  private static func merge(
    _ line: ByteLevelReader.Line, _ start: UnsafePointer<UInt8>, _ lookup: TokenIndexStorage.Lookup,
    _ vocabulary: Vocabulary, _ expected: inout Int
  ) -> BPEModel.Merge? {
    guard
      let left = unsafe lookup.position(ofPadded: start, count: line.left, hash: line.leftHash),
      let right = unsafe lookup.position(
        ofPadded: start + line.left, count: line.length - line.left, hash: line.rightHash)
    else { return nil }
    var merged = expected
    if unsafe merged >= vocabulary.count || !lookup.isToken(at: merged, padded: start, line.length)
    {
      guard let found = unsafe lookup.position(of: start, count: line.length) else { return nil }
      merged = found
    }
    expected = merged + 1
    return BPEModel.Merge(
      left: TokenID(vocabulary.ids[left]), right: TokenID(vocabulary.ids[right]),
      merged: TokenID(vocabulary.ids[merged]))
  }

  /// Reads one merge; `bytes` is scratch memory.
  private static func readMerge(
    _ line: Span<UInt8>, _ number: Int, _ vocabulary: Vocabulary, _ bytes: inout [UInt8]
  ) throws(FormatError) -> BPEModel.Merge {
    func fail(_ message: String) -> FormatError {
      FormatError(place: .line(number), message: message)
    }
    var space: Int?
    for position in line.indices where line[position] == 0x20 {
      if space != nil { throw fail("two tokens separated by one space expected, more fields met") }
      space = position
    }
    guard let space, space > 0, space < line.count - 1 else {
      throw fail("two tokens separated by one space expected")
    }
    guard UTF8Validation.isValid(line) else { throw fail("the line is not valid UTF-8") }
    bytes.removeAll(keepingCapacity: true)
    let left = 0..<space
    let right = space + 1..<line.count
    guard decodeSpelling(line.extracting(left), into: &bytes).isSpelled else {
      throw fail("'\(line.string(in: left))' holds a character that stands for no byte")
    }
    let middle = bytes.count
    guard decodeSpelling(line.extracting(right), into: &bytes).isSpelled else {
      throw fail("'\(line.string(in: right))' holds a character that stands for no byte")
    }
    let joined = bytes.span
    guard let leftID = vocabulary.id(of: joined.extracting(0..<middle)) else {
      throw fail("the token '\(line.string(in: left))' is not in the vocabulary")
    }
    guard let rightID = vocabulary.id(of: joined.extracting(middle..<joined.count)) else {
      throw fail("the token '\(line.string(in: right))' is not in the vocabulary")
    }
    guard let merged = vocabulary.id(of: joined) else {
      throw fail(
        "'\(line.string(in: left))' and '\(line.string(in: right))' make a token that is not in the"
          + " vocabulary")
    }
    return BPEModel.Merge(left: leftID, right: rightID, merged: merged)
  }

  private static func starts(_ bytes: Span<UInt8>, with prefix: String) -> Bool {
    guard bytes.count >= prefix.utf8.count else { return false }
    var position = 0
    for byte in prefix.utf8 {
      if bytes[position] != byte { return false }
      position += 1
    }
    return true
  }
}
