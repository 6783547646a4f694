import ArgumentParser
import TestSupport
import Testing
import Tokenizers

@testable import tokenize

/// A plain line asks for what the argument parser makes of it, or is none.
struct PlainArgumentsTests {
  /// All that is asked for, as text; nil if the parser complains, or has an answer of its own.
  private func parsed(_ line: [String]) -> String? {
    guard let command = try? Tokenize.parseAsRoot(Array(line.dropFirst())) else { return nil }
    switch command {
    case let command as EncodeCommand: return "\(command.request)"
    case let command as DecodeCommand: return "\(command.request)"
    case let command as CountCommand: return "\(command.request)"
    default: return nil
    }
  }

  private func plain(_ line: [String]) -> String? {
    Tokenize.plainRequest(line).map { "\($0)" }
  }

  /// Lines of words that the parser knows, half knows and does not know.
  private func line(_ random: inout SeededRandom) -> [String] {
    let verbs = ["encode", "decode", "count"]
    let options = [
      ["--vocab", "gpt2"], ["--vocab=gpt2"], ["--vocab", "a=b"], ["-o", "out"], ["--output", "x"],
      ["--output=y"], ["--threads", "2"], ["--format", "u16"], ["--format=ids"], ["--lines"],
      ["--format", "jsonl"], ["--offsets"], ["--end-of-text"], ["--add-special-tokens"],
      ["--special", "allow"], ["--special=refuse"], ["--invalid-utf8", "replace"], ["-q"],
      ["--quiet"], ["--progress", "never"], ["--color", "always"], ["--engine", "portable"],
      ["--json"], ["--skip-special-tokens"], ["file.txt"], ["-"], ["file two"], ["é"],
    ]
    let odd = [
      ["--threads", "0"], ["--threads", "2000"], ["--threads", "x"], ["--threads", "+3"],
      ["--format", "u17"], ["--pattern", "gpt2"], ["--voc", "gpt2"], ["--vocab"], ["--"], ["-x"],
      ["-ofile"], ["-qo", "z"], ["--help"], ["-h"], ["--version"], ["--lines=yes"], ["--vocab="],
      ["--output", "-"], ["--output", "-q"], [""], ["--engine", "fast"], ["--output", ""],
      ["---completion"], ["--end-of-tex\u{301}"], ["=x"],
    ]
    var line = ["tokenize", random.pick(verbs)]
    if random.below(8) != 0 { line += random.pick([["--vocab", "small"], ["--vocab=v"]]) }
    for _ in 0..<random.below(6) {
      line += random.below(10) == 0 ? random.pick(odd) : random.pick(options)
    }
    return line
  }

  @Test(.tags(.property)) func theSameAsTheParser() {
    var random = SeededRandom(seed: 1)
    var understood = 0
    for _ in 0..<600 {
      let line = line(&random)
      guard let plain = plain(line) else { continue }
      understood += 1
      #expect(plain == parsed(line), "\(line)")
    }
    // Else nothing has been compared.
    #expect(understood > 100)
  }

  /// What scripts consist of is plain: these would be read by the parser for no reason.
  @Test(
    arguments: [
      "encode --vocab gpt2 word.txt", "encode --vocab gpt2", "encode --vocab=gpt2 -",
      "encode --vocab gpt2 --format u16 -o train.bin corpus.txt",
      "encode --vocab gpt2 --lines --format jsonl --offsets reviews.txt",
      "encode --vocab gpt2 --threads 1 --engine portable --special allow -q a b c",
      "decode --vocab gpt2 --format u16 -o corpus.txt train.bin",
      "count --vocab gpt2 --json book.txt", "count --vocab gpt2 Sources",
    ])
  func usualLinesArePlain(_ text: String) {
    let line = ["tokenize"] + text.split(separator: " ").map(String.init)
    #expect(plain(line) != nil)
    #expect(plain(line) == parsed(line))
  }

  /// What may be wrong, or wants an answer of the parser's, is left to it.
  @Test(
    arguments: [
      "encode", "encode word.txt", "encode --vocab gpt2 --help", "encode --vocab gpt2 --formt u16",
      "encode --vocab gpt2 --format u17", "encode --vocab gpt2 --offsets",
      "encode --vocab gpt2 --vocab mine", "encode --vocab gpt2 --threads 0", "help encode",
      "--version", "train corpus.txt", "encode --vocab gpt2 -- --lines",
      "decode --vocab gpt2 --lines --format u16", "encode --vocab -o x",
    ])
  func otherLinesAreNot(_ text: String) {
    let line = ["tokenize"] + text.split(separator: " ").map(String.init)
    #expect(plain(line) == nil)
  }
}
