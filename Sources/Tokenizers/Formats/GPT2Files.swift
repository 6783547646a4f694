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
    var entries: [VocabEntry]
    var vocabulary: Vocabulary
    do {
      entries = try readVocab(vocab)
      vocabulary = try Vocabulary(entries.map { ($0.bytes, $0.id) })
    } catch let error as FormatError {
      throw error.of(vocabName)
    } catch {
      throw FormatError(file: vocabName, place: .file, message: "\(error)")
    }
    let pairs: [BPEModel.Merge]
    do {
      pairs = try readMerges(merges, vocabulary)
    } catch {
      throw error.of(mergesName)
    }

    var made = Set(pairs.map(\.merged))
    var special: [SpecialTokens.Entry] = []
    var respelled = false
    for index in entries.indices where entries[index].isLong {
      let entry = entries[index]
      if made.contains(entry.id) { continue }
      made.insert(entry.id)
      special.append(.init(text: String(decoding: entry.spelling, as: UTF8.self), id: entry.id))
      // A special token stands for its own text, not for bytes spelled in the alphabet.
      if entry.bytes != entry.spelling {
        entries[index].bytes = entry.spelling
        respelled = true
      }
    }
    do {
      if respelled { vocabulary = try Vocabulary(entries.map { ($0.bytes, $0.id) }) }
    } catch {
      throw FormatError(file: vocabName, place: .file, message: "\(error)")
    }
    return Contents(
      vocabulary: vocabulary, merges: pairs, specialTokens: SpecialTokens(special))
  }

  /// One entry of `vocab.json`.
  private struct VocabEntry {
    /// UTF-8 of the key
    var spelling: [UInt8]
    /// what the key spells in the byte-level alphabet, or its own UTF-8 where it spells nothing
    var bytes: [UInt8]
    var id: TokenID
    /// whether the key has more than one character
    var isLong: Bool
  }

  private static func readVocab(_ file: [UInt8]) throws(FormatError) -> [VocabEntry] {
    var entries: [VocabEntry] = []
    try VocabJSON.forEachEntry(of: file) { spelling, id in entries.append(entry(spelling, id)) }
    return entries
  }

  private static func entry(_ spelling: [UInt8], _ id: TokenID) -> VocabEntry {
    let (bytes, scalarCount) = decodeSpelling(spelling.span)
    return VocabEntry(
      spelling: spelling, bytes: bytes ?? spelling, id: id, isLong: scalarCount > 1)
  }

  /// The bytes that valid UTF-8 spells in the byte-level alphabet, nothing if it holds a character
  /// outside of it, and the number of its characters.
  private static func decodeSpelling(_ text: Span<UInt8>) -> (bytes: [UInt8]?, scalarCount: Int) {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count)
    var scalarCount = 0
    var spelled = true
    var position = 0
    while position < text.count {
      scalarCount += 1
      let first = UInt32(text[position])
      var scalar = first
      if first >= 0xC0, first < 0xE0, position + 1 < text.count {
        scalar = (first & 0x1F) << 6 | UInt32(text[position + 1] & 0x3F)
        position += 2
      } else if first < 0x80 {
        position += 1
      } else {
        scalar = .max
        position += first >= 0xF0 ? 4 : 3
      }
      if let byte = ByteAlphabet.byte(ofScalar: scalar) { bytes.append(byte) } else { spelled = false }
    }
    return (spelled ? bytes : nil, scalarCount)
  }

  private static func readMerges(
    _ file: [UInt8], _ vocabulary: Vocabulary
  ) throws(FormatError) -> [BPEModel.Merge] {
    var merges: [BPEModel.Merge] = []
    var lines = LineReader(file)
    while let (line, number) = lines.next() {
      let text = file.span.extracting(line)
      if number == 1, starts(text, with: "#version") { continue }
      if text.isEmpty { continue }
      merges.append(try readMerge(text, number, vocabulary))
    }
    return merges
  }

  private static func readMerge(
    _ line: Span<UInt8>, _ number: Int, _ vocabulary: Vocabulary
  ) throws(FormatError) -> BPEModel.Merge {
    func fail(_ message: String) -> FormatError { FormatError(place: .line(number), message: message) }
    var space: Int?
    for position in line.indices where line[position] == 0x20 {
      if space != nil { throw fail("two tokens separated by one space expected, more fields met") }
      space = position
    }
    guard let space, space > 0, space < line.count - 1 else {
      throw fail("two tokens separated by one space expected")
    }
    guard isValidUTF8(line) else { throw fail("the line is not valid UTF-8") }
    let left = line.extracting(0..<space)
    let right = line.extracting(space + 1..<line.count)
    func known(_ field: Span<UInt8>) throws(FormatError) -> (bytes: [UInt8], id: TokenID) {
      guard let bytes = decodeSpelling(field).bytes else {
        throw fail("'\(text(field))' holds a character that stands for no byte")
      }
      guard let id = vocabulary.id(of: bytes) else {
        throw fail("the token '\(text(field))' is not in the vocabulary")
      }
      return (bytes, id)
    }
    let (leftBytes, leftID) = try known(left)
    let (rightBytes, rightID) = try known(right)
    guard let merged = vocabulary.id(of: leftBytes + rightBytes) else {
      throw fail("'\(text(left))' and '\(text(right))' make a token that is not in the vocabulary")
    }
    return BPEModel.Merge(left: leftID, right: rightID, merged: merged)
  }

  private static func isValidUTF8(_ bytes: Span<UInt8>) -> Bool {
    (try? UTF8Span(validating: bytes)) != nil
  }

  private static func text(_ bytes: Span<UInt8>) -> String {
    var copy: [UInt8] = []
    for position in bytes.indices { copy.append(bytes[position]) }
    return String(decoding: copy, as: UTF8.self)
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
          place: .file, message: "two tokens are spelled '\(spelling)', which vocab.json cannot hold")
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
