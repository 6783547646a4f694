import Tokenizers

/// All that decides what is learnt: what the options of `train` say, and what a manifest says of them.
struct TrainingPlan {
  enum Model {
    case bpe(BPE)
    case fitted(FittedTokenizer.Kind)
  }

  struct BPE {
    var goal: BPETrainer.Goal
    var minimumFrequency: Int
    var maximumTokenLength: Int?
    var ties: TieRule
    var pattern: SplitPattern
    /// The vocabulary to be extended.
    var base: Tokenizer?
  }

  var model: Model
  var documents: DocumentKind
  var invalidUTF8: InvalidUTF8Policy
  var specialTokens: [String]

  /// What work is done with, and leaves no trace in the result.
  struct Means {
    let threads: Int
    /// Bytes that the program is to keep to, if there is a bound.
    let memory: Int?
    let engine: Engine
    let diagnostics: Diagnostics

    init(threads: Int, memory: Int?, engine: Engine, diagnostics: Diagnostics) {
      self.threads = threads
      self.memory = memory
      self.engine = engine
      self.diagnostics = diagnostics
      if memory != nil { SystemMemory.giveFreedBlocksBack() }
    }

    /// What the program takes before it has read anything, libraries included.
    private static let programSize = 20 << 20
    /// No bound below this can be kept to.
    static let leastMemory = 32 << 20

    /// What is left of the bound for texts, counts and rows.
    var workingMemory: Int? { memory.map { max(1 << 20, $0 - Self.programSize) } }
  }

  /// Learns from texts.
  func train(_ corpus: CorpusReader, _ means: Means) throws -> TrainedTokenizer {
    switch model {
    case .bpe(let bpe):
      return try train(bpe, try count(corpus, bpe.pattern, means), means)
    case .fitted(let kind):
      let fitted = try FittedTokenizer(
        kind: kind, corpus, invalidUTF8: invalidUTF8, specialTokens: specialTokens,
        threads: means.threads)
      return TrainedTokenizer(
        tokenizer: fitted.tokenizer, byteCount: corpus.byteCount, tokenCount: fitted.tokenCount,
        details: [
          .init("options", .object(documentMembers))
        ], merges: [], stop: nil)
    }
  }

  /// Counts the pre-tokens of texts.
  func count(
    _ corpus: CorpusReader, _ pattern: SplitPattern, _ means: Means
  ) throws -> CountedCorpus {
    let counter = PreTokenCounter(
      preTokenizer: try means.engine.makePreTokenizer(for: pattern),
      invalidUTF8: invalidUTF8, threads: means.threads, memory: means.workingMemory)
    try corpus.read(
      append: { try counter.append($0) }, endDocument: { try counter.endText() },
      endFile: { try counter.flush() })
    return try counter.finish()
  }

  /// Learns merges from counts.
  func train(
    _ bpe: BPE, _ counts: CountedCorpus, _ means: Means
  ) throws -> TrainedTokenizer {
    let trainer = BPETrainer(
      goal: bpe.goal, minimumFrequency: bpe.minimumFrequency,
      maximumTokenLength: bpe.maximumTokenLength, ties: bpe.ties, specialTokens: specialTokens,
      base: bpe.base, memory: means.workingMemory)
    var meter: ProgressMeter?
    let result = try trainer.train(counts) { done, asked in
      if meter == nil {
        meter = means.diagnostics.meter("learning", unit: "merges", total: asked)
      }
      meter?.update(done)
      return true
    }
    meter?.finish(result.learntCount)
    let model = try BPEModel(
      vocabulary: result.vocabulary, merges: result.merges,
      preTokenizer: try means.engine.makePreTokenizer(for: bpe.pattern),
      specialTokens: result.specialTokens)
    return TrainedTokenizer(
      tokenizer: Tokenizer(
        model: model, specialTokens: result.specialTokens, splitPattern: bpe.pattern),
      byteCount: result.byteCount, tokenCount: result.tokenCount,
      initialTokenCount: bpe.base == nil ? nil : result.initialTokenCount,
      details: [
        .init("options", .object(bpe.members + documentMembers))
      ] + (try bpe.base.map { [.init("extends", try Self.description(of: $0))] } ?? [])
        + [
          .init(
            "preTokens",
            .members([
              "distinct": .integer(counts.distinctCount), "total": .integer(counts.totalCount),
            ])), .init("merges", .integer(result.learntCount)),
          .init("stopReason", .string(result.stopReason.rawValue)),
        ],
      merges: Array(result.merges.suffix(result.learntCount)), stop: stopText(bpe, result))
  }

  /// Why there are fewer merges than were asked for.
  private func stopText(_ bpe: BPE, _ result: BPETrainer.Result) -> String? {
    let asked =
      switch bpe.goal {
      case .merges(let count): count
      case .vocabularySize(let size):
        size - result.vocabulary.count + result.learntCount
      }
    let start =
      "stopped after \(Numbers.grouped(result.learntCount)) of \(Numbers.grouped(asked)) merges: "
    switch result.stopReason {
    case .goalReached: return nil
    case .noPairLeft:
      return start
        + (bpe.maximumTokenLength == nil && bpe.base == nil
          ? "every piece of the text is one token, no pair is left"
          : "no pair is left that may be merged")
    case .belowMinimumFrequency:
      return start + "no pair left occurs \(bpe.minimumFrequency) times"
    }
  }

  /// What was extended, so that it can be told from others.
  static func description(of base: Tokenizer) throws -> JSONValue {
    var digest = Digest()
    for file in try TokenizerFolder.files(of: base) where file.name != TokenizerFolder.manifestName
    {
      digest.update(file.bytes.span)
    }
    return .members([
      "vocabularySize": .integer(base.vocabularySize), "sha256": .string(digest.hexadecimal),
    ])
  }

  fileprivate var documentMembers: [JSONValue.Member] {
    var members: [JSONValue.Member] = [.init("lines", .bool(documents == .lines))]
    if case .jsonLines(let field) = documents {
      members.append(.init("jsonlField", .string(field)))
    }
    return members + [.init("invalidUTF8", .string(invalidUTF8.rawValue))]
  }
}

extension TrainingPlan.BPE {
  /// What is not asked for leaves no trace.
  fileprivate var members: [JSONValue.Member] {
    var members: [JSONValue.Member] = []
    switch goal {
    case .merges(let count): members.append(.init("merges", .integer(count)))
    case .vocabularySize(let size): members.append(.init("vocabularySize", .integer(size)))
    }
    members.append(.init("minimumFrequency", .integer(minimumFrequency)))
    if let maximumTokenLength {
      members.append(.init("maximumTokenLength", .integer(maximumTokenLength)))
    }
    if ties != .huggingface { members.append(.init("ties", .string(ties.rawValue))) }
    return members
  }
}

extension TrainingPlan {
  /// The plan that a manifest tells of.
  ///
  /// - Throws: `Failure` if it does not say how the tokenizer was trained.
  init(_ manifest: JSONValue, path: String, base: Tokenizer?) throws {
    guard let options = manifest["options"] else {
      throw Failure(
        .badData, "\(path): does not say how the tokenizer was trained: there are no 'options'")
    }
    func bad(_ name: String) -> Failure {
      Failure(.badData, "\(path): '\(name)' is missing, or not what 'train' writes")
    }
    guard let policy = options["invalidUTF8"]?.stringValue,
      let invalidUTF8 = InvalidUTF8Policy(rawValue: policy)
    else { throw bad("invalidUTF8") }
    self.invalidUTF8 = invalidUTF8
    if let field = options["jsonlField"]?.stringValue {
      documents = .jsonLines(field: field)
    } else {
      documents = options["lines"]?.boolValue == true ? .lines : .files
    }
    let baseTokens = base?.specialTokens.entries.count ?? 0
    specialTokens = (manifest["specialTokens"]?.arrayValue ?? []).dropFirst(baseTokens)
      .compactMap { $0["text"]?.stringValue }
    switch manifest["model"]?.stringValue {
    case "bpe":
      let goal: BPETrainer.Goal
      if let count = options["merges"]?.integerValue {
        goal = .merges(count)
      } else if let size = options["vocabularySize"]?.integerValue {
        goal = .vocabularySize(size)
      } else {
        throw bad("merges")
      }
      let ties = options["ties"]?.stringValue ?? TieRule.huggingface.rawValue
      guard let rule = TieRule(rawValue: ties) else { throw bad("ties") }
      guard let name = manifest["pattern"]?.stringValue,
        let expression = manifest["expression"]?.stringValue
      else { throw bad("pattern") }
      model = .bpe(
        BPE(
          goal: goal, minimumFrequency: options["minimumFrequency"]?.integerValue ?? 0,
          maximumTokenLength: options["maximumTokenLength"]?.integerValue, ties: rule,
          pattern: SplitPattern.named(name) ?? SplitPattern(expression: expression), base: base))
    case "character":
      guard let unit = manifest["unit"]?.stringValue.flatMap(CharacterModel.Unit.init(rawValue:))
      else { throw bad("unit") }
      model = .fitted(.characters(unit))
    case "word":
      guard
        let splitter = manifest["splitter"]?.stringValue.flatMap(
          WordModel.Splitter.init(rawValue:))
      else { throw bad("splitter") }
      model = .fitted(
        .words(splitter, lowercases: manifest["lowercase"]?.boolValue ?? false))
    default: throw bad("model")
    }
  }
}
