import Foundation
import TestSupport
import Testing

@Suite struct LanguageModelTests {
  @Test func aRunHoldsAllThatSamplingNeeds() throws {
    try Program.withVocabulary { program in
      let piped = try program.shell(
        "$T encode --vocab small --format u16 story.txt | $T lm train --model minilm --vocab small"
          + " --tokens u16 --steps 30 --seed 1 --threads 1 -q -o runs/a -")
      #expect(piped.status == 0 && piped.output.isEmpty && piped.error.isEmpty, "\(piped.error)")
      #expect(
        program.names(in: "runs/a") == ["log.jsonl", "model.minilm", "run.json", "tokenizer"])
      _ = try program.shell("rm -r vocabs")
      let sample = "lm sample runs/a --prompt The --max-tokens 20 --seed 3"
      let text = try program(sample)
      #expect(text.status == 0 && text.text.hasPrefix("The") && text.text.hasSuffix("\n"))
      #expect(try program(sample).output == text.output)
      let several = try program(sample + " --count 2 --temperature 0")
      let parts = several.text.components(separatedBy: "---\n")
      #expect(parts.count == 2 && parts[0] == parts[1])
      let evaluation = try program("lm eval runs/a --json story.txt")
      let object = try JSONSerialization.jsonObject(with: Data(evaluation.output)) as? [String: Any]
      #expect((object?["loss"] as? Double ?? 0) > 1)
    }
  }

  @Test func textIsTheSameAsItsTokens() throws {
    try Program.withVocabulary { program in
      let options = "--model minilm --vocab small --steps 20 --seed 5 --threads 1"
      _ = try program("lm train \(options) -q -o runs/text story.txt")
      _ = try program("encode --vocab small --format u16 -o story.bin story.txt")
      _ = try program("lm train \(options) -q --tokens u16 -o runs/tokens story.bin")
      #expect(
        try program.bytes("runs/text/model.minilm") == program.bytes("runs/tokens/model.minilm"))
    }
  }

  @Test func charactersAreFittedOnTheWay() throws {
    try Program.withVocabulary { program in
      let trained = try program(
        "lm train --model bigram --vocab char --steps 50 --seed 1 --threads 1 story.txt")
      #expect(trained.status == 0 && trained.text.contains("runs/story: bigram, 80 tokens"))
      let sample = try program("lm sample runs/story --max-tokens 10 --seed 1")
      #expect(sample.status == 0 && !sample.output.isEmpty)
      let unknown = try program("lm sample runs/story --prompt ☃")
      #expect(unknown.status == 65 && unknown.output.isEmpty)
      let more = try program("lm train --resume --steps 80 --threads 1 -o runs/story story.txt")
      #expect(more.status == 0 && more.text.contains("80 steps"), "\(more.error)")
      _ = try program(
        "lm train --model bigram --vocab char --steps 80 --seed 1 --threads 1 -o runs/whole story.txt"
      )
      #expect(program.names(in: "runs/whole") == program.names(in: "runs/story"))
    }
  }

  @Test func whatDoesNotFitIsRefused() throws {
    try Program.withVocabulary { program in
      var table = ""
      for byte in 0..<256 {
        table += Data([UInt8(byte)]).base64EncodedString() + " \(byte == 255 ? 900_000 : byte)\n"
      }
      try program.write(table, to: "wide.tiktoken")
      let large = try program(
        "lm train --model bigram --vocab wide.tiktoken --pattern gpt2 -o r story.txt")
      #expect(large.status == 64 && large.output.isEmpty && large.error.contains("minilm"))
      let ids = try program.run(
        ["lm", "train", "--vocab", "small", "--tokens", "u16", "-o", "r", "-"],
        input: [0xFF, 0xFF, 1, 0])
      #expect(ids.status == 65 && ids.error.contains("65535"))
      let short = try program("lm train --vocab small -o r", input: "ab")
      #expect(short.status == 65 && short.output.isEmpty)
      #expect(program.names() == ["story.txt", "vocabs", "wide.tiktoken"])
    }
  }
}
