/// OpenAI's rank tables, `*.tiktoken`: one token a line, Base64 and its rank, which is its id too.
///
/// The file names no merges: two adjacent tokens merge if their joined bytes are a token, lowest rank
/// first. It names neither split pattern nor special tokens either; for the encodings that OpenAI
/// published they are known (`KnownEncoding`).
public enum TiktokenFile {
  /// What a rank table holds.
  public struct Contents: Sendable {
    /// All tokens of the file.
    public let vocabulary: Vocabulary
    /// The merge that makes each token, in the order of ranks.
    public let merges: [BPEModel.Merge]
    /// Tokens that merging their own bytes does not make: only a whole pre-token can be one of them.
    public let unreachable: [TokenID]
  }

  /// Reads a rank table with additional special tokens.
  ///
  /// - Throws: `FormatError` with the line that is not a token and a rank.
  public static func read(
    _ file: [UInt8], specialTokens: [SpecialTokens.Entry] = []
  ) throws(FormatError) -> Contents {
    let vocabulary = try readVocabulary(file, specialTokens: specialTokens)
    let (merges, unreachable) = merges(of: vocabulary, except: Set(specialTokens.map(\.id)))
    return Contents(vocabulary: vocabulary, merges: merges, unreachable: unreachable)
  }

  /// Reads the tokens alone. What is wrong in a file shows here: any tokens imply merges.
  static func readVocabulary(
    _ file: [UInt8], specialTokens: [SpecialTokens.Entry]
  ) throws(FormatError) -> Vocabulary {
    var tokens = try readTokens(file)
    for special in specialTokens {
      tokens.arena += special.text.utf8
      tokens.append(special.id.rawValue, end: tokens.arena.count)
    }
    let vocabulary: Vocabulary
    do {
      vocabulary = try tokens.vocabulary()
    } catch {
      throw FormatError(place: .file, message: "\(error)")
    }
    for byte in UInt8.min...UInt8.max where vocabulary.id(of: [byte]) == nil {
      throw FormatError(place: .file, message: "\(VocabularyError.missingByte(byte))")
    }
    return vocabulary
  }

  /// Reads all lines: one in the usual spelling at once, any other by `readLine`.
  private static func readTokens(_ file: [UInt8]) throws(FormatError) -> TokenCollector {
    // A line of OpenAI's tables takes 17 bytes.
    var tokens = TokenCollector(reserving: file.count / 16)
    var failure: FormatError?
    tokens.arena = unsafe [UInt8](unsafeUninitializedCapacity: file.count + 1) { arena, count in
      guard let base = arena.baseAddress else { return }
      do throws(FormatError) {
        try RankLineReader.with(file.span) { (reader) throws(FormatError) in
          var lines = LineReader(file)
          while true {
            // Base64 takes more bytes than it stands for: there is room for all that are to come.
            if let line = unsafe reader.line(at: lines.position, token: base + count) {
              count += line.length
              tokens.append(line.rank, end: count)
              lines.resume(at: line.end)
              continue
            }
            guard let (line, number) = lines.next() else { return }
            if line.isEmpty { continue }
            let (bytes, id) = try readLine(file.span.extracting(line), number)
            for byte in bytes {
              unsafe base[count] = byte
              count += 1
            }
            tokens.append(id.rawValue, end: count)
          }
        }
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return tokens
  }

  /// Reads one line, strictly.
  private static func readLine(
    _ line: Span<UInt8>, _ number: Int
  ) throws(FormatError) -> (bytes: [UInt8], id: TokenID) {
    func fail(_ message: String) -> FormatError {
      FormatError(place: .line(number), message: message)
    }
    var space = 0
    while space < line.count, line[space] != 0x20 { space += 1 }
    guard space < line.count else {
      throw fail("a token in Base64, one space and its rank expected")
    }
    var bytes: [UInt8] = []
    guard Base64.decode(line.extracting(0..<space), into: &bytes) else {
      throw fail("the token is not valid Base64")
    }
    var rank: UInt64 = 0
    guard space + 1 < line.count else { throw fail("the rank is missing") }
    for position in space + 1..<line.count {
      let digit = line[position]
      guard (0x30...0x39).contains(digit) else {
        throw fail("the rank must be an integer from 0 to 4294967295")
      }
      rank = rank * 10 + UInt64(digit - 0x30)
      if rank > UInt64(UInt32.max) {
        throw fail("the rank must be an integer from 0 to 4294967295")
      }
    }
    return (bytes, TokenID(UInt32(rank)))
  }

  /// The merges that a rank table implies: for each token, the two parts that are left when its own
  /// bytes are merged by rank and only the last merge is to be made.
  ///
  /// One pair a token is enough. Merges inside the bytes that become a token happen in the same order
  /// whatever stands around them, since the lowest rank, leftmost first, always goes first and none of
  /// them crosses the token's ends; so the two parts that finally meet are always the same.
  static func merges(
    of vocabulary: Vocabulary, except special: Set<TokenID>
  ) -> (merges: [BPEModel.Merge], unreachable: [TokenID]) {
    RankTableMerges.find(in: vocabulary, except: special)
      ?? mergesByDefinition(of: vocabulary, except: special)
  }

  /// The same, each token merged by itself: the definition.
  static func mergesByDefinition(
    of vocabulary: Vocabulary, except special: Set<TokenID>
  ) -> (merges: [BPEModel.Merge], unreachable: [TokenID]) {
    var merges: [BPEModel.Merge] = []
    var unreachable: [TokenID] = []
    merges.reserveCapacity(vocabulary.count)
    var parts = RankedParts()
    let tokens = vocabulary.tokens
    for id in vocabulary.tokenIDs where !special.contains(id) {
      guard let range = tokens.range(of: id), range.count > 1 else { continue }
      if let (left, right) = parts.lastMerge(of: range, in: vocabulary, except: special) {
        merges.append(BPEModel.Merge(left: left, right: right, merged: id))
      } else {
        unreachable.append(id)
      }
    }
    return (merges, unreachable)
  }

  /// The bytes of a rank table: every token but the special ones, ids ascending.
  ///
  /// - Throws: `FormatError` if ranks cannot say what the model's merges say.
  public static func bytes(
    of model: BPEModel, specialTokens: SpecialTokens
  ) throws(FormatError) -> [UInt8] {
    let special = Set(specialTokens.entries.map(\.id))
    let (merges, unreachable) = merges(of: model.vocabulary, except: special)
    guard merges == model.merges,
      unreachable.isEmpty || model.looksUpWholePreTokens
    else {
      throw FormatError(
        place: .file,
        message: "a rank table merges by id, and this vocabulary's merges are in another order")
    }
    var output: [UInt8] = []
    for id in model.vocabulary.tokenIDs where !special.contains(id) {
      output += Base64.encode(model.vocabulary.bytes(of: id) ?? [])
      output += " \(id)\n".utf8
    }
    return output
  }
}
