import Foundation
import TestSupport
import Testing

@Suite struct TrainTests {
  @Test func theFolderIsNamedForTheCorpus() throws {
    try Program.withVocabulary { program in
      let result = try program("train --merges 50 story.txt")
      #expect(result.status == 0 && result.error.isEmpty)
      #expect(
        program.names(in: "vocabs/story")
          == ["manifest.json", "merges.txt", "tokenizer.json", "vocab.json"])
      #expect(result.text.contains("306 tokens (256 bytes, 50 merges)"))
      #expect(result.text.contains("first merges: Ġ+t, h+e, Ġ+a"))
      #expect(result.text.contains("tokenize encode --vocab story"))
      let again = try program("train --merges 50 story.txt")
      #expect(again.status == 73 && again.output.isEmpty)
      let forced = try program("train --merges 60 --force -q story.txt")
      #expect(forced.status == 0 && forced.output.isEmpty && forced.error.isEmpty)
      #expect(try program.bytes("vocabs/story/merges.txt").count(where: { $0 == 0x0A }) == 61)
      #expect(program.names() == ["story.txt", "vocabs"])
    }
  }

  @Test func theSameBytesForAnyThreadsAndOrder() throws {
    try Program.withVocabulary { program in
      _ = try program.shell("for i in 1 2 3 4 5 6 7 8 9; do cat story.txt; done >long.txt")
      for (name, arguments) in [
        ("a", "--threads 1 story.txt long.txt"), ("b", "--threads 2 long.txt story.txt"),
      ] {
        let result = try program("train --merges 100 -o \(name) \(arguments)")
        #expect(result.status == 0, "\(result.error)")
      }
      for file in program.names(in: "a") {
        #expect(try program.bytes("a/\(file)") == program.bytes("b/\(file)"), "\(file)")
      }
    }
  }

  @Test func itSaysWhyItStopped() throws {
    try Program.with { program in
      try program.write("aaabdaaabac", to: "tiny.txt")
      let result = try program("train --merges 50 tiny.txt")
      #expect(result.text.contains("stopped after 7 of 50 merges"))
      let frequent = try program("train --merges 50 --min-frequency 2 -o f tiny.txt")
      #expect(frequent.text.contains("occurs 2 times"))
      let three = try program("train --merges 3 --pattern none -o three tiny.txt")
      #expect(three.text.contains("first merges: a+a, a+b, aa+ab"))
      #expect(try program("count --vocab ./three tiny.txt").text == "5 tiny.txt\n")
      let empty = try program("train --merges 5 -o e", input: "")
      #expect(empty.status == 65 && empty.output.isEmpty && program.names(in: "e").isEmpty)
    }
  }

  @Test func manifestHoldsDigests() throws {
    try Program.with { program in
      try program.write("abc", to: "abc.txt")
      _ = try program("train --merges 1 abc.txt")
      let manifest = String(decoding: try program.bytes("vocabs/abc/manifest.json"), as: UTF8.self)
      #expect(
        manifest.contains("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"))
      #expect(manifest.contains("\"unicode\": \"16.0.0\""))
      #expect(!manifest.contains(program.scratch.path))
    }
  }

  @Test func charactersAndWords() throws {
    try Program.with { program in
      try program.write("Hello, world\nhello", to: "t.txt")
      _ = try program("train --model char --special-token <unk> -o c t.txt")
      #expect(try program("encode --vocab ./c", input: "Hex\n").text == "3 5 11 0\n")
      #expect(try program("decode --vocab ./c", input: "3 5 0").text == "He\n")
      _ = try program("train --model char -o plain t.txt")
      let unknown = try program("encode --vocab ./plain", input: "Hex")
      #expect(unknown.status == 65 && unknown.output.isEmpty && unknown.error.contains("U+0078"))
      _ = try program("train --model word --splitter punctuation --lowercase -o w t.txt")
      #expect(
        try program("encode --vocab ./w --format pieces t.txt").text == "hello , world hello\n")
      _ = try program("train --model char --lines -o lines t.txt")
      #expect(try program("encode --vocab ./lines", input: "\n").status == 65)
    }
  }
}
