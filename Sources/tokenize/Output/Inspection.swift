import Tokenizers

/// What `inspect` says, for people and as JSON.
struct Inspection {
  private let tokenizer: Tokenizer
  private let name: String
  private let diagnostics: Diagnostics
  private let spelling: TokenSpelling

  init(_ tokenizer: Tokenizer, _ name: String, _ diagnostics: Diagnostics) {
    self.tokenizer = tokenizer
    self.name = name
    self.diagnostics = diagnostics
    spelling = TokenSpelling(tokenizer)
  }

  private var modelName: String {
    switch tokenizer.model {
    case is BPEModel: "byte-level BPE"
    case let model as CharacterModel: model.unit == .scalar ? "characters" : "grapheme clusters"
    case let model as WordModel:
      "words split at \(model.splitter == .whitespace ? "white space" : "white space and punctuation")"
    default: "bytes"
    }
  }

  /// A token by its text, its spelling, or its id.
  func find(_ token: String) -> TokenID? {
    if let number = UInt32(token), tokenizer.vocabulary.bytes(of: TokenID(number)) != nil {
      return TokenID(number)
    }
    if let id = tokenizer.vocabulary.id(of: Array(token.utf8)) { return id }
    return ByteAlphabet.bytes(ofSpelling: token).flatMap { tokenizer.vocabulary.id(of: $0) }
  }

  // MARK: Summary

  func summary(_ report: VocabularyReport) -> String {
    var lines: [(String, String)] = [
      ("model", modelName), ("tokens", Numbers.grouped(report.size)),
      ("single bytes", Numbers.grouped(report.byteCount)),
      ("longer tokens", Numbers.grouped(report.longerCount)),
      ("special tokens", Numbers.grouped(report.specialCount)),
      ("largest id", report.largestID.map { Numbers.grouped(Int($0.rawValue)) } ?? "-"),
      ("unused ids", Numbers.grouped(report.holeCount)),
      ("begin with space", Numbers.grouped(report.spaceInitialCount)),
      ("parts of characters", Numbers.grouped(report.partialCount)),
      ("mean length", Numbers.fixed(report.meanLength, 2) + " bytes"),
    ]
    if let model = tokenizer.model as? BPEModel {
      lines.insert(("merges", Numbers.grouped(model.merges.count)), at: 2)
    }
    if let pattern = tokenizer.splitPattern {
      lines.append(("split pattern", pattern.name))
      if !pattern.expression.isEmpty { lines.append(("", pattern.expression)) }
    }
    var text = diagnostics.heading(name) + "\n"
    for line in lines {
      text += "  " + line.0 + String(repeating: " ", count: 21 - line.0.count) + line.1 + "\n"
    }
    if !tokenizer.specialTokens.isEmpty {
      text += diagnostics.heading("special tokens") + "\n"
      for entry in tokenizer.specialTokens.entries {
        text += "  \(entry.id)  \(TokenSpelling.visible(Array(entry.text.utf8)))\n"
      }
    }
    if !report.longest.isEmpty {
      text += diagnostics.heading("longest tokens") + "\n"
      for id in report.longest {
        text += "  \(id)  \(length(id)) bytes  \(shortened(spelling[id]))\n"
      }
    }
    return text
  }

  func summaryJSON(_ report: VocabularyReport) -> JSONValue {
    var members: [JSONValue.Member] = [
      .init("name", .string(name)), .init("model", .string(modelName)),
      .init("vocabularySize", .integer(report.size)), .init("bytes", .integer(report.byteCount)),
      .init("longer", .integer(report.longerCount)),
      .init("special", .integer(report.specialCount)),
      .init("largestID", report.largestID.map { .integer(Int($0.rawValue)) } ?? .null),
      .init("unusedIDs", .integer(report.holeCount)),
      .init("spaceInitial", .integer(report.spaceInitialCount)),
      .init("partial", .integer(report.partialCount)),
      .init("meanLength", .number(report.meanLength)),
    ]
    if let model = tokenizer.model as? BPEModel {
      members.append(.init("merges", .integer(model.merges.count)))
    }
    if let pattern = tokenizer.splitPattern {
      members.append(.init("pattern", .string(pattern.name)))
      members.append(.init("expression", .string(pattern.expression)))
    }
    members.append(
      .init("specialTokens", .array(tokenizer.specialTokens.entries.map { json($0.id) })))
    members.append(.init("longest", .array(report.longest.map(json))))
    return .object(members)
  }

  // MARK: One token

  func derivation(_ id: TokenID) -> String {
    var text = "\(diagnostics.heading(spelling[id]))  id \(id), \(length(id)) bytes\n"
    if tokenizer.specialTokens.contains(id) {
      return text + "  a special token: no text is merged to it\n"
    }
    let steps = steps(of: id)
    if steps.isEmpty { return text + "  no merge makes it\n" }
    for step in steps {
      let merge = step.merge
      text +=
        "  merge \(step.rank): \(spelling[merge.left]) + \(spelling[merge.right])"
        + " -> \(spelling[merge.merged])  (\(merge.left) + \(merge.right) -> \(merge.merged))\n"
    }
    return text
  }

  func derivationJSON(_ id: TokenID) -> JSONValue {
    .members([
      "token": json(id), "special": .bool(tokenizer.specialTokens.contains(id)),
      "merges": .array(
        steps(of: id).map { step in
          .members([
            "rank": .integer(step.rank), "left": json(step.merge.left),
            "right": json(step.merge.right), "merged": json(step.merge.merged),
          ])
        }),
    ])
  }

  /// The merges that build a token, each once, in the order of their ranks.
  private func steps(of id: TokenID) -> [(rank: Int, merge: BPEModel.Merge)] {
    guard let model = tokenizer.model as? BPEModel else { return [] }
    return model.derivation(of: id)
  }

  // MARK: Lint

  func lint(_ unreachable: [TokenID]) -> String {
    var text = ""
    for id in unreachable { text += "\(id)  \(spelling[id])\n" }
    let count = Numbers.count(unreachable.count, "token")
    return text
      + "\(name): \(count) that no text can give, of \(Numbers.grouped(tokenizer.vocabularySize))\n"
  }

  func lintJSON(_ unreachable: [TokenID]) -> JSONValue {
    .members([
      "name": .string(name), "vocabularySize": .integer(tokenizer.vocabularySize),
      "unreachable": .array(unreachable.map(json)),
    ])
  }

  private func length(_ id: TokenID) -> Int { tokenizer.vocabulary.bytes(of: id)?.count ?? 0 }

  private func json(_ id: TokenID) -> JSONValue {
    .members([
      "id": .integer(Int(id.rawValue)), "token": .string(spelling[id]),
      "bytes": .integer(length(id)),
    ])
  }

  private func shortened(_ text: String) -> String {
    text.count <= 64 ? text : "\(text.prefix(60))… (\(Numbers.grouped(text.count)) characters)"
  }
}
