import Foundation
import TestSupport
import Testing

/// What `train` reads, and how it ends when it is not let finish.
@Suite struct TrainInputTests {
  private func same(_ program: Program, _ one: String, _ other: String) throws -> Bool {
    try program.bytes("\(one)/merges.txt") == program.bytes("\(other)/merges.txt")
      && program.bytes("\(one)/vocab.json") == program.bytes("\(other)/vocab.json")
  }

  @Test func compressedFilesByTheirContent() throws {
    try Program.withVocabulary { program in
      _ = try program("train --merges 60 -q -o plain story.txt")
      // Two texts one behind the other in one file, under a name that says nothing.
      _ = try program.shell(
        "head -c 20000 story.txt | gzip >z; tail -c +20001 story.txt | gzip >>z")
      let gzip = try program("train --merges 60 -q -o gz z")
      #expect(gzip.status == 0, "\(gzip.error)")
      #expect(try same(program, "plain", "gz"))
      let digest = sha256(try program.bytes("story.txt"))
      #expect(
        String(decoding: try program.bytes("gz/manifest.json"), as: UTF8.self).contains(digest))
      _ = try program.shell("head -c 9000 z >short; (head -c 9000 z; echo garbage) >broken")
      _ = try program.shell("(cat z; echo more) >trailing; head -c 2 z >two")
      for name in ["short", "broken", "trailing"] {
        let result = try program("train --merges 60 -q -o bad \(name)")
        #expect(result.status == 65 && result.error.contains("gzip"), "\(name): \(result.error)")
      }
      // Two bytes say nothing: they are text.
      #expect(try program("train --merges 1 -q -o two-bytes two").status == 0)
      let piped = try program.shell("cat z | $T train --merges 60 -q -o pipe -")
      #expect(piped.status == 0)
      #expect(try same(program, "plain", "pipe"))
      guard try program.shell("command -v zstd").status == 0 else { return }
      _ = try program.shell("zstd -q -c story.txt >s")
      let zstd = try program("train --merges 60 -q -o zs s")
      #expect(zstd.status == 0, "\(zstd.error)")
      #expect(try same(program, "plain", "zs"))
      _ = try program.shell("head -c 5000 s >short")
      let short = try program("train --merges 60 -q -o bad short")
      #expect(short.status == 65 && short.error.contains("too early"))
      #expect(!program.names().contains("bad"))
    }
  }

  @Test func jsonLines() throws {
    try Program.with { program in
      try program.write("one two\nthree one\n", to: "t.txt")
      try program.write(
        #"{"id": 1, "text": "one two"}"# + "\n\n" + #"{"text": "three one", "x": {}}"#,
        to: "t.jsonl")
      #expect(try program("train --merges 9 --lines -q -o lines t.txt").status == 0)
      #expect(try program("train --merges 9 --jsonl-field text -q -o json t.jsonl").status == 0)
      #expect(try same(program, "lines", "json"))
      #expect(try program("verify json --against t.jsonl").status == 0)
      _ = try program("train --counts-only --jsonl-field text -q -o c t.jsonl")
      _ = try program("train --merges 9 -q -o counted --from-counts c")
      #expect(try program.bytes("json/manifest.json") == program.bytes("counted/manifest.json"))
      try program.write(#"{"text": "a"}"# + "\n" + #"{"txt": "b"}"# + "\n", to: "bad.jsonl")
      let bad = try program("train --merges 9 --jsonl-field text -o e bad.jsonl")
      #expect(bad.status == 65 && bad.error.contains("bad.jsonl: line 2:"), "\(bad.error)")
      _ = try program.shell("printf 'good\\nb\\377d\\n' >bytes.txt")
      let bytes = try program("train --merges 9 --lines --invalid-utf8 refuse -o e t.txt bytes.txt")
      #expect(bytes.status == 65 && bytes.error.contains("bytes.txt: line 2:"), "\(bytes.error)")
      #expect(bytes.error.contains("byte 1") && !program.names().contains("e"))
    }
  }

  @Test func aDiskThatFillsLeavesNothing() throws {
    try Program.withVocabulary { program in
      _ = try program.shell(
        "for i in 1 2 3 4 5 6; do sed s/e/$i/g story.txt; done >long.txt; mkdir tmp")
      // No file may grow beyond a few blocks; the signal for it is ignored, so that writing fails.
      let spill = try program.shell(
        "trap '' XFSZ; ulimit -f 8; $T train --merges 50 --memory 1M -o out long.txt",
        environment: ["TMPDIR": program.scratch.path + "/tmp"])
      #expect(spill.status == 74, "\(spill.status): \(spill.error)")
      #expect(spill.error.contains("TMPDIR"))
      let counts = try program.shell(
        "trap '' XFSZ; ulimit -f 8; $T train --counts-only -o c long.txt")
      #expect(counts.status == 74, "\(counts.error)")
      if FileManager.default.fileExists(atPath: "/dev/full") {
        let full = try program("train --counts-only -o /dev/full story.txt")
        #expect(full.status == 74 && full.error.contains("No space left"))
      }
      let missing = try program.shell(
        "$T train --merges 50 --memory 1M -o out long.txt", environment: ["TMPDIR": "/nonexistent"])
      #expect(missing.status == 74 && missing.error.contains("/nonexistent"))
      #expect(program.names() == ["long.txt", "story.txt", "tmp", "vocabs"])
      #expect(program.names(in: "tmp").isEmpty)
    }
  }

  /// More distinct pre-tokens than fit: their rows lie on disk while merges are learnt.
  @Test func learningWithinMemoryIsTheSame() throws {
    try Program.withVocabulary { program in
      _ = try program.shell("seq 100000 120000 | tr '\\n' ' ' >many.txt; mkdir tmp")
      #expect(try program("train --merges 40 -q -o free many.txt").status == 0)
      let bound = try program("train --merges 40 --memory 1M -o bound many.txt")
      #expect(bound.status == 0, "\(bound.error)")
      #expect(bound.error.contains("warning: --memory of 1.0 MB cannot be kept"))
      #expect(try program.shell("diff -r free bound").status == 0)
      #expect(try program("train --counts-only -q -o c many.txt").status == 0)
      let full = try program.shell(
        "trap '' XFSZ; ulimit -f 8; $T train --merges 40 --memory 1M -q -o out --from-counts c",
        environment: ["TMPDIR": program.scratch.path + "/tmp"])
      #expect(full.status == 74 && full.error.contains("TMPDIR"), "\(full.error)")
      #expect(!program.names().contains("out") && program.names(in: "tmp").isEmpty)
      let seen = try program("train --merges 4 --memory 40M --ties first-seen -o seen many.txt")
      #expect(seen.error.contains("bounds counting only"))
    }
  }

  @Test(arguments: ["INT", "TERM"])
  func interruptedLeavesNothing(_ name: String) throws {
    try Program.withVocabulary { program in
      _ = try program.shell("mkdir tmp")
      // Whoever runs the tests may have had Ctrl-C ignored, which is inherited.
      let reset = "env --default-signal=\(name)"
      guard try program.shell("\(reset) timeout 1 true").status == 0 else { return }
      // Standard input stays open: the program waits for more text when the signal comes.
      let result = try program.shell(
        "(cat story.txt story.txt; sleep 4) |"
          + " \(reset) timeout -s \(name) --preserve-status 2 $T train --merges 50 --memory 1M -o out -",
        environment: ["TMPDIR": program.scratch.path + "/tmp"])
      #expect(result.status == (name == "INT" ? 130 : 143) && result.output.isEmpty)
      #expect(
        program.names() == ["story.txt", "tmp", "vocabs"] && program.names(in: "tmp").isEmpty)
    }
  }

  @Test func progressAsJSON() throws {
    try Program.withVocabulary { program in
      let result = try program("train --merges 50 --progress json -q -o out story.txt")
      #expect(result.status == 0 && result.output.isEmpty)
      let lines = try result.error.split(separator: "\n").map {
        try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
      }
      let size = try program.bytes("story.txt").count
      let reading = try #require(lines.last { $0["what"] as? String == "reading" })
      #expect(reading["event"] as? String == "done" && reading["done"] as? Int == size)
      #expect(reading["total"] as? Int == size)
      let learning = try #require(lines.last { $0["what"] as? String == "learning" })
      #expect(learning["event"] as? String == "done" && learning["done"] as? Int == 50)
      #expect(learning["total"] as? Int == 50)
    }
  }
}
