import Tokenizers

/// Finds a tokenizer by its name or path.
enum VocabularyLocator {
  /// Files by one of which a folder is known for a tokenizer.
  private static let marks = ["vocab.json", "encoder.json", TokenizerFolder.manifestName]

  /// Reads the tokenizer that `vocab` names.
  static func load(
    _ vocab: String, pattern: SplitPattern? = nil, engine: Engine = .automatic
  ) throws -> Tokenizer {
    let path = try find(vocab)
    do {
      if let path {
        return try Tokenizer(
          contentsOf: path, pattern: pattern, engine: engine, prepared: PreparedFolders.all)
      }
      return Tokenizer(model: try ByteModel())
    } catch PreTokenizationError.engine(let error) {
      throw error
    } catch let error as PreTokenizationError {
      throw Failure(.badData, "\(path ?? vocab): \(error)")
    }
  }

  /// The path of a tokenizer; nothing for `byte`, which needs no files.
  static func find(_ vocab: String) throws -> String? {
    if vocab.isEmpty { throw Failure(.usage, "--vocab is empty: give a name or a path") }
    if vocab.contains("/") || isVocabulary(vocab) { return vocab }
    for folder in folders {
      if let path = path(of: vocab, in: folder) { return path }
    }
    if vocab == "byte" { return nil }
    if vocab == "char" || vocab == "word" {
      throw Failure(
        .usage,
        "--vocab \(vocab) is fitted to a text: make one with"
          + " 'tokenize train --model \(vocab) corpus.txt' and give its name")
    }
    if Paths.kind(vocab) == .file {
      throw Failure(
        .badData,
        "\(vocab): a folder with vocab.json and merges.txt, or a *.tiktoken file, expected")
    }
    let known = available
    throw Failure(
      .noInput,
      "no vocabulary is called '\(vocab)'; looked for it in "
        + folders.joined(separator: ", ")
        + (known.isEmpty ? "; there are none" : "; there are: " + known.joined(separator: ", ")))
  }

  /// The names that can be given from here.
  static var available: [String] {
    var names: Set<String> = []
    for folder in folders {
      for name in Paths.names(in: folder) {
        if isVocabulary(folder + "/" + name) {
          names.insert(name.hasSuffix(".tiktoken") ? String(name.dropLast(9)) : name)
        }
      }
    }
    return names.sorted()
  }

  /// Where names are looked for, in this order.
  static var folders: [String] {
    var folders = ["./vocabs"]
    if let search = Paths.environment("TOKENIZE_VOCABS") {
      folders += search.split(separator: ":").map(String.init)
    }
    if let program = Paths.program {
      let home = Paths.folder(of: program)
      folders.append(Paths.folder(of: home) + "/share/tokenize/vocabs")
      // A program in its build folder belongs to a package, which has vocabularies of its own.
      let components = home.split(separator: "/")
      if let build = components.lastIndex(of: ".build") {
        folders.append("/" + components[..<build].joined(separator: "/") + "/vocabs")
      }
    }
    return folders
  }

  /// Whether a vocabulary is read from files alone, and not from a pipe that gives its bytes once.
  static func isOfFiles(_ path: String) -> Bool {
    guard Paths.kind(path) == .folder else { return Paths.kind(path) == .file }
    let names = marks + ["merges.txt", "vocab.bpe"]
    return names.allSatisfy { [nil, .file].contains(Paths.kind(path + "/" + $0)) }
  }

  private static func path(of name: String, in folder: String) -> String? {
    [folder + "/" + name, folder + "/" + name + ".tiktoken"].first(where: isVocabulary)
  }

  private static func isVocabulary(_ path: String) -> Bool {
    switch Paths.kind(path) {
    case .folder: marks.contains { Paths.kind(path + "/" + $0) == .file }
    case .file: path.hasSuffix(".tiktoken")
    default: false
    }
  }
}
