import ArgumentParser
import Tokenizers

// How the verbs that pipelines are made of are read from plain lines. Every member is assigned, those that were
// not given too: a member of a command that the parser has not made has no value before.

extension Tokenize {
  /// The command of a plain line, if it is one; the program's name comes first.
  static func plainCommand(_ arguments: [String]) -> (any ParsableCommand)? {
    guard arguments.count > 1 else { return nil }
    let rest = arguments.dropFirst(2)
    switch arguments[1] {
    case "encode": return EncodeCommand(rest)
    case "decode": return DecodeCommand(rest)
    case "count": return CountCommand(rest)
    default: return nil
    }
  }
}

extension PlainArguments {
  /// Options with a value that all of these verbs have.
  fileprivate static let common = ["--vocab", "--output", "--threads", "--progress", "--color"]

  fileprivate var vocabulary: VocabularyOptions? {
    guard let vocab = self["--vocab"] else { return nil }
    var options = VocabularyOptions()
    options.vocab = vocab
    options.pattern = nil
    return options
  }

  fileprivate var output: OutputOptions {
    var options = OutputOptions()
    options.output = self["--output"]
    return options
  }

  fileprivate var input: InputOptions {
    var options = InputOptions()
    options.files = files
    return options
  }

  fileprivate var threads: ThreadOptions? {
    var options = ThreadOptions()
    options.threads = nil
    if let text = self["--threads"] {
      guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let count = Int(text) else {
        return nil
      }
      options.threads = count
    }
    return (try? options.validate()) == nil ? nil : options
  }

  fileprivate var reporting: RunOptions? {
    var options = RunOptions()
    var (progress, color) = (ProgressMode.auto, ColorMode.auto)
    guard read("--progress", &progress), read("--color", &color) else { return nil }
    options.quiet = has("--quiet")
    options.progress = progress
    options.color = color
    return options
  }

  fileprivate var text: TextOptions? {
    var options = TextOptions()
    var policy = InvalidUTF8Policy.bytes
    guard read("--invalid-utf8", &policy) else { return nil }
    options.invalidUTF8 = policy
    return options
  }

  fileprivate var engine: EngineOptions? {
    var options = EngineOptions()
    var engine = Engine.automatic
    guard read("--engine", &engine) else { return nil }
    options.engine = engine
    return options
  }
}

extension EncodeCommand: PlainCommand {
  static var plainNames: PlainArguments.Names {
    PlainArguments.Names(
      values: PlainArguments.common + ["--format", "--special", "--invalid-utf8", "--engine"],
      flags: ["--offsets", "--lines", "--end-of-text", "--add-special-tokens", "--quiet"])
  }

  init?(plain arguments: PlainArguments) {
    var (format, special) = (EncodingFormat.ids, SpecialTokenPolicy.text)
    guard let vocabulary = arguments.vocabulary, let text = arguments.text,
      let engine = arguments.engine, let threads = arguments.threads,
      let reporting = arguments.reporting, arguments.read("--format", &format),
      arguments.read("--special", &special)
    else { return nil }
    self.init()
    self.vocabulary = vocabulary
    self.text = text
    self.format = format
    offsets = arguments.has("--offsets")
    lines = arguments.has("--lines")
    self.special = special
    endOfText = arguments.has("--end-of-text")
    addSpecialTokens = arguments.has("--add-special-tokens")
    output = arguments.output
    self.engine = engine
    self.threads = threads
    self.reporting = reporting
    input = arguments.input
    if (try? validate()) == nil { return nil }
  }
}

extension DecodeCommand: PlainCommand {
  static var plainNames: PlainArguments.Names {
    PlainArguments.Names(
      values: PlainArguments.common + ["--format"],
      flags: ["--lines", "--skip-special-tokens", "--quiet"])
  }

  init?(plain arguments: PlainArguments) {
    var format = TokenFileFormat.ids
    guard let vocabulary = arguments.vocabulary, let threads = arguments.threads,
      let reporting = arguments.reporting, arguments.read("--format", &format)
    else { return nil }
    self.init()
    self.vocabulary = vocabulary
    self.format = format
    lines = arguments.has("--lines")
    skipSpecialTokens = arguments.has("--skip-special-tokens")
    output = arguments.output
    self.threads = threads
    self.reporting = reporting
    input = arguments.input
    if (try? validate()) == nil { return nil }
  }
}

extension CountCommand: PlainCommand {
  static var plainNames: PlainArguments.Names {
    PlainArguments.Names(
      values: PlainArguments.common + ["--special", "--invalid-utf8", "--engine"],
      flags: ["--json", "--quiet"])
  }

  init?(plain arguments: PlainArguments) {
    var special = SpecialTokenPolicy.text
    guard let vocabulary = arguments.vocabulary, let text = arguments.text,
      let engine = arguments.engine, let threads = arguments.threads,
      let reporting = arguments.reporting, arguments.read("--special", &special)
    else { return nil }
    self.init()
    self.vocabulary = vocabulary
    self.text = text
    self.special = special
    json = arguments.has("--json")
    output = arguments.output
    self.engine = engine
    self.threads = threads
    self.reporting = reporting
    input = arguments.input
    if (try? validate()) == nil { return nil }
  }
}
