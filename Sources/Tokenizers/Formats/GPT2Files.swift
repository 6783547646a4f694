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
    /// Whether each merge is known to join two tokens into one with the bytes of both.
    let mergesFit: Bool
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
    // Both files at the same time, as far as the second can be read without the first.
    var entries: Result<(Vocabulary, [UInt8]), FormatError>?
    var lines = MergeLines()
    for half in ParallelWork.map(2, { $0 == 0 ? Half(vocab: vocab) : Half(merges: merges) }) {
      switch half {
      case .vocab(let read): entries = read
      case .merges(let read): lines = read
      }
    }
    guard let entries else { preconditionFailure("one half is the vocabulary") }
    let (vocabulary, traits): (Vocabulary, [UInt8])
    do {
      (vocabulary, traits) = try entries.get()
    } catch {
      throw error.of(vocabName)
    }
    let pairs: [BPEModel.Merge]
    do {
      pairs = try readMerges(merges, lines, vocabulary)
    } catch {
      throw error.of(mergesName)
    }

    let tokens = vocabulary.tokens
    var made = [Bool](repeating: false, count: vocabulary.count)
    for merge in pairs {
      if let position = tokens.position(of: merge.merged) { made[position] = true }
    }
    var special: [SpecialTokens.Entry] = []
    var respelled: [SpecialTokens.Entry] = []
    for position in made.indices where traits[position] & isLong != 0 && !made[position] {
      let id = TokenID(tokens.ids[position])
      let bytes = vocabulary.bytes(of: id) ?? []
      let text =
        traits[position] & isSpelled != 0
        ? ByteAlphabet.spelling(of: bytes) : String(decoding: bytes, as: UTF8.self)
      special.append(.init(text: text, id: id))
      // A special token stands for its own text, not for bytes spelled in the alphabet.
      if !bytes.elementsEqual(text.utf8) { respelled.append(.init(text: text, id: id)) }
    }
    do {
      return Contents(
        vocabulary: respelled.isEmpty ? vocabulary : try vocabulary.replacing(respelled),
        merges: pairs, specialTokens: SpecialTokens(special), mergesFit: respelled.isEmpty)
    } catch {
      throw FormatError(file: vocabName, place: .file, message: "\(error)")
    }
  }

  /// What one file says without the other.
  private enum Half {
    case vocab(Result<(Vocabulary, [UInt8]), FormatError>)
    case merges(MergeLines)

    init(vocab: [UInt8]) {
      self = .vocab(Result { () throws(FormatError) in try readVocab(vocab) })
    }

    init(merges: [UInt8]) { self = .merges(MergeLines(merges)) }
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
