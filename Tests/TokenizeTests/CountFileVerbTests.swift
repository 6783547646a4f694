import Foundation
import TestSupport
import Testing

/// Training in parts, within bounds, again: `--counts-only`, `--from-counts`, `--memory`, `verify`.
@Suite struct CountFileVerbTests {
  private static let files = ["manifest.json", "merges.txt", "tokenizer.json", "vocab.json"]

  /// A text with many distinct words, the same each time.
  private func text(_ seed: UInt64, words: Int) -> String {
    var random = SeededRandom(seed: seed)
    var text = ""
    for _ in 0..<words {
      for _ in 0..<(1 + random.below(6)) { text += random.pick(["a", "b", "ei", "o", "t", "s"]) }
      text += random.pick([" ", " ", " ", "\n", ". "])
    }
    return text
  }

  @Test func shardsInAnyOrderGiveTheBytesOfOneRun() throws {
    try Program.with { program in
      var names: [String] = []
      for shard in 0..<7 {
        names.append("s\(shard).txt")
        try program.write(text(UInt64(shard), words: 3000), to: names[shard])
      }
      let options = "--merges 300 --special-token <|end|> -q"
      let all = names.joined(separator: " ")
      #expect(try program("train \(options) -o whole \(all)").status == 0)
      // By 1, 3 and 7, forwards and backwards, on one thread and on two, with a bound and without.
      for (shards, bound) in [(1, ""), (3, "--memory 1M"), (7, "--threads 1")] {
        var counts: [String] = []
        for shard in 0..<shards {
          let part = names.enumerated().filter { $0.offset % shards == shard }.map(\.element)
          counts.append("c\(shards)-\(shard)")
          let result = try program(
            "train --counts-only \(bound) -o \(counts[shard]) \(part.joined(separator: " "))")
          #expect(result.status == 0 && result.output.isEmpty, "\(result.error)")
          #expect(result.error.contains("distinct pre-tokens of"))
        }
        for (name, order) in [("f\(shards)", counts), ("b\(shards)", counts.reversed())] {
          let result = try program(
            "train \(options) -o \(name) --from-counts \(order.joined(separator: " "))")
          #expect(result.status == 0, "\(result.error)")
          for file in Self.files {
            #expect(
              try program.bytes("\(name)/\(file)") == program.bytes("whole/\(file)"),
              "\(name), \(file)")
          }
        }
      }
      let verified = try program("verify whole --from-counts c7-0 c7-1 c7-2 c7-3 c7-4 c7-5 c7-6")
      #expect(verified.status == 0 && verified.text.contains("the same to the bit"))
      #expect(try program("verify whole --from-counts c7-0 c7-1").status == 1)
    }
  }

  @Test func aBoundGivesTheSameBytes() throws {
    try Program.with { program in
      try program.write(text(1, words: 20000), to: "t.txt")
      for (name, bound) in [
        ("a", ""), ("b", "--memory 1M"), ("c", "--memory 1.5MiB --threads 1"), ("d", ""),
      ] {
        let result = try program("train --merges 200 -q \(bound) -o \(name) t.txt")
        #expect(result.status == 0, "\(result.error)")
      }
      for name in ["b", "c", "d"] {
        for file in Self.files {
          #expect(try program.bytes("\(name)/\(file)") == program.bytes("a/\(file)"))
        }
      }
      for bad in ["0", "-1", "12", "1023K", "G", "x", "1e30G"] {
        #expect(try program("train --merges 2 --memory=\(bad) -o e t.txt").status == 64, "\(bad)")
      }
    }
  }

  @Test func verifyFindsWhatChanged() throws {
    try Program.withVocabulary { program in
      _ = try program(
        "train --merges 60 --min-frequency 2 --max-token-length 5 --ties first-seen --special-token <|e|>"
          + " -q -o v story.txt")
      let good = try program("verify v --against story.txt")
      #expect(good.status == 0 && good.text.contains("the same to the bit") && good.error.isEmpty)
      _ = try program.shell("sed 5d v/merges.txt >m; cp m v/merges.txt")
      let edited = try program("verify v --against story.txt")
      #expect(edited.status == 1 && edited.text.contains("v/merges.txt: differs"))
      #expect(edited.text.contains("line 5"))
      _ = try program.shell("rm v/merges.txt")
      #expect(try program("verify v --against story.txt").text.contains("is not there"))
      try program.write("another text", to: "other.txt")
      let other = try program("verify v --against other.txt")
      #expect(other.status == 1 && other.text.contains("story.txt: SHA-256 differs"))
      #expect(try program("verify v").status == 64)
      #expect(try program("verify nowhere --against story.txt").status == 66)
      #expect(try program("verify v --against nothing.txt").status == 66)
      for (name, options) in [
        ("c", "--model char --lines"), ("w", "--model word --splitter punctuation --lowercase"),
      ] {
        _ = try program("train \(options) -q -o \(name) story.txt")
        let again = try program("verify \(name) --against story.txt")
        #expect(again.status == 0, "\(again.text)\(again.error)")
      }
    }
  }

  @Test func extendingReportsWhatChanged() throws {
    try Program.with { program in
      try program.write("abababab abab", to: "one.txt")
      try program.write("xyxyxyxy ab xyab", to: "two.txt")
      _ = try program("train --merges 1 --special-token <|e|> -q -o base one.txt")
      let result = try program(
        "train --extend ./base --merges 1 --held-out two.txt -o more two.txt")
      #expect(result.status == 0, "\(result.error)")
      // x y four times and once more: ten of old tokens become five; 16 bytes, ab twice.
      #expect(result.text.contains("259 tokens (258 as before, 1 new merge)"))
      #expect(result.text.contains("first new merges: x+y"))
      #expect(result.text.contains("two.txt: 10 of 14 tokens changed (71.4 %), 9 tokens now"))
      let base = String(decoding: try program.bytes("base/merges.txt"), as: UTF8.self)
      let more = String(decoding: try program.bytes("more/merges.txt"), as: UTF8.self)
      #expect(more == base + "x y\n")
      #expect(
        try program("encode --vocab ./more --special allow", input: "xy<|e|>").text == "258 257\n")
      #expect(try program("verify more --against two.txt --extend ./base").status == 0)
      #expect(try program("verify more --against two.txt").status == 64)
      #expect(try program("verify more --against two.txt --extend ./more").status == 65)
      #expect(try program("train --extend ./base --vocab-size 100 -o e two.txt").status == 64)
      _ = try program("train --model char -q -o chars one.txt")
      #expect(try program("train --extend ./chars --merges 1 -o e two.txt").status == 64)
      #expect(try program("train --held-out two.txt --merges 1 -o e two.txt").status == 64)
      #expect(!program.names().contains("e"))
    }
  }

  @Test func badCountFilesLeaveNothing() throws {
    try Program.withVocabulary { program in
      _ = try program("train --counts-only -q -o good story.txt")
      _ = try program("train --counts-only -q --pattern cl100k -o other story.txt")
      _ = try program.shell("head -c 2000 good >cut; sed 's/gpt2/gpt3/' good >edited; : >empty")
      _ = try program.shell("(head -c 3000 good; printf x; tail -c +3002 good) >changed")
      for (files, word) in [
        ("good other", "cl100k"), ("cut", "cut off"), ("edited", "checksum"),
        ("empty", "count file"),
        ("changed", "checksum"), ("story.txt", "not a count file"), ("good cut", "cut"),
      ] {
        let result = try program("train --merges 5 -o out --from-counts \(files)")
        #expect(result.status == 65, "\(files): \(result.error)")
        #expect(result.output.isEmpty && result.error.contains(word), "\(files): \(result.error)")
        #expect(!program.names().contains("out"))
      }
      #expect(try program("train --merges 5 -o out --from-counts missing").status == 66)
      for wrong in [
        "--counts-only story.txt", "--counts-only --merges 3 -o x story.txt",
        "--merges 5 -o x --ties first-seen --from-counts good",
        "--merges 5 -o x --pattern gpt2 --from-counts good",
        "--merges 5 -o x --lines --from-counts good", "--vocab-size 255 -o x --from-counts good",
        "--merges 5 -o x --max-token-length 0 story.txt", "--merges 5 -o x --ties random story.txt",
        "--lines --jsonl-field a --merges 5 -o x story.txt",
        "--model char --from-counts good -o x",
      ] {
        let result = try program("train \(wrong)")
        #expect(result.status == 64 && result.output.isEmpty, "\(wrong): \(result.error)")
      }
      #expect(
        program.names() == [
          "changed", "cut", "edited", "empty", "good", "other", "story.txt", "vocabs",
        ])
    }
  }
}
