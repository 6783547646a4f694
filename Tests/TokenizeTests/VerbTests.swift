import Foundation
import TestSupport
import Testing

@Suite struct VerbTests {
  @Test func countsLikeWC() throws {
    try Program.with { program in
      try program.write("abc", to: "a")
      try program.write(String(repeating: "x", count: 100), to: "b")
      #expect(try program("count --vocab byte a b").text == "  3 a\n100 b\n103 total\n")
      #expect(try program("count --vocab byte", input: "ab").text == "2\n")
      #expect(
        try program("count --vocab byte --json a").text
          == #"{"files":[{"file":"a","tokens":3,"bytes":3}],"tokens":3,"bytes":3}"# + "\n")
    }
  }

  @Test func countsTheFilesOfFolders() throws {
    try Program.with { program in
      let files = [
        "in/b": "12", "in/a.txt": "1", "in/c/z": "1234", "in/c/a": "", "in/.git/x": "1",
        "in/.hidden": "1", "out": "123456",
      ]
      _ = try program.shell("mkdir -p in/c in/.git")
      for (name, text) in files { try program.write(text, to: name) }
      _ = try program.shell("ln -s ../out in/link; ln -s .. in/c/up; mkfifo in/pipe")
      let expected = " 1 in/a.txt\n 2 in/b\n 0 in/c/a\n 4 in/c/z\n 6 out\n13 total\n"
      for threads in [1, 2, 5] {
        #expect(try program("count --vocab byte --threads \(threads) in out").text == expected)
      }
      #expect(try program("count --vocab byte --special allow in/ out").text == expected)
      // A link that is named is followed.
      #expect(try program("count --vocab byte in/link").text == "6 in/link\n")
      let empty = try program.shell("mkdir none; $T count --vocab byte none")
      #expect(empty.status == 0 && empty.text == "")
      #expect(try program("encode --vocab byte in").status == 66)
    }
  }

  @Test func comparesInFourForms() throws {
    try Program.withVocabulary { program in
      let table = try program("compare --vocab small story.txt")
      let rows = table.text.split(separator: "\n")
      #expect(rows.count == 6 && rows[2].hasPrefix("byte") && rows[5].hasPrefix("small"))
      let csv = try program("compare --vocab small --format csv story.txt")
      #expect(csv.text.split(separator: "\n").count == 5)
      #expect(csv.text.contains("byte,256,41009,1.000,"))
      let json = try program("compare --vocab small --format json story.txt")
      let object = try JSONSerialization.jsonObject(with: Data(json.output)) as? [String: Any]
      #expect((object?["tokenizers"] as? [[String: Any]])?.count == 4)
      let markdown = try program("compare --format markdown", input: "")
      #expect(markdown.text.contains("| byte | 256 | 0 | - |"))
      let bad = try program.run(["compare"], input: [0x61, 0xFF])
      #expect(bad.status == 0 && bad.error.contains("warning") && bad.text.contains("byte"))
    }
  }

  @Test func convertsThereAndBack() throws {
    try Program.withVocabulary { program in
      let refused = try program("convert --vocab small -o small.tiktoken")
      #expect(refused.status == 65 && refused.error.contains("<|endoftext|>"))
      #expect(try program("convert --vocab small -o s.tiktoken --drop-special-tokens").status == 0)
      let ids = try program("encode --vocab small story.txt")
      let other = try program("encode --vocab s.tiktoken --pattern gpt2 story.txt")
      #expect(ids.output == other.output)
      #expect(try program("convert --vocab s.tiktoken --pattern gpt2 -o back").status == 0)
      #expect(program.names(in: "back") == ["merges.txt", "vocab.json"])
      #expect(try program.bytes("back/merges.txt") == program.bytes("vocabs/small/merges.txt"))
      #expect(try program("convert --vocab s.tiktoken --pattern o200k -o other").status == 0)
      #expect(program.names(in: "other").contains("manifest.json"))
      let named = try program("convert --vocab small -o r50k_base.tiktoken")
      #expect(named.status == 65 && named.error.contains("r50k_base"))
      #expect(try program("convert --vocab small -o tokenizer.json").status == 0)
      #expect(
        try program.bytes("tokenizer.json") == program.bytes("vocabs/small/tokenizer.json"))
    }
  }

  @Test func inspects() throws {
    try Program.withVocabulary { program in
      let summary = try program("inspect --vocab small")
      #expect(summary.text.contains("457") && summary.text.contains("<|endoftext|>"))
      let token = try program.run(["inspect", "--vocab", "small", "--token", " the"])
      #expect(token.text.contains("h + e -> he") && token.text.contains("-> Ġthe"))
      let same = try program("inspect --vocab small --token Ġthe")
      #expect(same.output == token.output)
      #expect(try program("inspect --vocab small --token nothing-like-it").status == 65)
      let lint = try program("inspect --vocab small --lint")
      #expect(lint.status == 0 && lint.text.contains("0 tokens"))
      // A token that comes too late: "ab" is merged first, so that "a" + "bc" never meet.
      var vocab = (0..<256).map { byte -> String in
        "\(spelling(UInt8(byte))): \(byte)"
      }
      vocab += ["\"ab\": 256", "\"bc\": 257", "\"abc\": 258"]
      try FileManager.default.createDirectory(
        at: program.scratch.url.appendingPathComponent("late"), withIntermediateDirectories: true)
      try program.write("{" + vocab.joined(separator: ",") + "}", to: "late/vocab.json")
      try program.write("#version: 0.2\na b\nb c\na bc\n", to: "late/merges.txt")
      let late = try program("inspect --vocab ./late --lint")
      #expect(late.status == 1 && late.text.contains("258  abc"), "\(late.error)")
    }
  }

  /// A byte in GPT-2's alphabet, as a string of JSON.
  private func spelling(_ byte: UInt8) -> String {
    let isVisible = (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || byte >= 0xAE
    var scalar = UInt32(byte)
    if !isVisible {
      scalar = 256
      for other in 0..<byte {
        let shown = (0x21...0x7E).contains(other) || (0xA1...0xAC).contains(other) || other >= 0xAE
        if !shown { scalar += 1 }
      }
    }
    return "\"\\u" + String(repeating: "0", count: 4 - String(scalar, radix: 16).count)
      + String(scalar, radix: 16) + "\""
  }

  @Test func splitsInFourForms() throws {
    try Program.with { program in
      let text = "I'm 42\n"
      #expect(try program("split --pattern gpt2", input: text).text == "I\n'm\nĠ42\nĊ\n")
      #expect(
        try program("split --pattern gpt2 --format json", input: text).text
          == "\"I\"\n\"'m\"\n\" 42\"\n\"\\n\"\n")
      #expect(
        try program("split --pattern gpt2 --format offsets", input: text).text
          == "0 1\n1 3\n3 6\n6 7\n")
      #expect(try program("split --pattern gpt2 --format count", input: text).text == "4\n")
      let own = try program.run(["split", "--pattern", #"\d"#], input: Array("a1b2".utf8))
      #expect(own.text == "a\n1\nb\n2\n")
      let bad = try program.run(["split", "--pattern", "gpt2"], input: [0x61, 0xFF, 0x20])
      #expect(bad.text == "a\nÿ\nĠ\n")
      let strict = try program.run(
        ["split", "--pattern", "gpt2", "--format", "json"], input: [0x61, 0xFF])
      #expect(strict.status == 65 && strict.output.isEmpty)
    }
  }

  @Test func vocabulariesAreFoundFromElsewhere() throws {
    try Program.withVocabulary { program in
      _ = try program.shell("mkdir -p deep/er prefix/bin prefix/share/tokenize")
      let there = ["TOKENIZE_VOCABS": "/nonexistent:\(program.scratch.path)/vocabs"]
      let found = try program.shell(
        "cd deep/er && echo hi | $T count --vocab small", environment: there)
      #expect(found.status == 0 && found.text == "2\n" || found.text == "3\n")
      // Installed: the folder beside the program's own.
      _ = try program.shell("cp $T prefix/bin/ && cp -R vocabs prefix/share/tokenize/")
      let installed = try program.shell(
        "cd deep && echo hi | ../prefix/bin/tokenize count --vocab small")
      #expect(installed.output == found.output, "\(installed.error)")
      let missing = try program.shell("cd deep && $T count --vocab small </dev/null")
      #expect(missing.status == 66)
    }
  }

  @Test func helpGoesToStandardOutput() throws {
    try Program.with { program in
      for verb in [
        "", "encode", "decode", "count", "train", "compare", "convert", "inspect", "split",
        "lm train",
        "lm sample", "lm eval",
      ] {
        let help = try program(verb + " --help")
        #expect(help.status == 0 && help.error.isEmpty && help.text.contains("USAGE"), "\(verb)")
      }
      let version = try program("--version")
      #expect(version.text.hasPrefix("tokenize ") && version.text.contains("Unicode 16.0"))
      for shell in ["bash", "zsh", "fish"] {
        #expect(try program("--generate-completion-script \(shell)").output.count > 1000)
      }
    }
  }

  @Test func progressIsJSONWhereAsked() throws {
    try Program.withVocabulary { program in
      let result = try program("count --vocab small --progress json story.txt")
      for line in result.error.split(separator: "\n") {
        let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
        #expect(object?["event"] != nil)
      }
      #expect(result.error.contains("\"done\""))
    }
  }
}
