/// GPT-2's two files: `vocab.json` (first called `encoder.json`) and `merges.txt` (`vocab.bpe`).
///
/// Both spell tokens in the byte-level alphabet. The merges give every token but the bytes; entries of
/// more than one character that no merge makes are special tokens.
public enum GPT2Files {
  /// What the two files hold.
  public struct Contents: Sendable {
    /// All tokens, special tokens included.
    public let vocabulary: Vocabulary
    /// The merges in the order of their ranks.
    public let merges: [BPEModel.Merge]
    /// Entries of more than one character that no merge makes.
    public let specialTokens: SpecialTokens
  }

  /// Reads both files from bytes.
  ///
  /// A byte order mark, CR LF line ends, blank lines, a missing `#version` line and a missing last
  /// newline are accepted in the merges; JSON may be escaped or raw, in any order.
  ///
  /// - Parameters:
  ///   - vocab: The bytes of `vocab.json`.
  ///   - merges: The bytes of `merges.txt`.
  ///   - vocabName: How to call the first file in errors.
  ///   - mergesName: How to call the second.
  public static func read(
    vocab: [UInt8], merges: [UInt8], vocabName: String = "vocab.json",
    mergesName: String = "merges.txt"
  ) throws(FormatError) -> Contents {
    let (vocabulary, traits): (Vocabulary, [EntryTraits])
    do {
      (vocabulary, traits) = try readVocab(vocab)
    } catch {
      throw error.of(vocabName)
    }
    let pairs: [BPEModel.Merge]
    do {
      pairs = try readMerges(merges, vocabulary)
    } catch {
      throw error.of(mergesName)
    }

    var made = [Bool](repeating: false, count: vocabulary.count)
    for merge in pairs {
      if let position = vocabulary.position(of: merge.merged) { made[position] = true }
    }
    var special: [SpecialTokens.Entry] = []
    var respelled: [SpecialTokens.Entry] = []
    for position in made.indices where traits[position].isLong && !made[position] {
      let id = TokenID(vocabulary.ids[position])
      let bytes = vocabulary.bytes(of: id) ?? []
      let text =
        traits[position].isSpelled
        ? ByteAlphabet.spelling(of: bytes) : String(decoding: bytes, as: UTF8.self)
      special.append(.init(text: text, id: id))
      // A special token stands for its own text, not for bytes spelled in the alphabet.
      if !bytes.elementsEqual(text.utf8) { respelled.append(.init(text: text, id: id)) }
    }
    do {
      return Contents(
        vocabulary: respelled.isEmpty ? vocabulary : try vocabulary.replacing(respelled),
        merges: pairs, specialTokens: SpecialTokens(special))
    } catch {
      throw FormatError(file: vocabName, place: .file, message: "\(error)")
    }
  }

  /// What the spelling of an entry of `vocab.json` tells beside its bytes.
  private struct EntryTraits {
    /// Whether it has more than one character.
    var isLong: Bool
    /// Whether it is spelled in the byte-level alphabet.
    var isSpelled: Bool
  }

  /// Reads `vocab.json` into one arena, without an array for each token: start-up waits for this.
  ///
  /// - Returns: The vocabulary, and the traits of its entries in the order of their ids.
  private static func readVocab(
    _ file: [UInt8]
  ) throws(FormatError) -> (Vocabulary, [EntryTraits]) {
    var arena: [UInt8] = []
    arena.reserveCapacity(file.count / 2)
    var entries: [(id: UInt32, range: Range<Int>, traits: EntryTraits)] = []
    try VocabJSON.forEachEntry(of: file) { spelling, id in
      let start = arena.count
      let (isSpelled, scalarCount) = decodeSpelling(spelling, into: &arena)
      if !isSpelled {
        // Outside of the alphabet: the entry can only be its own text.
        arena.removeSubrange(start...)
        for position in spelling.indices { arena.append(spelling[position]) }
      }
      entries.append(
        (
          id.rawValue, start..<arena.count,
          EntryTraits(isLong: scalarCount > 1, isSpelled: isSpelled)
        ))
    }
    var order = true
    for index in 1..<max(1, entries.count) where entries[index - 1].id >= entries[index].id {
      order = false
    }
    if !order { entries.sort { $0.id < $1.id } }
    do {
      let vocabulary = try Vocabulary(
        arena: arena, ranges: entries.map(\.range), ids: entries.map(\.id))
      return (vocabulary, entries.map(\.traits))
    } catch {
      throw FormatError(place: .file, message: "\(error)")
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

  private static func readMerges(
    _ file: [UInt8], _ vocabulary: Vocabulary
  ) throws(FormatError) -> [BPEModel.Merge] {
    var merges: [BPEModel.Merge] = []
    merges.reserveCapacity(vocabulary.count)
    var bytes: [UInt8] = []
    var lines = LineReader(file)
    while let (line, number) = lines.next() {
      let text = file.span.extracting(line)
      if number == 1, starts(text, with: "#version") { continue }
      if text.isEmpty { continue }
      merges.append(try readMerge(text, number, vocabulary, &bytes))
    }
    return merges
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

// MARK: - Writing

extension GPT2Files {
  /// The bytes of `vocab.json`, as GPT-2's was written: one line, ids ascending, all but ASCII escaped.
  ///
  /// - Throws: `FormatError` if two tokens would be spelled alike.
  public static func vocab(
    of vocabulary: Vocabulary, specialTokens: SpecialTokens
  ) throws(FormatError) -> [UInt8] {
    var text = "{"
    var spellings: Set<[UInt8]> = []
    for id in vocabulary.tokenIDs {
      guard let bytes = vocabulary.bytes(of: id) else { continue }
      let spelling =
        specialTokens.contains(id)
        ? String(decoding: bytes, as: UTF8.self) : ByteAlphabet.spelling(of: bytes)
      guard spellings.insert(Array(spelling.utf8)).inserted else {
        throw FormatError(
          place: .file,
          message: "two tokens are spelled '\(spelling)', which vocab.json cannot hold")
      }
      if text.utf8.count > 1 { text += ", " }
      text += JSONValue.quoted(spelling, asciiOnly: true)
      text += ": \(id)"
    }
    return Array((text + "}").utf8)
  }

  /// The bytes of `merges.txt`: the version line, then one merge a line.
  public static func merges(of model: BPEModel) -> [UInt8] {
    var text = "#version: 0.2\n"
    for merge in model.merges {
      guard let left = model.vocabulary.bytes(of: merge.left),
        let right = model.vocabulary.bytes(of: merge.right)
      else { continue }
      text += ByteAlphabet.spelling(of: left) + " " + ByteAlphabet.spelling(of: right) + "\n"
    }
    return Array(text.utf8)
  }
}
