import Tokenizers

/// What `train` has made, with what there is to say about it.
struct TrainedTokenizer {
  let tokenizer: Tokenizer
  /// Bytes of the corpus.
  let byteCount: Int
  /// Tokens of the corpus.
  let tokenCount: Int
  /// Tokens of the corpus by the vocabulary that was extended.
  var initialTokenCount: Int?
  /// How it was made, for the manifest.
  let details: [JSONValue.Member]
  let merges: [BPEModel.Merge]
  /// Why it ended before it was done.
  let stop: String?

  /// The files of its folder.
  ///
  /// - Parameter inputs: What it was made from.
  func files(inputs: [JSONValue]) throws -> [(name: String, bytes: [UInt8])] {
    try TokenizerFolder.files(
      of: tokenizer,
      details: [.init("program", .string("tokenize \(Tokenize.programVersion)"))] + details
        + [.init("inputs", .array(inputs))])
  }

  /// What a person wants to see.
  func report(folder: String, sample: String?, _ diagnostics: Diagnostics) -> String {
    let special = tokenizer.specialTokens.entries.count
    var parts: [String] = []
    switch tokenizer.model {
    case is BPEModel where initialTokenCount != nil:
      let old = tokenizer.vocabularySize - merges.count
      parts = ["\(Numbers.grouped(old)) as before", Numbers.count(merges.count, "new merge")]
    case is BPEModel: parts = ["256 bytes", Numbers.count(merges.count, "merge")]
    case is CharacterModel:
      parts = [Numbers.count(tokenizer.vocabularySize - special, "character")]
    default: parts = [Numbers.count(tokenizer.vocabularySize - special, "word")]
    }
    if special > 0, initialTokenCount == nil {
      parts.append(Numbers.count(special, "special token"))
    }
    var text =
      diagnostics.heading(folder)
      + ": \(Numbers.count(tokenizer.vocabularySize, "token")) (\(parts.joined(separator: ", ")))\n"
    if let stop { text += stop + "\n" }
    if !merges.isEmpty {
      text +=
        (initialTokenCount == nil ? "first merges: " : "first new merges: ")
        + merges.prefix(10).map(spelling).joined(separator: ", ")
        + (merges.count > 10 ? ", …" : "") + "\n"
    }
    if tokenCount > 0 {
      let after = Double(byteCount) / Double(tokenCount)
      let before = initialTokenCount.map { Double(byteCount) / Double($0) } ?? 1
      text +=
        "bytes per token: \(Numbers.fixed(before, 2)) before, \(Numbers.fixed(after, 2)) after"
        + " (\(Numbers.count(byteCount, "byte")), \(Numbers.count(tokenCount, "token")))\n"
    }
    let isNamed = folder.hasPrefix("vocabs/") && !folder.dropFirst(7).contains("/")
    let name = isNamed ? String(folder.dropFirst(7)) : folder.contains("/") ? folder : "./" + folder
    return text
      + "try next: tokenize encode --vocab \(Self.shellWord(name))"
      + " --format pieces\(sample.map { " " + Self.shellWord($0) } ?? "")\n"
  }

  private func spelling(_ merge: BPEModel.Merge) -> String {
    func spell(_ id: TokenID) -> String {
      ByteAlphabet.spelling(of: tokenizer.vocabulary.bytes(of: id) ?? [])
    }
    return "\(spell(merge.left))+\(spell(merge.right))"
  }

  /// A word as a shell reads it.
  private static func shellWord(_ text: String) -> String {
    let isPlain = text.utf8.allSatisfy {
      $0 >= 0x80 || (0x30...0x39).contains($0) || (0x41...0x5A).contains($0)
        || (0x61...0x7A).contains($0) || "_-./+,:@".utf8.contains($0)
    }
    if isPlain, !text.isEmpty { return text }
    return "'"
      + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#)
      + "'"
  }
}
