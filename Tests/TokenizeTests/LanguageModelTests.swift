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
        program.names(in: "runs/a") == [
          "best.safetensors", "config.json", "log.jsonl", "model.safetensors", "run.json",
          "tokenizer",
          "training.safetensors",
        ])
      _ = try program.shell("rm -r vocabs")
      let sample = "lm sample runs/a --prompt The --max-tokens 20 --seed 3"
      let text = try program(sample)
      #expect(text.status == 0 && text.text.hasPrefix("The") && text.text.hasSuffix("\n"))
      #expect(try program(sample).output == text.output)
      let several = try program(sample + " --count 2 --temperature 0")
      let parts = several.text.components(separatedBy: "---\n")
      #expect(parts.count == 2 && parts[0] == parts[1])
      // Side by side they are what each seed gives alone.
      for options in ["", " --stop e", " --max-tokens 0", " --repetition-penalty 1.2"] {
        let alone = try (3..<6).map { seed in
          try program("lm sample runs/a --prompt The --max-tokens 20 --seed \(seed)\(options)").text
        }
        let together = try program(sample + options + " --samples 3")
        #expect(together.status == 0 && together.text == alone.joined(separator: "---\n"))
      }
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
      for name in ["model.safetensors", "training.safetensors"] {
        #expect(try program.bytes("runs/text/\(name)") == program.bytes("runs/tokens/\(name)"))
      }
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
      // Evaluated twice, the resumed one has a curve besides.
      #expect(
        program.names(in: "runs/whole")
          == program.names(in: "runs/story").filter { $0 != "curve.svg" })
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

  /// A gpt, interrupted and resumed, ends where the uninterrupted one does.
  @Test func aGPTIsTrainedResumedAndSampled() throws {
    try Program.withVocabulary { program in
      let options =
        "--model gpt --layers 2 --heads 2 --width 16 --block-size 16 --batch-size 4 --dropout 0.1"
        + " --accumulate 2 --eval-interval 10 --schedule constant --warmup-steps 5 --seed 5 --threads 2 -q"
      let whole = try program(
        "lm train \(options) --vocab small --steps 30 -o runs/whole story.txt")
      #expect(whole.status == 0 && whole.error.isEmpty, "\(whole.error)")
      _ = try program("lm train \(options) --vocab small --steps 20 -o runs/half story.txt")
      let resumed = try program(
        "lm train --resume --steps 30 --threads 2 -q -o runs/half story.txt")
      #expect(resumed.status == 0, "\(resumed.error)")
      #expect(
        try program.bytes("runs/half/model.safetensors")
          == program.bytes("runs/whole/model.safetensors"))
      let curve = String(decoding: try program.bytes("runs/half/curve.svg"), as: UTF8.self)
      #expect(curve.hasPrefix("<svg ") && curve.components(separatedBy: "<polyline").count == 3)
      let log = String(decoding: try program.bytes("runs/half/log.jsonl"), as: UTF8.self)
      #expect(log.split(separator: "\n").count == 3 && log.contains("bitsPerByte"))

      // Longer than the block, so that the context is cropped on the way; greedy is greedy.
      let sample = "lm sample runs/half --prompt The --max-tokens 40 --temperature 0"
      let text = try program(sample)
      #expect(text.status == 0 && text.text.hasPrefix("The"))
      #expect(try program(sample + " --min-p 0.1 --top-k 5 --seed 2").output == text.output)
      let other = try program(sample + " --repetition-penalty 5")
      #expect(other.status == 0 && other.output != text.output)
      // What follows a stop text is not shown.
      let words = text.text.dropFirst(3).prefix(12)
      if let stop = words.dropFirst(4).first(where: { $0 != " " && $0 != "\n" }) {
        let short = try program.run(
          sample.split(separator: " ").map(String.init) + ["--stop", String(stop)])
        let end = try #require(text.text.dropFirst(3).firstIndex(of: stop))
        #expect(short.text == text.text[..<end] + "\n")
      }

      for (stride, windows) in [(8, "16 tokens, every 8"), (16, "16 tokens, every 16")] {
        let evaluation = try program("lm eval runs/half --stride \(stride) story.txt")
        #expect(evaluation.status == 0 && evaluation.text.contains(windows), "\(evaluation.error)")
      }
      let best = try program("lm eval runs/half --checkpoint best --json story.txt")
      #expect(best.status == 0)
      let long = try program("lm eval runs/half --context 17 story.txt")
      #expect(long.status == 64 && long.output.isEmpty)
    }
  }

  /// The loops for each processor, and products with and without a library, give the same losses.
  @Test func everyLevelTrainsAlike() throws {
    try Program.withVocabulary { program in
      var losses: [Double] = []
      let environments: [[String: String]] = [
        [:], ["MINILM_KERNELS": "baseline"], ["MINILM_KERNELS": "avx2"],
        ["MINILM_MATMUL": "reference"],
      ]
      let line =
        "lm train --model gpt --layers 1 --heads 2 --width 24 --block-size 20 --batch-size 2 --steps 20"
        + " --dropout 0.2 --activation gelu-tanh --bias --vocab char --seed 3 --threads 1 -q --force"
        + " -o r story.txt"
      let arguments: [String] = line.split(separator: " ").map { String($0) }
      for environment in environments {
        let trained = try program.run(arguments, environment: environment)
        #expect(trained.status == 0, "\(trained.error)")
        let log = try JSONSerialization.jsonObject(with: Data(try program.bytes("r/log.jsonl")))
        losses.append(try #require((log as? [String: Any])?["validationLoss"] as? Double))
      }
      #expect(losses.allSatisfy { abs($0 - losses[0]) < 1e-4 }, "\(losses)")
    }
  }

  /// Where there are no products of bfloat16, which the loops never have, float32 stands in, and the user is told.
  @Test func aPrecisionIsAskedFor() throws {
    try Program.withVocabulary { program in
      let line =
        "lm train --model gpt --layers 1 --heads 2 --width 24 --block-size 20 --batch-size 2 --steps 20"
        + " --warmup-steps 5 --vocab char --seed 3 --threads 1 --force -o r story.txt --precision "
      func loss(_ precision: String, loops: Bool) throws -> (
        loss: Double, warns: Bool, note: String
      ) {
        let trained = try program.run(
          (line + precision).split(separator: " ").map { String($0) },
          environment: loops ? ["MINILM_MATMUL": "reference"] : [:])
        #expect(trained.status == 0, "\(trained.error)")
        let log = try JSONSerialization.jsonObject(with: Data(try program.bytes("r/log.jsonl")))
        return (
          try #require((log as? [String: Any])?["validationLoss"] as? Double),
          trained.error.contains("warning: there are no products of bfloat16"),
          String(decoding: try program.bytes("r/run.json"), as: UTF8.self)
        )
      }
      let exact = try loss("float32", loops: true)
      let standIn = try loss("bfloat16", loops: true)
      #expect(standIn.loss == exact.loss && standIn.warns && !exact.warns)
      let rounded = try loss("bfloat16", loops: false)
      #expect(abs(rounded.loss - exact.loss) < 0.02)
      #expect(rounded.warns == !rounded.note.contains("bfloat16 with sums in float32"))
      let unknown = try program.run((line + "float8").split(separator: " ").map { String($0) })
      #expect(unknown.status == 64 && unknown.error.contains("bfloat16"))
    }
  }

  @Test func failuresLeaveTheLastGoodCheckpoint() throws {
    try Program.withVocabulary { program in
      let train =
        "lm train --model gpt --layers 1 --heads 2 --width 8 --block-size 8 --batch-size 2"
      let files = ["model.safetensors", "training.safetensors", "config.json"]
      _ = try program("\(train) --vocab small --steps 10 --seed 1 -q -o r story.txt")
      let before = try files.map { try program.bytes("r/\($0)") }

      // A disk that is full: a limit on the size of files stands for it.
      let full = try program.shell(
        "ulimit -f 8; trap '' XFSZ; $T lm train --resume --steps 20 -q -o r story.txt")
      #expect(
        full.status == 74 && full.output.isEmpty && full.error.contains("training.safetensors"))
      #expect(try files.map { try program.bytes("r/\($0)") } == before)
      #expect(!program.names(in: "r").contains { $0.contains("partial") })

      // Losses that are no numbers.
      let wild = try program(
        "\(train) --vocab small --steps 50 --learning-rate 1e30 --optimizer sgd --clip-norm 0 -q -o wild story.txt"
      )
      #expect(wild.status == 65 && wild.error.contains("diverged") && wild.output.isEmpty)
      #expect(!program.names().contains("wild"))

      // A text shorter than a window.
      let short = try program("\(train) --vocab byte -o short", input: "abc")
      #expect(short.status == 65 && short.error.contains("at least 9"), "\(short.error)")

      // A tokenizer with more tokens than the model knows.
      let other = try program("lm sample r --vocab byte --prompt a")
      #expect(other.status == 0)
      _ = try program("train --merges 300 -o vocabs/large story.txt")
      for verb in ["lm sample r --vocab vocabs/large", "lm eval r --vocab vocabs/large story.txt"] {
        let wrong = try program(verb)
        #expect(
          wrong.status == 65 && wrong.error.contains("do not belong together"), "\(wrong.error)")
      }

      // Checkpoints that are cut short.
      for (name, verb) in [
        ("model.safetensors", "lm sample r"),
        ("training.safetensors", "lm train --resume --steps 20 -q -o r story.txt"),
      ] {
        let bytes = try program.bytes("r/\(name)")
        try program.scratch.write(Array(bytes.dropLast(10)), to: "r/\(name)")
        let cut = try program(verb)
        #expect(cut.status == 65 && cut.error.contains("cut short"), "\(cut.error)")
        #expect(cut.output.isEmpty)
      }
    }
  }

  @Test func interruptingSavesAndEnds() throws {
    try Program.withVocabulary { program in
      let run = try program.shell(
        """
        $T lm train --model gpt --layers 1 --heads 2 --width 8 --block-size 8 --steps 100000 --vocab char \
          --threads 1 --schedule constant --eval-interval 100000 --progress json -o r story.txt 2>progress &
        pid=$!; until grep -q training progress; do sleep 0.1; done; kill -INT $pid; wait $pid
        """)
      #expect(run.status == 0 && run.text.contains("stopped; --resume goes on"), "\(run.error)")
      #expect(program.names(in: "r").contains("training.safetensors"))
    }
  }

  @Test func aModelOfTransformersIsSampled() throws {
    try Program.with { program in
      let folder = Fixtures.path("fixtures/gpt/gpt2")
      let none = try program("lm sample \(folder)")
      #expect(none.status == 66 && none.error.contains("--vocab"))
      // 29 tokens: characters of a text of as many.
      try program.write("abcdefghijklmnopqrstuvwxyz .\n", to: "alphabet.txt")
      _ = try program("train --model char -o alphabet alphabet.txt")
      let sample = try program(
        "lm sample \(folder) --vocab alphabet --prompt ab --max-tokens 30 --seed 1")
      #expect(sample.status == 0 && sample.text.count == 33, "\(sample.error)")

      // The same model behind an index; then indexes that lead nowhere or elsewhere.
      _ = try program.shell("cp -r \(folder) cut; mv cut/model.safetensors cut/part-1.safetensors")
      let file = try program.bytes("cut/part-1.safetensors")
      let length = file[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
      let header = try JSONSerialization.jsonObject(with: Data(file[8..<8 + length]))
      let tensors = try #require(header as? [String: Any]).keys.filter { $0 != "__metadata__" }
      for (shard, status) in [
        ("part-1.safetensors", 0), ("part-2.safetensors", 65), ("../cut/part-1.safetensors", 65),
        (program.scratch.path + "/cut/part-1.safetensors", 65),
      ] {
        let map = tensors.map { #""\#($0)":"\#(shard)""# }.joined(separator: ",")
        try program.write(
          #"{"weight_map":{\#(map)}}"#, to: "cut/model.safetensors.index.json")
        let cut = try program(
          "lm sample cut --vocab alphabet --prompt ab --max-tokens 30 --seed 1")
        #expect(cut.status == status, "\(cut.error)")
        #expect(cut.output == (status == 0 ? sample.output : []))
        #expect(status == 0 || cut.error.contains(shard))
        let evaluation = try program("lm eval cut --vocab alphabet alphabet.txt")
        #expect(evaluation.status == status)
      }
    }
  }

  @Test func comparesBySmallModels() throws {
    try Program.withVocabulary { program in
      let table = try program(
        "compare --vocab small --lm --steps 20 --format json --threads 2 story.txt")
      #expect(table.status == 0, "\(table.error)")
      let object = try JSONSerialization.jsonObject(with: Data(table.output)) as? [String: Any]
      let rows = try #require(object?["tokenizers"] as? [[String: Any]])
      for row in rows {
        if row["tokenizer"] as? String == "word" {
          #expect(row["bitsPerByte"] is NSNull)
        } else {
          let bits = try #require(row["bitsPerByte"] as? Double)
          #expect(bits > 1 && bits < 8)
        }
      }
      let short = try program("compare --lm", input: "too short")
      #expect(short.status == 65 && short.output.isEmpty)
    }
  }

  @Test func optionsThatDoNotGoTogetherAreRefused() throws {
    try Program.withVocabulary { program in
      for options in [
        "--model bigram --layers 2", "--model minilm --dropout 0.1",
        "--model bigram --preset tiny-gpt",
        "--model gpt --heads 3", "--model gpt --dropout 1", "--momentum 0.9",
        "--optimizer sgd --beta2 0.9",
        "--model gpt --width 0", "--val story.txt --val-fraction 0.1", "--accumulate 0",
      ] {
        let refused = try program("lm train --vocab small -o r \(options) story.txt")
        #expect(refused.status == 64 && refused.output.isEmpty, "\(options): \(refused.error)")
      }
      #expect(program.names() == ["story.txt", "vocabs"])
      // A second file to validate on.
      let second = try program(
        "lm train --vocab small --model gpt --layers 1 --heads 1 --width 8 --block-size 8 --steps 5 --val story.txt -q -o r story.txt"
      )
      #expect(second.status == 0, "\(second.error)")
    }
  }
}
