import MiniLM
import Tokenizers

/// The folder of a training run: model, tokenizer, log, and what was asked for.
struct RunFolder {
  let path: String

  var checkpointPath: String { path + "/model.minilm" }
  var logPath: String { path + "/log.jsonl" }
  private var tokenizerPath: String { path + "/tokenizer" }

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

  /// The tokenizer of the run.
  func loadTokenizer() throws -> Tokenizer {
    try check()
    let table = Paths.names(in: tokenizerPath).first { $0.hasSuffix(".tiktoken") }
    return try Tokenizer(contentsOf: table.map { tokenizerPath + "/" + $0 } ?? tokenizerPath)
  }

  /// The model of the run.
  func loadCheckpoint(withOptimizer: Bool = false) throws -> Checkpoint {
    try check()
    return try Checkpoint.load(from: checkpointPath, withOptimizer: withOptimizer)
  }

  private func check() throws {
    switch Paths.kind(path) {
    case nil:
      throw Failure(
        .noInput,
        "\(path): there is no such run; 'tokenize lm train' makes one, in runs/ or where -o says")
    case .folder where Paths.kind(tokenizerPath) == .folder && Paths.kind(checkpointPath) == .file:
      break
    default:
      throw Failure(
        .noInput, "\(path): not the folder of a run: model.minilm and tokenizer/ expected in it")
    }
  }
}
