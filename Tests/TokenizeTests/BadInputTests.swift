import Foundation
import TestSupport
import Testing

/// What is fed in and cannot be right: the status, one message that names the place, nothing on standard output.
@Suite struct BadInputTests {
  private func expectRefusal(
    _ result: Program.Result, _ status: Int32, _ parts: String..., line: Int = #line
  ) {
    #expect(result.status == status, "line \(line): \(result.error)")
    #expect(result.output.isEmpty, "line \(line)")
    #expect(result.error.hasPrefix("tokenize: "), "line \(line): \(result.error)")
    for part in parts { #expect(result.error.contains(part), "line \(line): \(result.error)") }
  }

  @Test func inputsThatAreNotThere() throws {
    try Program.withVocabulary { program in
      try program.write("text", to: "there")
      for verb in [
        "encode --vocab small", "decode --vocab small", "count --vocab small", "train --merges 5",
        "compare --vocab small", "split --pattern gpt2", "train --model char -o c",
        "lm train --vocab char -o r",
      ] {
        expectRefusal(try program(verb + " there missing"), 66, "missing", "No such file")
        if !verb.hasPrefix("count") {
          // That one counts what is in it.
          expectRefusal(try program(verb + " vocabs"), 66, "vocabs", "directory")
        }
        #expect(program.names() == ["story.txt", "there", "vocabs"])
      }
      expectRefusal(try program.shell("$T encode --vocab small <."), 66, "standard input")
      expectRefusal(try program("lm sample nowhere"), 66, "nowhere")
      expectRefusal(try program("lm sample vocabs"), 66, "vocabs")
    }
  }

  @Test(.enabled("root may read anything") { getuid() != 0 })
  func inputsThatMayNotBeRead() throws {
    try Program.withVocabulary { program in
      _ = try program.shell("chmod 000 story.txt")
      expectRefusal(try program("encode --vocab small story.txt"), 66, "story.txt", "ermission")
    }
  }

  @Test func vocabulariesThatAreNotThere() throws {
    try Program.withVocabulary { program in
      let unknown = try program("encode --vocab nothing")
      expectRefusal(unknown, 66, "nothing", "./vocabs", "small")
      expectRefusal(try program("encode --vocab ./nothing"), 66, "nothing")
      expectRefusal(try program("encode --vocab char"), 64, "train --model char")
      expectRefusal(try program("encode --vocab story.txt"), 65, "story.txt")
    }
  }

  @Test(
    .enabled("there is no /dev/full here") { FileManager.default.fileExists(atPath: "/dev/full") })
  func outputsThatAreFull() throws {
    try Program.withVocabulary { program in
      for verb in [
        "encode --vocab small story.txt", "count --vocab small story.txt",
        "compare --vocab small story.txt", "inspect --vocab small",
        "split --pattern gpt2 story.txt",
        "--help", "--version",
      ] {
        let result = try program.shell("$T \(verb) >/dev/full")
        expectRefusal(result, 74, "standard output", "No space")
      }
      expectRefusal(try program("encode --vocab small -o /dev/full story.txt"), 74, "/dev/full")
    }
  }

  @Test func outputsThatCannotBeMade() throws {
    try Program.withVocabulary { program in
      expectRefusal(try program("encode --vocab small -o no/where story.txt"), 73, "no/where")
      expectRefusal(try program("encode --vocab small -o vocabs story.txt"), 73, "vocabs")
      expectRefusal(try program("train --merges 5 -o vocabs/small story.txt"), 73, "--force")
      try program.write("mine", to: "vocabs/small/notes.txt")
      let others = try program("train --merges 5 -o vocabs/small --force story.txt")
      expectRefusal(others, 73, "notes.txt")
      #expect(try program.bytes("vocabs/small/notes.txt") == Array("mine".utf8))
    }
  }

  @Test func nothingIsLeftOfAFailure() throws {
    try Program.withVocabulary { program in
      try program.write("before", to: "out")
      let result = try program("encode --vocab small --invalid-utf8 refuse -o out bad story.txt")
      #expect(result.status == 66)
      try program.scratch.write([0x61, 0xFF], to: "bad")
      expectRefusal(
        try program("encode --vocab small --invalid-utf8 refuse -o out story.txt bad"), 65, "bad",
        "byte 1")
      #expect(try program.bytes("out") == Array("before".utf8))
      #expect(program.names() == ["bad", "out", "story.txt", "vocabs"])
    }
  }

  @Test(arguments: [
    ("ids", "12 x4", "byte 3"), ("ids", "-1", "byte 0"), ("ids", "4294967296", "4294967295"),
    ("ids", "99999999999999999999999999", "4294967295"), ("ids", "97 98 9999", "position 2"),
    ("ids", "hello world", "'h'"), ("ids", "1.5", "'.'"), ("u16", "a\0b", "byte 3"),
    ("u32", "a\0\0\0b", "byte 5"), ("u32", "abcd", "position 0"), ("npy", "hello", "NUMPY"),
    ("npy", "", "npy"), ("llmc", "short", "llmc"), ("jsonl", "{\"ids\":[1,-2]}", "line 1"),
    ("jsonl", "{\"ids\":[1]}\n[2]\n", "line 2"), ("jsonl", "{\"tokens\":[1]}", "'ids'"),
    ("jsonl", "{\"ids\":[1.5]}", "fraction"), ("jsonl", "{\"ids\":[1]", "line 1"),
    ("jsonl", "{\"ids\":[99999]}", "position 0"),
  ])
  func idsThatAreNone(_ format: String, _ input: String, _ part: String) throws {
    try Program.with { program in
      let result = try program.run(
        ["decode", "--vocab", "byte", "--format", format], input: Array(input.utf8))
      expectRefusal(result, 65, "standard input", part)
      _ = try program.run(
        ["decode", "--vocab", "byte", "--format", format, "-o", "out"], input: Array(input.utf8))
      #expect(program.names().isEmpty)
    }
  }

  @Test func headersThatPromiseTooMuchOrTooLittle() throws {
    try Program.with { program in
      try program.write("abc", to: "text")
      for format in ["npy", "llmc"] {
        _ = try program("encode --vocab byte --format \(format) -o made text")
        let made = try program.bytes("made")
        expectRefusal(
          try program.run(
            ["decode", "--vocab", "byte", "--format", format], input: Array(made.dropLast(2))), 65,
          "1 more")
        expectRefusal(
          try program.run(
            ["decode", "--vocab", "byte", "--format", format], input: made + [0, 0]),
          65, "more bytes")
      }
    }
  }

  @Test(
    arguments: [
      ("vocab.json", "{\"a\": 1", 65), ("vocab.json", "[]", 65), ("vocab.json", "", 65),
      ("vocab.json", String(repeating: "[", count: 200_000), 65), ("vocab.json", "{\"a\": -1}", 65),
      ("merges.txt", "#version: 0.2\na b c\n", 65), ("merges.txt", "#version: 0.2\nqq zz\n", 65),
      ("manifest.json", "{", 65), ("manifest.json", "{\"model\": \"other\"}", 65),
    ] as [(String, String, Int32)])
  func vocabularyFilesThatAreBroken(_ name: String, _ content: String, _ status: Int32) throws {
    try Program.withVocabulary { program in
      try program.write(content, to: "vocabs/small/\(name)")
      expectRefusal(try program("encode --vocab small", input: "text"), status, name)
    }
  }

  @Test func truncatedFilesAreRefused() throws {
    try Program.withVocabulary { program in
      for name in ["vocab.json", "manifest.json"] {
        let whole = try program.bytes("vocabs/small/\(name)")
        try program.scratch.write(Array(whole.prefix(whole.count / 2)), to: "vocabs/small/\(name)")
        expectRefusal(try program("encode --vocab small", input: "text"), 65, name)
        try program.scratch.write(whole, to: "vocabs/small/\(name)")
      }
      try program.write("IQ== 0\nI", to: "cut.tiktoken")
      let cut = try program("encode --vocab cut.tiktoken --pattern gpt2", input: "text")
      expectRefusal(cut, 65, "cut.tiktoken", "line 2")
      let unnamed = try program("encode --vocab cut.tiktoken", input: "text")
      expectRefusal(unnamed, 65, "pattern")
    }
  }

  @Test func usageIsChecked() throws {
    try Program.withVocabulary { program in
      for line in [
        "encode", "encode --vocab small --format other", "train story.txt",
        "train --merges 5 --vocab-size 300 story.txt", "train --merges -1 story.txt",
        "train --vocab-size 255 story.txt", "train --model char --merges 5 story.txt", "unknown",
        "encode --vocab small --threads 0 story.txt", "split story.txt", "split --pattern llama4",
        "split --pattern (", "train --merges 5", "decode --vocab small --format pieces",
        "lm train --model bigram story.txt", "lm train --vocab char --tokens u16 story.txt",
        "lm train --vocab small --steps 0 story.txt", "lm sample",
        "train --model wordpiece story.txt",
      ] {
        let result = try program(line)
        #expect(result.status == 64, "\(line): \(result.error)")
        #expect(result.output.isEmpty && !result.error.isEmpty, "\(line)")
      }
      #expect(program.names() == ["story.txt", "vocabs"])
    }
  }
}
