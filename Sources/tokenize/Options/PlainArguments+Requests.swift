import Tokenizers

// How the verbs that pipelines are made of are read from plain lines.

extension Tokenize {
  /// What a plain line asks for, if it is one; the program's name comes first.
  static func plainRequest(_ arguments: [String]) -> (any PlainRequest)? {
    guard arguments.count > 1 else { return nil }
    let rest = arguments.dropFirst(2)
    switch arguments[1] {
    case "encode": return EncodeRequest(rest)
    case "decode": return DecodeRequest(rest)
    case "count": return CountRequest(rest)
    default: return nil
    }
  }
}

extension PlainArguments {
  /// Options with a value that all of these verbs have.
  fileprivate static let common = ["--vocab", "--output", "--threads", "--progress", "--color"]

  /// What the verbs share.
  fileprivate var common: CommonRequest? {
    guard let vocab = self["--vocab"] else { return nil }
    var request = CommonRequest(vocab: vocab)
    request.output = self["--output"]
    request.files = files
    request.isQuiet = has("--quiet")
    if let text = self["--threads"] {
      guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let count = Int(text) else {
        return nil
      }
      request.threads = count
    }
    guard read("--progress", &request.progress), read("--color", &request.color),
      read("--engine", &request.engine), (try? ThreadOptions.check(request.threads)) != nil
    else { return nil }
    return request
  }
}

extension EncodeRequest: PlainRequest {
  static var plainNames: PlainArguments.Names {
    PlainArguments.Names(
      values: PlainArguments.common + ["--format", "--special", "--invalid-utf8", "--engine"],
      flags: ["--offsets", "--lines", "--end-of-text", "--add-special-tokens", "--quiet"])
  }

  init?(plain arguments: PlainArguments) {
    guard let common = arguments.common else { return nil }
    self.init(common)
    offsets = arguments.has("--offsets")
    lines = arguments.has("--lines")
    endOfText = arguments.has("--end-of-text")
    addSpecialTokens = arguments.has("--add-special-tokens")
    guard arguments.read("--format", &format), arguments.read("--special", &special),
      arguments.read("--invalid-utf8", &invalidUTF8), (try? validate()) != nil
    else { return nil }
  }
}

extension DecodeRequest: PlainRequest {
  static var plainNames: PlainArguments.Names {
    PlainArguments.Names(
      values: PlainArguments.common + ["--format"],
      flags: ["--lines", "--skip-special-tokens", "--quiet"])
  }

  init?(plain arguments: PlainArguments) {
    guard let common = arguments.common else { return nil }
    self.init(common)
    lines = arguments.has("--lines")
    skipSpecialTokens = arguments.has("--skip-special-tokens")
    guard arguments.read("--format", &format), (try? validate()) != nil else { return nil }
  }
}

extension CountRequest: PlainRequest {
  static var plainNames: PlainArguments.Names {
    PlainArguments.Names(
      values: PlainArguments.common + ["--special", "--invalid-utf8", "--engine"],
      flags: ["--json", "--quiet"])
  }

  init?(plain arguments: PlainArguments) {
    guard let common = arguments.common else { return nil }
    self.init(common)
    json = arguments.has("--json")
    guard arguments.read("--special", &special), arguments.read("--invalid-utf8", &invalidUTF8)
    else { return nil }
  }
}
