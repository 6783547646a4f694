import TestSupport
import Testing
import Tokenizers

/// Good and bad `vocab.json` and `merges.txt`: right ids or a refusal that says where, never other ids.
struct GPT2FilesTests {
  /// The 256 bytes, then `more`, spelled in the byte-level alphabet, ids from 0.
  private func vocab(_ more: [String] = []) -> String {
    let bytes = ByteAlphabet.bytesInOrder.map { ByteAlphabet.spelling(of: [$0]) }
    let entries = (bytes + more).enumerated().map { "\(JSONValue.quoted($1)): \($0)" }
    return "{" + entries.joined(separator: ", ") + "}"
  }

  private func read(_ vocab: String, _ merges: String) throws -> GPT2Files.Contents {
    try GPT2Files.read(vocab: Array(vocab.utf8), merges: Array(merges.utf8))
  }

  private func refusal(_ vocab: String, _ merges: String) -> FormatError? {
    do {
      _ = try read(vocab, merges)
      return nil
    } catch {
      return error as? FormatError
    }
  }

  static let merges = ["#version: 0.2", "a b", "ab c", "Ġ ab"]

  static let formsOfMerges: [String] = {
    let body = merges.joined(separator: "\n")
    let headless = merges.dropFirst().joined(separator: "\n")
    let dos = merges.joined(separator: "\r\n")
    let blank = merges.joined(separator: "\n\n")
    return [
      body + "\n", body, headless + "\n", dos + "\r\n", "\u{FEFF}" + body, blank + "\n\n",
    ]
  }()

  @Test(arguments: formsOfMerges)
  func acceptedFormsOfMerges(_ text: String) throws {
    let contents = try read(vocab(["ab", "abc", "Ġab", "<|end|>"]), text)
    #expect(contents.merges.map(\.merged) == [256, 257, 258])
    #expect(contents.specialTokens.entries == [.init(text: "<|end|>", id: 259)])
  }

  @Test
  func acceptedFormsOfVocab() throws {
    let plain = vocab(["Ġa"])
    var escaped = ""
    for scalar in plain.unicodeScalars {
      if scalar.value < 0x80 {
        escaped.unicodeScalars.append(scalar)
      } else {
        let digits = String(scalar.value, radix: 16)
        escaped += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      }
    }
    for text in [plain, escaped, "\u{FEFF}" + plain, plain + "\n", " \n" + plain] {
      let contents = try read(text, "Ġ a")
      #expect(contents.vocabulary.id(of: Array(" a".utf8)) == 256)
    }
    // In any order, with holes, with an id that must not cost memory.
    var entries = ["\"Ġa\": 256"]
    for (id, byte) in ByteAlphabet.bytesInOrder.enumerated().reversed() {
      entries.append(JSONValue.quoted(ByteAlphabet.spelling(of: [byte])) + ": \(id)")
    }
    let reversed = "{" + entries.joined(separator: ",\n") + "}"
    #expect(try read(reversed, "Ġ a").vocabulary.id(of: Array(" a".utf8)) == 256)
    #expect(try read(reversed, "Ġ a").vocabulary.id(of: [0]) == 188)
    let sparse = plain.dropLast() + ", \"zz\": 4000000000}"
    let contents = try read(String(sparse), "Ġ a")
    #expect(contents.vocabulary.bytes(of: 4_000_000_000) == Array("zz".utf8))
    #expect(contents.vocabulary.bytes(of: 3_999_999_999) == nil)
  }

  /// A trained vocabulary may hold the ordinary token `<|`: the spelling does not make it special.
  @Test
  func whatMergesMakeIsNotSpecial() throws {
    let contents = try read(vocab(["<|", "<|x|>", "é€"]), "< |")
    #expect(contents.specialTokens.entries.map(\.text) == ["<|x|>", "é€"])
    #expect(contents.vocabulary.id(of: Array("é€".utf8)) == 258)
  }

  static let refusals: [(String, String)] = [
    ("", "'{', expected, the end of the file met"),
    ("[]", "'{', expected, '[' met"),
    ("{\"a\": 0", "',' or '}' expected"),
    ("{\"a\": 0} x", "nothing more expected"),
    ("{\"a\": -1}", "an integer from 0 to 4294967295 expected"),
    ("{\"a\": 1.5}", "fraction or exponent"),
    ("{\"a\": 1e3}", "fraction or exponent"),
    ("{\"a\": \"1\"}", "an integer from 0"),
    ("{\"a\": null}", "an integer from 0"),
    ("{\"a\": 4294967296}", "larger than 4294967295"),
    ("{\"a\": \(String(repeating: "9", count: 5000))}", "larger than 4294967295"),
    ("{\"a\": 01}", "may not begin with 0"),
    ("{\"a\": 0, \"b\": 0}", "id 0 is given to two tokens"),
    ("{\"a\": 0, \"a\": 1}", "ids 0 and 1 are both 'a'"),
    ("{\"\": 0}", "a token is empty"),
    ("{\"a\\x\": 0}", "is no escape"),
    ("{\"\\ud800\": 0}", "lone surrogate"),
    ("{\"\\udc00x\": 0}", "lone surrogate"),
    ("{\"\\u12\": 0}", "four hexadecimal digits"),
    ("{\"a", "the string has no end"),
    ("{\"a\n\": 0}", "control character"),
    (String(repeating: "[", count: 200_000), "'{', expected"),
  ]

  @Test(arguments: refusals)
  func refusedVocabs(_ text: String, _ message: String) throws {
    let error = try #require(refusal(text, ""))
    #expect(error.file == "vocab.json")
    #expect(error.description.contains(message), "\(error)")
  }

  @Test
  func vocabThatIsNotUTF8() {
    #expect(throws: FormatError.self) {
      try GPT2Files.read(vocab: Array("{\"".utf8) + [0xFF] + Array("\": 0}".utf8), merges: [])
    }
    #expect(throws: FormatError.self) {
      try GPT2Files.read(vocab: Array(vocab().utf8), merges: [0x61, 0x20, 0xFF])
    }
  }

  @Test(arguments: [
    ("a", 1, "two tokens separated by one space"),
    ("a b c", 1, "more fields"),
    (" a", 1, "two tokens separated"),
    ("a ", 1, "two tokens separated"),
    ("#version: 0.2\na b\nb q", 3, "make a token that is not in the vocabulary"),
    ("a b\nzz a", 2, "'zz' is not in the vocabulary"),
    ("a 日", 1, "stands for no byte"),
  ])
  func refusedMerges(_ text: String, _ line: Int, _ message: String) throws {
    let error = try #require(refusal(vocab(["ab"]), text))
    #expect(error.file == "merges.txt")
    #expect(error.place == .line(line))
    #expect(error.description.contains(message), "\(error)")
  }

  @Test
  func aMissingByteIsRefused() throws {
    let text = vocab().replacing("\"a\": 64, ", with: "")
    let contents = try read(text, "")
    #expect(throws: VocabularyError.missingByte(UInt8(ascii: "a"))) {
      try BPEModel(
        vocabulary: contents.vocabulary, merges: contents.merges,
        preTokenizer: try PatternPreTokenizer(.gpt2))
    }
  }

  @Test
  func aPairThatStandsTwiceIsRefused() throws {
    let contents = try read(vocab(["ab"]), "a b\na b")
    #expect(throws: VocabularyError.duplicateMerge(rank: 1)) {
      try BPEModel(
        vocabulary: contents.vocabulary, merges: contents.merges,
        preTokenizer: try PatternPreTokenizer(.gpt2))
    }
  }

  /// Every prefix of a good file is refused or read as what it says; none crashes.
  @Test(.tags(.property))
  func truncatedAnywhere() throws {
    let vocabText = Array(vocab(["ab", "abc", "Ġab", "é€", "\\\"\n"]).utf8)
    for length in stride(from: 0, to: vocabText.count, by: 7) {
      #expect(throws: FormatError.self) {
        try GPT2Files.read(vocab: Array(vocabText[..<length]), merges: [])
      }
    }
  }

  /// A manifest of a form that is not known here is refused, not half understood.
  @Test
  func aManifestOfAnotherFormIsRefused() throws {
    try ScratchFolder.with { folder in
      for (name, bytes) in try TokenizerFolder.files(of: try SmallTokenizers.bpe(.gpt2, merges: 3))
      {
        try folder.write(bytes, to: name)
      }
      let manifest = String(
        decoding: try FileBytes.read(folder.path + "/manifest.json"), as: UTF8.self)
      #expect(manifest.contains("\"format\": 1"))
      try folder.write(
        Array(manifest.replacing("\"format\": 1", with: "\"format\": 99").utf8), to: "manifest.json"
      )
      #expect(throws: FormatError.self) { try Tokenizer(contentsOf: folder.path) }
    }
  }

  /// What is written is read as the same tokenizer.
  @Test(arguments: [
    SplitPattern.gpt2, .cl100k, .o200k, .llama3, .qwen2, .none, SplitPattern(expression: "\\w+|."),
  ])
  func savedAndLoaded(_ pattern: SplitPattern) throws {
    let tokenizer = try SmallTokenizers.bpe(pattern, merges: 80)
    let loaded = try ScratchFolder.with { folder in
      for (name, bytes) in try TokenizerFolder.files(of: tokenizer) {
        try folder.write(bytes, to: name)
      }
      return try Tokenizer(contentsOf: folder.path)
    }
    #expect(loaded.splitPattern == pattern)
    #expect(loaded.specialTokens.entries == tokenizer.specialTokens.entries)
    #expect(loaded.vocabulary.tokenIDs == tokenizer.vocabulary.tokenIDs)
    for text in try Fixtures.texts() {
      #expect(try loaded.encode(text.span) == tokenizer.encode(text.span))
    }
  }
}
