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
      // Entries not yet in `tokens`, whose arrays are asked for room once for all of them.
      var batch = [64 of TokenCollector.Entry](repeating: TokenCollector.Entry())
      var pending = 0
      while !isLast {
        if pending < batch.count,
          let entry = unsafe reader.entry(at: position, token: arena + count)
        {
          count += entry.length
          batch[pending] = TokenCollector.Entry(
            id: entry.id, end: UInt32(truncatingIfNeeded: count),
            traits: entry.length > 1 ? isLong | isSpelled : isSpelled)
          pending += 1
          position = entry.end
          continue
        }
        tokens.append(batch.span.extracting(first: pending))
        if pending == batch.count {
          pending = 0
          continue
        }
        pending = 0
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
  static func decodeSpelling(
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
}
