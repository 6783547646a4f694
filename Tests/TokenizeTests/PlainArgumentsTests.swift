import ArgumentParser
import TestSupport
import Testing
import Tokenizers

@testable import tokenize

/// A plain line gives the command that the argument parser gives, or none.
struct PlainArgumentsTests {
  /// All that a command was given, as text.
  private func members(_ command: any ParsableCommand) -> String? {
    switch command {
    case let command as EncodeCommand:
      members(command.vocabulary, command.output, command.threads, command.reporting, command.input)
        + " \(command.text.invalidUTF8) \(command.format) \(command.offsets) \(command.lines)"
        + " \(command.special) \(command.endOfText) \(command.addSpecialTokens)"
        + " \(command.engine.engine)"
    case let command as DecodeCommand:
      members(command.vocabulary, command.output, command.threads, command.reporting, command.input)
        + " \(command.format) \(command.lines) \(command.skipSpecialTokens)"
    case let command as CountCommand:
      members(command.vocabulary, command.output, command.threads, command.reporting, command.input)
        + " \(command.text.invalidUTF8) \(command.special) \(command.json) \(command.engine.engine)"
    default: nil
    }
  }

  private func members(
    _ vocabulary: VocabularyOptions, _ output: OutputOptions, _ threads: ThreadOptions,
    _ reporting: RunOptions, _ input: InputOptions
  ) -> String {
    "\(vocabulary.vocab) \(vocabulary.pattern?.argument ?? "-") \(output.output ?? "-")"
      + " \(threads.threads ?? -1) \(reporting.quiet) \(reporting.progress) \(reporting.color)"
      + " \(input.files)"
  }

  private func parsed(_ line: [String]) -> String? {
    (try? Tokenize.parseAsRoot(Array(line.dropFirst()))).flatMap { members($0) }
  }

  private func plain(_ line: [String]) -> String? {
    Tokenize.plainCommand(line).flatMap { members($0) }
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
    for _ in 0..<6_000 {
      let line = line(&random)
      guard let plain = plain(line) else { continue }
      understood += 1
      #expect(plain == parsed(line), "\(line)")
    }
    // Else nothing has been compared.
    #expect(understood > 1_000)
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
