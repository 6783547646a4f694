import ArgumentParser
import Dispatch
import Tokenizers

@main
struct Benchmarks: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Time the library on texts, each answer checked before its time is printed.",
    subcommands: [Table.self, Worker.self, PatternCommand.self], defaultSubcommand: Table.self)
}

/// Times splitting, encoding, decoding, counting, training and loading; checks each answer first.
struct Table: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "table",
    abstract: "Time one case after the other, and print a line for each.",
    discussion: """
      A text that definitions.json knows by its hash must give the ids that tiktoken gave. For any other \
      one the ids must decode to the text, and their hash is printed so that another program can compare.
      """)

  @Option(
    help: ArgumentHelp(
      "The definitions of right answers (definitions.json); may be repeated.", valueName: "file"))
  var definitions: [String] = []

  @Option(help: "GPT-2's folder, or a rank table: may be repeated.")
  var vocab: [String] = ["../vocabs/gpt2"]

  @Option(help: "How often each case is run; the median is printed.")
  var runs = 5

  @Option(help: "The kinds of case to run: load, split, encode, decode, train.")
  var cases = "load,split,encode,decode,train"

  @Option(help: "The engine that splits: automatic, reference or portable.")
  var engine = "automatic"

  @Flag(help: "One JSON object a line instead of a table.")
  var json = false

  @Argument(help: "The texts.")
  var texts: [String]

  func run() throws {
    guard let engine = Engine(rawValue: engine) else {
      throw ValidationError("there is no engine '\(engine)'")
    }
    let wanted = Set(cases.split(separator: ",").map(String.init))
    let files = definitions.isEmpty ? ["definitions.json"] : definitions
    let known = Definitions(try files.map { try JSONValue(parsing: try FileBytes.read($0)) })
    for path in vocab {
      if wanted.contains("load") {
        try report("load", path, "-", 1, bytes: 0, check: "loaded") {
          _ = try Tokenizer(contentsOf: path, engine: engine)
        }
      }
      let tokenizer = try Tokenizer(contentsOf: path, engine: engine)
      for text in texts {
        try run(tokenizer, engine, Corpus(path: text), wanted, known)
      }
    }
  }

  private func run(
    _ tokenizer: Tokenizer, _ engine: Engine, _ corpus: Corpus, _ wanted: Set<String>,
    _ known: Definitions
  ) throws {
    let pattern = tokenizer.splitPattern ?? .gpt2
    let bytes = corpus.bytes
    let ids = try tokenizer.encode(bytes.span)
    let check = try known.check(ids, of: corpus, tokenizer, vocab: pattern.name)
    for threads in [1, 2] {
      if wanted.contains("split") {
        let preTokenizer = try engine.makePreTokenizer(for: pattern)
        let parts = Self.divide(bytes, threads, preTokenizer.safeCuts)
        try report("split", pattern.name, corpus.name, threads, bytes: bytes.count, check: check) {
          DispatchQueue.concurrentPerform(iterations: parts.count) { index in
            Self.split(bytes.span.extracting(parts[index]), preTokenizer)
          }
        }
      }
      if wanted.contains("encode") {
        let check = try Self.same(try tokenizer.encode(bytes.span, threads: threads), ids, check)
        try report("encode", pattern.name, corpus.name, threads, bytes: bytes.count, check: check) {
          _ = try tokenizer.encode(bytes.span, threads: threads)
        }
      }
    }
    if wanted.contains("decode") {
      try report("decode", pattern.name, corpus.name, 1, bytes: bytes.count, check: check) {
        guard try tokenizer.decodeBytes(ids).count == bytes.count else {
          throw WrongAnswer(what: "decoding gave another text")
        }
      }
    }
    if wanted.contains("train"), pattern == .gpt2 {
      let size = 8192
      let merges = try Self.train(bytes, size)
      let check = try known.check(merges, of: corpus, size: size)
      try report("train \(size)", pattern.name, corpus.name, 2, bytes: bytes.count, check: check) {
        _ = try Self.train(bytes, size)
      }
    }
  }

  /// `check` if both are the same ids.
  private static func same(_ ids: [TokenID], _ expected: [TokenID], _ check: String) throws
    -> String
  {
    guard ids == expected else {
      throw WrongAnswer(what: "another number of threads gave other ids")
    }
    return check
  }

  private static func divide(
    _ bytes: [UInt8], _ count: Int, _ rule: SafeCutRule
  ) -> [Range<Int>] {
    var parts: [Range<Int>] = []
    var start = 0
    for index in 1..<max(1, count) {
      let near = bytes.count / count * index
      if let cut = rule.safeCut(in: bytes.span, near: near, within: start...bytes.count) {
        parts.append(start..<cut)
        start = cut
      }
    }
    return parts + [start..<bytes.count]
  }

  private static func split(_ text: Span<UInt8>, _ preTokenizer: any PreTokenizer) {
    var ends: [Int] = []
    var start = 0
    while start < text.count {
      ends.removeAll(keepingCapacity: true)
      do {
        try preTokenizer.appendEnds(of: text, from: start, limit: 1024, to: &ends)
      } catch {
        return
      }
      start = ends[ends.count - 1]
    }
  }

  private static func train(_ bytes: [UInt8], _ size: Int) throws -> [String] {
    let counter = PreTokenCounter(
      preTokenizer: try Engine.automatic.makePreTokenizer(for: .gpt2), threads: 2)
    try counter.append(bytes.span)
    try counter.endText()
    let result = try BPETrainer(goal: .vocabularySize(size)).train(try counter.takeCounts())
    return result.merges.map { merge in
      [merge.left, merge.right].map {
        ByteAlphabet.spelling(of: result.vocabulary.bytes(of: $0) ?? [])
      }.joined(separator: " ")
    }
  }

  private func report(
    _ name: String, _ vocab: String, _ corpus: String, _ threads: Int, bytes: Int, check: String,
    _ body: () throws -> Void
  ) throws {
    var times: [Double] = []
    for _ in 0..<max(1, runs) {
      let clock = ContinuousClock()
      times.append(seconds(try clock.measure(body)))
    }
    times.sort()
    let median = times[times.count / 2]
    let rate = bytes > 0 ? Double(bytes) / median / 1e6 : 0
    if json {
      print(
        JSONValue.members([
          "case": .string(name), "vocab": .string(vocab), "corpus": .string(corpus),
          "threads": .integer(threads), "seconds": .number(median),
          "fastest": .number(times[0]), "megabytesPerSecond": .number(rate),
          "check": .string(check),
        ]).compact)
    } else {
      let figure = bytes > 0 ? "\(Self.rounded(rate)) MB/s" : ""
      print(
        "\(name) | \(vocab) | \(corpus) | \(threads) thread\(threads > 1 ? "s" : "") |"
          + " \(Self.rounded(median * 1000)) ms | \(figure) | \(check)")
    }
  }

  private static func rounded(_ value: Double) -> String {
    let scale = value < 10 ? 100.0 : value < 100 ? 10.0 : 1.0
    let number = (value * scale).rounded() / scale
    return number == number.rounded() && scale == 1 ? "\(Int(number))" : "\(number)"
  }
}
