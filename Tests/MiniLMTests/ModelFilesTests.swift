import Foundation
import MiniLM
import TestSupport
import Testing
import Tokenizers

@Suite struct ModelFilesTests {
  /// A GPT-2 as transformers saves it, masks and all, and its logits.
  @Test func transformersGPT2GivesItsLogits() throws {
    let (model, _) = try ModelFiles.read(from: Fixtures.path("fixtures/gpt/gpt2"))
    let json = try JSONSerialization.jsonObject(
      with: try Data(contentsOf: Fixtures.file("fixtures/gpt/gpt2/logits.json")))
    let object = try #require(json as? [String: Any])
    let ids = try #require(object["ids"] as? [Int]).map { TokenID(UInt32($0)) }
    let expected = try #require(object["logits"] as? [[Double]])
    #expect(model.configuration.transformer.activation == .geluTanh)
    let predictor = try model.makePredictor()
    for (id, row) in zip(ids, expected) {
      let ours = try predictor.logits(appending: [id])
      let worst = zip(ours, row).reduce(0) { max($0, abs(Double($1.0) - $1.1)) }
      #expect(worst < 1e-4)
    }
  }

  @Test(arguments: GPTReference.names)
  func modelsComeBackToTheBit(_ name: String) throws {
    let model = try GPTReference.named(name).model()
    try withScratchFolder { folder in
      try ModelFiles.write(model, metadata: ["a": "b"], to: folder)
      let (loaded, metadata) = try ModelFiles.read(from: folder)
      #expect(loaded.configuration == model.configuration)
      #expect(bits(loaded) == bits(model))
      #expect(metadata["a"] == "b" && metadata["format"] == "pt")
    }
  }

  /// Half and brain precision, by hand: 1, −2, 0.5, the smallest half, infinity.
  @Test func shorterNumbersAreRead() throws {
    let cases: [(String, [UInt16], [Float])] = [
      (
        "F16", [0x3C00, 0xC000, 0x3800, 0x0001, 0x7C00, 0x0000, 0x3555, 0x8000, 0x0400],
        [1, -2, 0.5, 0x1p-24, .infinity, 0, 0.333251953125, -0.0, 0x1p-14]
      ),
      (
        "BF16", [0x3F80, 0xC000, 0x3F00, 0x0080, 0x7F80, 0x0000, 0x3EAB, 0x8000, 0x4049],
        [1, -2, 0.5, 0x1p-126, .infinity, 0, 0.333984375, -0.0, 3.140625]
      ),
    ]
    for (type, words, expected) in cases {
      try withScratchFolder { folder in
        try #"{"minilm":{"kind":"bigram","vocab_size":3,"width":0,"bias":false}}"#.write(
          toFile: "\(folder)/config.json", atomically: false, encoding: .utf8)
        let header = #"{"table":{"dtype":"\#(type)","shape":[3,3],"data_offsets":[0,18]}}"#
        var bytes = Data([UInt8(header.utf8.count), 0, 0, 0, 0, 0, 0, 0]) + Data(header.utf8)
        for word in words { bytes += Data([UInt8(word & 0xFF), UInt8(word >> 8)]) }
        try bytes.write(to: URL(fileURLWithPath: "\(folder)/model.safetensors"))
        let (model, _) = try ModelFiles.read(from: folder)
        #expect(model.parameters.values.values(in: 0..<9) == expected, "\(type)")
      }
    }
  }

  @Test func whatDoesNotFitIsNamed() throws {
    let model = try GPTReference.named("GPT-2").model()
    func refusal(_ change: (String) throws -> Void) throws -> String {
      try withScratchFolder { folder in
        try ModelFiles.write(model, to: folder)
        try change(folder)
        do {
          _ = try ModelFiles.read(from: folder)
          return ""
        } catch {
          return "\(error)"
        }
      }
    }
    func edit(_ folder: String, _ old: String, _ new: String) throws {
      let path = "\(folder)/config.json"
      let text = try String(contentsOfFile: path, encoding: .utf8)
      #expect(text.contains(old))
      try text.replacingOccurrences(of: old, with: new).write(
        toFile: path, atomically: false, encoding: .utf8)
    }
    #expect(try refusal { try edit($0, #""minilm""#, #""other""#) } == "")
    #expect(
      try refusal {
        try edit($0, #""minilm""#, #""other""#)
        try edit($0, #""model_type": "gpt2""#, #""model_type": "llama""#)
      }.contains("llama"))
    #expect(
      try refusal { try edit($0, #""vocab_size": 7"#, #""vocab_size": 8"#) }.contains(
        "8 × 4 expected")
        || (try refusal { try edit($0, #""vocab_size": 7"#, #""vocab_size": 8"#) })
          .contains("fewer parameters")
    )
    #expect(
      try refusal { try edit($0, #""vocab_size": 7"#, #""vocab_size": 6"#) }.contains("7 × 4"))
    #expect(try refusal { try edit($0, "}", "") }.contains("not JSON"))
    #expect(
      try refusal { try FileManager.default.removeItem(atPath: "\($0)/config.json") }.contains(
        "config.json"))
    // A model without biases whose file has some.
    #expect(try refusal { try edit($0, #""bias": true"#, #""bias": false"#) }.contains("not zero"))
  }
}
