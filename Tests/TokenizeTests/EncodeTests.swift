import Foundation
import TestSupport
import Testing

@Suite struct EncodeTests {
  @Test func formatsComeBack() throws {
    try Program.withVocabulary { program in
      let text = try program.bytes("story.txt")
      for format in ["ids", "jsonl", "u16", "u32", "npy", "llmc"] {
        // To a file, to standard output that is a file, and through a pipe.
        let file = try program("encode --vocab small --format \(format) -o made story.txt")
        #expect(file.status == 0 && file.output.isEmpty && file.error.isEmpty, "\(format)")
        let redirected = try program("encode --vocab small --format \(format) story.txt")
        let piped = try program.shell("$T encode --vocab small --format \(format) <story.txt | cat")
        #expect(try program.bytes("made") == redirected.output, "\(format)")
        #expect(piped.output == redirected.output, "\(format)")
        let decoded = try program("decode --vocab small --format \(format) made")
        #expect(decoded.output == text, "\(format)")
      }
      #expect(program.names() == ["made", "story.txt", "vocabs"])
    }
  }

  @Test func documentsAreLines() throws {
    try Program.withVocabulary { program in
      try program.write("ab", to: "a")
      try program.write("", to: "b")
      try program.write("cd\n", to: "c")
      #expect(try program("encode --vocab byte a b c").text == "97 98\n\n99 100 10\n")
      #expect(try program("encode --vocab byte", input: "").text == "\n")
      let lines = try program("encode --vocab byte --lines", input: "ab\n\nc\r\nd")
      #expect(lines.text == "97 98\n\n99 13\n100\n")
      #expect(try program("encode --vocab byte --lines", input: "").text == "")
      let back = try program.run(["decode", "--vocab", "byte", "--lines"], input: lines.output)
      #expect(back.text == "ab\n\nc\r\nd\n")
    }
  }

  @Test func jsonLinesTellOffsets() throws {
    try Program.withVocabulary { program in
      let result = try program(
        "encode --vocab byte --lines --format jsonl --offsets", input: "ab\n\n")
      #expect(
        result.text == """
          {"ids":[97,98],"offsets":[[0,1],[1,2]]}
          {"ids":[],"offsets":[]}

          """)
      let marked = try program.run(
        [
          "encode", "--vocab", "small", "--format", "jsonl", "--offsets", "--special", "allow",
          "--end-of-text",
        ], input: Array("x<|endoftext|>".utf8))
      #expect(marked.text.hasSuffix(#""offsets":[[0,1],[1,14],[14,14]]}"# + "\n"))
      #expect(try program("encode --vocab byte --offsets").status == 64)
      let replaced = try program(
        "encode --vocab byte --format jsonl --offsets --invalid-utf8 replace")
      #expect(replaced.status == 64 && replaced.output.isEmpty)
    }
  }

  @Test func specialTokensAreTextUnlessAllowed() throws {
    try Program.withVocabulary { program in
      let text = "one<|endoftext|>two"
      let plain = try program("encode --vocab small --format pieces", input: text)
      #expect(!plain.text.contains("<|endoftext|>"))
      let allowed = try program("encode --vocab small --format pieces --special allow", input: text)
      #expect(allowed.text.contains(" <|endoftext|> "))
      let refused = try program("encode --vocab small --special refuse", input: text)
      #expect(refused.status == 65 && refused.output.isEmpty)
      #expect(refused.error.contains("standard input") && refused.error.contains("byte 3"))
      let lines = try program(
        "encode --vocab small --lines --special refuse", input: "fine\nno<|endoftext|>\n")
      #expect(lines.status == 65 && lines.error.contains("line 2"))
      let ended = try program("encode --vocab small --end-of-text", input: "a\n")
      #expect(ended.text.hasSuffix(" 456\n"))
      let impossible = try program("encode --vocab byte --end-of-text", input: "a\n")
      #expect(impossible.status == 64 && impossible.output.isEmpty)
    }
  }

  @Test func badBytesFollowThePolicy() throws {
    try Program.with { program in
      let bad: [UInt8] = [0x61, 0xFF, 0x62]
      let kept = try program.run(["encode", "--vocab", "byte"], input: bad)
      #expect(kept.text == "97 255 98\n")
      let replaced = try program.run(
        ["encode", "--vocab", "byte", "--invalid-utf8", "replace"], input: bad)
      #expect(replaced.text == "97 239 191 189 98\n")
      let refused = try program.run(
        ["encode", "--vocab", "byte", "--invalid-utf8", "refuse"], input: bad)
      #expect(refused.status == 65 && refused.output.isEmpty && refused.error.contains("byte 1"))
    }
  }

  @Test func idsDoNotDependOnThreadsOrBlocks() throws {
    try Program.withVocabulary { program in
      // Longer than the blocks that are encoded at a time.
      _ = try program.shell("for i in 1 2 3 4 5 6 7 8 9 10; do cat story.txt; done >ten.txt")
      _ = try program.shell("for i in 1 2 3 4 5 6 7 8; do cat ten.txt; done >long.txt")
      let one = try program("encode --vocab small --threads 1 long.txt")
      let two = try program("encode --vocab small --threads 2 long.txt")
      let slow = try program.shell("dd if=long.txt bs=777 2>/dev/null | $T encode --vocab small")
      #expect(one.output == two.output && one.output == slow.output)
      let text = try program.bytes("long.txt")
      let back = try program.run(["decode", "--vocab", "small"], input: one.output)
      #expect(back.output == text)
    }
  }

  @Test func aClosedPipeEndsQuietly() throws {
    try Program.withVocabulary { program in
      let result = try program.shell(
        "yes 'the keeper counted the steps' | head -c 20000000 | $T encode --vocab small"
          + " | head -c 100; echo done >&2")
      #expect(result.output.count == 100)
      #expect(result.error == "done\n")
    }
  }

  @Test func memoryIsBounded() throws {
    try Program.withVocabulary { program in
      // Text and ids together would not fit.
      let result = try program.shell(
        "ulimit -v 260000; yes 'the keeper counted the steps' | head -c 60000000"
          + " | $T encode --vocab small --threads 2 | $T decode --vocab small | tail -c 30")
      #expect(result.error.isEmpty)
      #expect(result.text.contains("the keeper"))
    }
  }

  /// Digits come from a table, which ends somewhere.
  @Test(arguments: [9, 10, 99_999, 100_000, 999_999, 1_000_000, 4_294_967_294])
  func idsOfAnyLengthAreWritten(_ id: Int) throws {
    try Program.with { program in
      var table = ""
      for byte in 0..<256 {
        let own = byte == 9 ? 257 : byte == 10 ? 258 : byte == 99 ? 259 : byte
        table += Data([UInt8(byte)]).base64EncodedString() + " \(byte == 98 ? id : own)\n"
      }
      try program.write(table, to: "wide.tiktoken")
      let base = "--vocab wide.tiktoken --pattern gpt2"
      #expect(try program("encode \(base)", input: "abba").text == "97 \(id) \(id) 97\n")
      #expect(try program("decode \(base)", input: "\(id) 97").text == "ba")
    }
  }

  @Test func narrowFormatsAreRefusedForLargeIDs() throws {
    try Program.with { program in
      var table = ""
      for byte in 0..<256 {
        table += Data([UInt8(byte)]).base64EncodedString() + " \(byte == 255 ? 70_000 : byte)\n"
      }
      try program.write(table, to: "wide.tiktoken")
      let base = "encode --vocab wide.tiktoken --pattern gpt2"
      let refused = try program(base + " --format u16", input: "a")
      #expect(refused.status == 64 && refused.output.isEmpty && refused.error.contains("70000"))
      #expect(try program(base + " --format u32", input: "a").output == [97, 0, 0, 0])
      let llmc = try program(base + " --format llmc", input: "a").output
      #expect(
        llmc.count == 1028 && llmc.prefix(12) == [0xA1, 0xD9, 0x34, 0x01, 7, 0, 0, 0, 1, 0, 0, 0])
      let npy = try program(base + " --format npy", input: "ab").output
      #expect(npy.count == 136 && String(decoding: npy[10..<128], as: UTF8.self).contains("'<u4'"))
      #expect(String(decoding: npy[10..<128], as: UTF8.self).contains("(2,)"))
    }
  }
}
