/// A tokenizer as a folder: `vocab.json`, for BPE `merges.txt` and `tokenizer.json`, and a manifest that
/// says what the other files leave out (model, split pattern, special tokens).
public enum TokenizerFolder {
  /// The name of the manifest.
  public static let manifestName = "manifest.json"
  /// The version of the manifest's form.
  static let manifestFormat = 1

  /// The files of a tokenizer, by name.
  ///
  /// - Parameters:
  ///   - tokenizer: What to save.
  ///   - details: Further members of the manifest: how the tokenizer was made.
  /// - Throws: `FormatError` if the model has no such files or they cannot hold it.
  public static func files(
    of tokenizer: Tokenizer, details: [JSONValue.Member] = []
  ) throws(FormatError) -> [(name: String, bytes: [UInt8])] {
    var files: [(name: String, bytes: [UInt8])] = []
    var members: [JSONValue.Member] = [.init("format", .integer(manifestFormat))]
    switch tokenizer.model {
    case let model as BPEModel:
      if model.looksUpWholePreTokens {
        throw FormatError(
          place: .file,
          message: "the vocabulary has tokens that only a whole pre-token can be, which merges.txt"
            + " cannot say")
      }
      members.append(.init("model", .string("bpe")))
      files.append(
        (
          "vocab.json",
          try GPT2Files.vocab(of: model.vocabulary, specialTokens: tokenizer.specialTokens)
        ))
      files.append(("merges.txt", GPT2Files.merges(of: model)))
      files.append(("tokenizer.json", TokenizerJSONFile.bytes(of: model, tokenizer)))
      if let pattern = tokenizer.splitPattern {
        members.append(.init("pattern", .string(pattern.name)))
        members.append(.init("expression", .string(pattern.expression)))
      }
    case let model as CharacterModel:
      members.append(.init("model", .string("character")))
      members.append(.init("unit", .string(model.unit.rawValue)))
      files.append(("vocab.json", plainVocab(model.vocabulary)))
    case let model as WordModel:
      members.append(.init("model", .string("word")))
      members.append(.init("splitter", .string(model.splitter.rawValue)))
      members.append(.init("lowercase", .bool(model.lowercases)))
      files.append(("vocab.json", plainVocab(model.vocabulary)))
    case is ByteModel:
      members.append(.init("model", .string("byte")))
    default:
      throw FormatError(place: .file, message: "there is no file format for this kind of model")
    }
    members.append(.init("unicode", .string(UnicodeVersion.pinned)))
    members.append(.init("vocabularySize", .integer(tokenizer.vocabularySize)))
    members.append(
      .init(
        "specialTokens",
        .array(
          tokenizer.specialTokens.entries.map {
            .members(["text": .string($0.text), "id": .integer(Int($0.id.rawValue))])
          })))
    files.append((manifestName, Array(JSONValue.object(members + details).prettyPrinted.utf8)))
    return files
  }

  /// Tokens as they are read, one line, ids ascending.
  private static func plainVocab(_ vocabulary: Vocabulary) -> [UInt8] {
    var text = "{"
    for id in vocabulary.tokenIDs {
      if text.utf8.count > 1 { text += ", " }
      let token = String(decoding: vocabulary.bytes(of: id) ?? [], as: UTF8.self)
      text += JSONValue.quoted(token) + ": \(id)"
    }
    return Array((text + "}\n").utf8)
  }
}

// MARK: - Reading

extension Tokenizer {
  /// Reads a tokenizer from a folder or a file.
  ///
  /// - Parameters:
  ///   - path: A folder with `vocab.json` and `merges.txt`, or `encoder.json` and `vocab.bpe`, or one that
  ///     `TokenizerFolder` has written; or a `*.tiktoken` file.
  ///   - pattern: How text is split, in the place of what the files say. A `*.tiktoken` file that is not
  ///     one of OpenAI's needs it.
  ///   - engine: Which code works on text; the ids do not depend on it.
  ///   - prepared: Folders in which the vocabulary's prepared form may lie, see `PreparedVocabulary`. Only this
  ///     user, and those whom the user trusts with the program itself, should be able to write there.
  /// - Throws: `FileError`, `FormatError`, or `PreTokenizationError` for a bad pattern.
  public init(
    contentsOf path: String, pattern: SplitPattern? = nil, engine: Engine = .automatic,
    prepared: [String] = []
  ) throws {
    if FileBytes.isFolder(path) {
      self = try Self.readFolder(path, pattern, engine, prepared)
    } else if path.hasSuffix(".tiktoken") {
      self = try Self.readRankTable(path, pattern, engine)
    } else {
      // A file that is not there is that first of all, whatever its name.
      _ = try FileBytes.read(path)
      throw FormatError(
        file: path, place: .file,
        message: "a folder with vocab.json and merges.txt, or a *.tiktoken file, expected")
    }
  }

  /// The files of GPT-2's format that a folder has.
  static func sources(in path: String) -> PreparedVocabulary.Sources? {
    let pairs = [("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe")]
    return pairs.first { FileBytes.exists(path + "/" + $0.0) }.map {
      PreparedVocabulary.Sources(vocab: path + "/" + $0.0, merges: path + "/" + $0.1)
    }
  }

  private static func readFolder(
    _ path: String, _ pattern: SplitPattern?, _ engine: Engine, _ prepared: [String]
  ) throws -> Tokenizer {
    let manifestPath = path + "/" + TokenizerFolder.manifestName
    var manifest: Manifest?
    if FileBytes.exists(manifestPath) {
      do {
        manifest = try Manifest(try FileBytes.read(manifestPath))
      } catch let error as FormatError {
        throw error.of(manifestPath)
      }
    }
    if let manifest, manifest.model != "bpe" {
      return try readPlain(path, manifest)
    }

    guard let sources = sources(in: path) else {
      throw FormatError(
        file: path, place: .file,
        message: "the folder holds neither vocab.json and merges.txt nor encoder.json and vocab.bpe"
      )
    }
    let splitPattern = pattern ?? manifest?.pattern ?? .gpt2
    if let contents = PreparedVocabulary.contents(of: sources, in: prepared),
      // Where the manifest's are others the files themselves say whose fault it is.
      let special = try? manifest?.specialTokens(in: contents.vocabulary, manifestPath)
        ?? contents.specialTokens
    {
      let model = BPEModel(
        prepared: contents.table, contents.vocabulary, idOfByte: contents.idOfByte,
        preTokenizer: try engine.makePreTokenizer(for: splitPattern))
      return Tokenizer(
        model: model, specialTokens: special, splitPattern: splitPattern)
    }
    let files = try FileBytes.read([sources.vocab, sources.merges])
    let contents = try GPT2Files.read(
      vocab: files[0], merges: files[1], vocabName: sources.vocab, mergesName: sources.merges)
    let special = try manifest?.specialTokens(in: contents.vocabulary, manifestPath)
    do {
      let model = try BPEModel(
        vocabulary: contents.vocabulary, merges: contents.merges,
        preTokenizer: try engine.makePreTokenizer(for: splitPattern),
        specialTokens: SpecialTokens(), looksUpWholePreTokens: false, mergesFit: contents.mergesFit)
      return Tokenizer(
        model: model, specialTokens: special ?? contents.specialTokens, splitPattern: splitPattern)
    } catch let error as VocabularyError {
      throw FormatError(file: path, place: .file, message: "\(error)")
    }
  }

  private static func readRankTable(
    _ path: String, _ pattern: SplitPattern?, _ engine: Engine
  ) throws -> Tokenizer {
    let name = path.split(separator: "/").last.map { String($0.dropLast(".tiktoken".count)) } ?? ""
    let known = KnownEncoding.named(name)
    let file = try FileBytes.read(path)
    guard let splitPattern = pattern ?? known?.pattern else {
      throw FormatError(
        file: path, place: .file,
        message: "a rank table does not say how text is split, and '\(name)' is none of"
          + " \(KnownEncoding.all.map(\.name).joined(separator: ", ")): give a pattern")
    }
    let special = known?.specialTokens ?? []
    do {
      let model = try BPEModel(
        rankTable: try TiktokenFile.readVocabulary(file, specialTokens: special),
        preTokenizer: try engine.makePreTokenizer(for: splitPattern),
        specialTokens: SpecialTokens(special))
      return Tokenizer(
        model: model, specialTokens: SpecialTokens(special), splitPattern: splitPattern)
    } catch let error as FormatError {
      throw error.of(path)
    } catch let error as VocabularyError {
      throw FormatError(file: path, place: .file, message: "\(error)")
    }
  }

  /// Reads a tokenizer of characters, words or bytes.
  private static func readPlain(_ path: String, _ manifest: Manifest) throws -> Tokenizer {
    let manifestPath = path + "/" + TokenizerFolder.manifestName
    if manifest.model == "byte" {
      do {
        let model = try ByteModel(specialTokens: manifest.special.map(\.text))
        let special = try manifest.specialTokens(in: model.vocabulary, manifestPath)
        return Tokenizer(model: model, specialTokens: special)
      } catch let error as VocabularyError {
        throw FormatError(file: manifestPath, place: .file, message: "\(error)")
      }
    }
    let vocabPath = path + "/vocab.json"
    let vocabulary: Vocabulary
    do {
      vocabulary = try PlainVocab.read(try FileBytes.read(vocabPath))
    } catch let error as FormatError {
      throw error.of(vocabPath)
    }
    let special = try manifest.specialTokens(in: vocabulary, manifestPath)
    switch manifest.model {
    case "character":
      guard let unit = CharacterModel.Unit(rawValue: manifest.unit ?? "") else {
        throw FormatError(
          file: manifestPath, place: .file, message: "'unit' must be \"scalar\" or \"grapheme\"")
      }
      return Tokenizer(
        model: CharacterModel(vocabulary: vocabulary, unit: unit, specialTokens: special),
        specialTokens: special)
    case "word":
      guard let splitter = WordModel.Splitter(rawValue: manifest.splitter ?? "") else {
        throw FormatError(
          file: manifestPath, place: .file,
          message: "'splitter' must be \"whitespace\" or \"punctuation\"")
      }
      return Tokenizer(
        model: WordModel(
          vocabulary: vocabulary, splitter: splitter, lowercases: manifest.lowercases,
          specialTokens: special),
        specialTokens: special)
    default:
      throw FormatError(
        file: manifestPath, place: .file,
        message: "'model' is \"\(manifest.model)\"; bpe, character, word or byte expected")
    }
  }
}

/// What a manifest says that reading needs.
private struct Manifest {
  let model: String
  let pattern: SplitPattern?
  let unit: String?
  let splitter: String?
  let lowercases: Bool
  let special: [SpecialTokens.Entry]

  init(_ bytes: [UInt8]) throws(FormatError) {
    let json = try JSONValue(parsing: bytes)
    guard json["format"]?.integerValue == TokenizerFolder.manifestFormat else {
      throw FormatError(
        place: .file,
        message:
          "the manifest's 'format' is not \(TokenizerFolder.manifestFormat), the one that is known"
          + " here; a newer version may have written it")
    }
    guard let model = json["model"]?.stringValue else {
      throw FormatError(place: .file, message: "the manifest does not say which 'model' it is of")
    }
    self.model = model
    if let name = json["pattern"]?.stringValue {
      pattern =
        SplitPattern.named(name)
        ?? json["expression"]?.stringValue.map { SplitPattern(expression: $0) }
      if pattern == nil {
        throw FormatError(place: .file, message: "the pattern '\(name)' is unknown")
      }
    } else {
      pattern = nil
    }
    unit = json["unit"]?.stringValue
    splitter = json["splitter"]?.stringValue
    lowercases = json["lowercase"]?.boolValue ?? false
    var special: [SpecialTokens.Entry] = []
    for entry in json["specialTokens"]?.arrayValue ?? [] {
      guard let text = entry["text"]?.stringValue,
        let id = entry["id"]?.integerValue.flatMap({ UInt32(exactly: $0) })
      else {
        throw FormatError(
          place: .file, message: "each of 'specialTokens' must have a 'text' and an 'id'")
      }
      special.append(.init(text: text, id: TokenID(id)))
    }
    self.special = special
  }

  /// The special tokens, each of which must be an entry of the vocabulary.
  func specialTokens(
    in vocabulary: Vocabulary, _ file: String
  ) throws(FormatError) -> SpecialTokens {
    for entry in special where vocabulary.bytes(of: entry.id) != Array(entry.text.utf8) {
      throw FormatError(
        file: file, place: .file,
        message: "the special token \(entry.text) is not in the vocabulary with id \(entry.id)")
    }
    return SpecialTokens(special)
  }
}

/// `vocab.json` of characters and words: the tokens as they are read, not in the byte-level alphabet.
private enum PlainVocab {
  static func read(_ file: [UInt8]) throws -> Vocabulary {
    var tokens: [(bytes: [UInt8], id: TokenID)] = []
    try VocabJSON.forEachEntry(of: file) { spelling, id in
      tokens.append((spelling.array(in: 0..<spelling.count), id))
    }
    do {
      return try Vocabulary(tokens)
    } catch {
      throw FormatError(place: .file, message: "\(error)")
    }
  }
}
