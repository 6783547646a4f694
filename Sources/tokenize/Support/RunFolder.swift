import MiniLM
import Tokenizers

/// The folder of a training run: model, tokenizer, log, and what was asked for. One that transformers has
/// made, with a GPT-2 and its tokenizer in it, will do as well where a model is only used.
struct RunFolder {
  let path: String

  var logPath: String { path + "/log.jsonl" }
  var curvePath: String { path + "/curve.svg" }
  private var tokenizerPath: String { path + "/tokenizer" }

  /// Which of a run's models.
  enum Which: String, CaseIterable { case last, best }

  /// Makes the folder with the tokenizer in it, whole or not at all.
  func make(
    _ tokenizer: Tokenizer, source: String?, description: JSONValue, replaces: Bool
  ) throws {
    var files = try tokenizerFiles(tokenizer, source: source)
    files = files.map { ("tokenizer/" + $0.name, $0.bytes) }
    files.append(("run.json", Array(description.prettyPrinted.utf8)))
    try FolderWriter(path, replaces: replaces).write(files)
  }

  /// The files that give the tokenizer back; a rank table that no other format holds is copied.
  private func tokenizerFiles(
    _ tokenizer: Tokenizer, source: String?
  ) throws -> [(name: String, bytes: [UInt8])] {
    do {
      return try TokenizerFolder.files(of: tokenizer).filter { $0.name != "tokenizer.json" }
    } catch {
      guard let source, source.hasSuffix(".tiktoken") else { throw error }
      return [(Paths.name(of: source), try FileBytes.read(source))]
    }
  }

  /// The tokenizer of the run, or the one asked for in its place.
  func loadTokenizer(_ other: String? = nil) throws -> Tokenizer {
    try check()
    if let other { return try VocabularyOptions.load(other) }
    if Paths.kind(tokenizerPath) == .folder {
      let table = Paths.names(in: tokenizerPath).first { $0.hasSuffix(".tiktoken") }
      return try Tokenizer(contentsOf: table.map { tokenizerPath + "/" + $0 } ?? tokenizerPath)
    }
    guard Paths.kind(path + "/vocab.json") == .file else {
      throw Failure(
        .noInput, "\(path): there is no tokenizer in it; --vocab says which one the model has")
    }
    return try Tokenizer(contentsOf: path)
  }

  /// All that training goes on from.
  func loadCheckpoint() throws -> Checkpoint {
    try check()
    return try Checkpoint.load(from: path)
  }

  /// The model, once it is clear that it knows as many tokens as the tokenizer makes.
  func loadModel(_ which: Which, for tokenizer: Tokenizer) throws -> any LanguageModel {
    try check()
    let name = which == .last ? ModelFiles.last : ModelFiles.best
    if which == .best, Paths.kind(path + "/" + name) == nil {
      throw Failure(.noInput, "\(path): no best model was saved: there was no validation text")
    }
    let model = try ModelFiles.read(from: path, name: name).model
    let needed = TokenCorpus.modelVocabularySize(tokenizer)
    // A model may know more: vocabularies are often padded to a round number.
    guard model.vocabularySize >= needed else {
      throw Failure(
        .badData,
        "\(path): the model knows \(model.vocabularySize) tokens and the tokenizer makes \(needed): they do not belong together"
      )
    }
    return model
  }

  private func check() throws {
    switch Paths.kind(path) {
    case nil:
      throw Failure(
        .noInput,
        "\(path): there is no such run; 'tokenize lm train' makes one, in runs/ or where -o says")
    case .folder where Paths.kind(path + "/" + ModelFiles.configuration) == .file: break
    default:
      throw Failure(
        .noInput,
        "\(path): not the folder of a run: config.json and model.safetensors expected in it")
    }
  }
}
