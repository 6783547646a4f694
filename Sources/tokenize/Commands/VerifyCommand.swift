import ArgumentParser
import Tokenizers

/// `tokenize verify`
struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Train a tokenizer again and compare it with what is there, to the bit.",
    discussion: """
      The folder's manifest says how it was trained; the texts are given with --against, in any order. \
      Exit status 1 if a file of the folder differs, or the texts are not those that the manifest names.

      Examples:
        tokenize verify vocabs/corpus --against corpus.txt
        tokenize verify vocabs/all --from-counts a.counts b.counts
      """)

  @Argument(
    help: ArgumentHelp("The folder that 'train' has written.", valueName: "dir"),
    completion: .directory)
  var folder: String

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("The texts it was trained on.", valueName: "file"), completion: .file())
  var against: [String] = []

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("The counts of these texts, in their place.", valueName: "file"),
    completion: .file())
  var fromCounts: [String] = []

  @Option(
    help: ArgumentHelp(
      "The tokenizer that was extended, if one was.", valueName: "name|path"),
    completion: .custom(completeVocabulary))
  var extend: String?

  @Option(help: ArgumentHelp("Keep to this much memory.", valueName: "size"))
  var memory: MemorySize?

  @OptionGroup var engine: EngineOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var reporting: RunOptions

  func validate() throws {
    guard against.isEmpty != fromCounts.isEmpty else {
      throw ValidationError(
        "give the texts with --against FILE…, or counts with --from-counts FILE…")
    }
  }

  func run() throws {
    let manifestPath = folder + "/" + TokenizerFolder.manifestName
    let manifest: JSONValue
    do {
      manifest = try JSONValue(parsing: try FileBytes.read(manifestPath))
    } catch {
      throw Failure.of(manifestPath, error)
    }
    let plan = try TrainingPlan(manifest, path: manifestPath, base: try base(manifest))
    let (trained, inputs) = try train(plan)
    let files = try trained.files(inputs: inputs)
    var differences: [String] = []
    for file in files {
      let path = folder + "/" + file.name
      if file.name == TokenizerFolder.manifestName {
        differences += Self.differences(manifest, try JSONValue(parsing: file.bytes), path)
      } else if !FileBytes.exists(path) {
        differences.append("\(path): is not there")
      } else if let place = Self.firstDifference(try FileBytes.read(path), file.bytes) {
        differences.append("\(path): differs from what the texts give, \(place)")
      }
    }
    let report = try OutputFile(nil)
    for difference in differences { try report.write(difference + "\n") }
    if differences.isEmpty, !reporting.quiet {
      try report.write(
        "\(folder): the same to the bit (\(files.map(\.name).joined(separator: ", ")))\n")
    }
    try report.finish()
    if !differences.isEmpty { Machine.end(ExitStatus.difference.rawValue) }
  }

  /// The tokenizer that the manifest says was extended.
  private func base(_ manifest: JSONValue) throws -> Tokenizer? {
    guard let extended = manifest["extends"] else {
      if extend != nil { throw Failure(.usage, "--extend: \(folder) extends no other tokenizer") }
      return nil
    }
    guard let extend else {
      throw Failure(
        .usage, "\(folder) extends another tokenizer: name it with --extend")
    }
    let base = try VocabularyLocator.load(extend)
    if try TrainingPlan.description(of: base) != extended {
      throw Failure(
        .badData, "--extend \(extend): is not the tokenizer that \(folder) extends")
    }
    return base
  }

  private func train(
    _ plan: TrainingPlan
  ) throws -> (trained: TrainedTokenizer, inputs: [JSONValue]) {
    let means = TrainingPlan.Means(
      threads: threads.count, memory: memory?.bytes, engine: try engine.checked(),
      diagnostics: reporting.diagnostics)
    if fromCounts.isEmpty {
      let inputs = against.map { Input($0) }
      for input in inputs { try input.check() }
      let corpus = CorpusReader(
        inputs: inputs, documents: plan.documents, reporting.diagnostics)
      let trained = try plan.train(corpus, means)
      return (trained, corpus.manifest)
    }
    guard case .bpe(let bpe) = plan.model else {
      throw Failure(.usage, "--from-counts: only byte-level BPE is learnt from counts")
    }
    for path in fromCounts { try Input(path).check() }
    let (header, counts) = try CountFile.open(fromCounts)
    guard header.pattern == bpe.pattern, header.documents == plan.documents.name,
      header.invalidUTF8 == plan.invalidUTF8
    else {
      throw Failure(
        .badData, "\(fromCounts[0]): was not counted as the manifest of \(folder) says; count again"
      )
    }
    return (try plan.train(bpe, counts, means), CorpusReader.sorted(header.inputs))
  }

  /// What manifests say differently, but for the version of the program and the names of the texts.
  private static func differences(
    _ old: JSONValue, _ new: JSONValue, _ path: String
  ) -> [String] {
    func digests(_ manifest: JSONValue) -> [String] {
      (manifest["inputs"]?.arrayValue ?? []).map { $0["sha256"]?.stringValue ?? "" }.sorted()
    }
    var differences: [String] = []
    if digests(old) != digests(new) {
      let names = (old["inputs"]?.arrayValue ?? []).compactMap { $0["name"]?.stringValue }
      differences.append(
        "\(path): the texts are not those it names, \(names.joined(separator: ", ")): SHA-256 differs"
      )
    }
    guard case .object(let members) = old, case .object(let newMembers) = new else {
      return differences
    }
    let ignored = ["program", "inputs"]
    for name in Set((members + newMembers).map(\.name)).subtracting(ignored).sorted()
    where old[name] != new[name] {
      differences.append(
        "\(path): '\(name)' is \(old[name]?.compact ?? "missing"), the texts give"
          + " \(new[name]?.compact ?? "none")")
    }
    return differences
  }

  private static func firstDifference(_ old: [UInt8], _ new: [UInt8]) -> String? {
    if old == new { return nil }
    let offset = zip(old, new).enumerated().first { $1.0 != $1.1 }?.offset
    let place = offset ?? min(old.count, new.count)
    let line = old.prefix(place).count { $0 == 0x0A } + 1
    return "first in line \(line), byte \(place)"
  }
}
