import TestSupport
import Testing
import Tokenizers

@Suite struct EngineOptionTests {
  @Test func allGiveTheSame() throws {
    try Program.withVocabulary { program in
      for verb in [
        "encode --vocab small", "count --vocab small", "compare --vocab small",
        "split --pattern gpt2", "split --pattern cl100k", "split --pattern o200k --format count",
        "split --pattern \\p{L}+",
      ] {
        let expected = try program("\(verb) --engine reference story.txt")
        #expect(expected.status == 0 && !expected.output.isEmpty, "\(verb)")
        for engine in ["automatic"] + Engine.available.map(\.rawValue) {
          let chosen = try program("\(verb) --engine \(engine) story.txt")
          #expect(chosen.output == expected.output, "\(verb), \(engine)")
          let named = try program.run(
            "\(verb) story.txt".split(separator: " ").map(String.init),
            environment: [Engine.environmentVariable: engine])
          #expect(named.output == expected.output, "\(verb), \(engine) by the environment")
        }
      }
    }
  }

  @Test func theVersionTellsThem() throws {
    try Program.withVocabulary { program in
      let list = Engine.available.map(\.rawValue)
      let plain = try program.run(["--version"], environment: [Engine.environmentVariable: ""])
      #expect(plain.text.contains("\nEngine \(list.last ?? "")\n"))
      #expect(plain.text.contains("\nEngines of this machine: \(list.joined(separator: ", "))\n"))
      let named = try program.run(
        ["--version"], environment: [Engine.environmentVariable: "portable"])
      #expect(named.text.contains("\nEngine portable\n"))
    }
  }

  @Test func whatIsNoEngineIsRefused() throws {
    try Program.withVocabulary { program in
      let option = try program("encode --vocab small --engine fast story.txt")
      #expect(option.status == 64 && option.output.isEmpty && option.error.contains("fast"))
      let variable = try program.run(
        ["encode", "--vocab", "small", "story.txt"],
        environment: [Engine.environmentVariable: "fast"])
      #expect(variable.status == 64 && variable.output.isEmpty)
      #expect(variable.error.hasPrefix("tokenize: TOKENIZE_ENGINE is 'fast', which is no engine"))
      // An option that names one does not ask the environment.
      let both = try program.run(
        ["encode", "--vocab", "small", "--engine", "portable", "story.txt"],
        environment: [Engine.environmentVariable: "fast"])
      #expect(both.status == 0)
    }
  }

  @Test(arguments: Engine.allCases.filter { !$0.isAvailable })
  func whatTheMachineLacksIsRefused(_ engine: Engine) throws {
    try Program.withVocabulary { program in
      let result = try program("encode --vocab small --engine \(engine.rawValue) story.txt")
      #expect(result.status == 64 && result.output.isEmpty)
      #expect(result.error.contains("this machine does not have the engine '\(engine.rawValue)'"))
    }
  }
}
