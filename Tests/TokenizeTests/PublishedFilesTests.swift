import Foundation
import TestSupport
import Testing

/// Whole files against the digests that were published.
@Suite(.enabled("\(SharedData.hint)") { SharedData.isAvailable })
struct PublishedFilesTests {
  @Test func convertMakesGPT2sFiles() throws {
    try Program.with { program in
      let table = SharedData.path("vocabs/r50k_base.tiktoken")
      let result = try program.run(["convert", "--vocab", table, "-o", "gpt2"])
      #expect(result.status == 0 && result.output.isEmpty, "\(result.error)")
      #expect(program.names(in: "gpt2") == ["merges.txt", "vocab.json"])
      #expect(
        sha256(try program.bytes("gpt2/vocab.json"))
          == "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783")
      #expect(
        sha256(try program.bytes("gpt2/merges.txt"))
          == "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5")
    }
  }

  @Test func encodeMakesNanoGPTsStream() throws {
    try Program.with { program in
      let table = SharedData.path("vocabs/r50k_base.tiktoken")
      for (name, digest) in [
        ("the-verdict", "4a851caad4ae111f78954808e5fa54dec820e588b0aa4d847154fcd43bfaabb6"),
        ("tinyshakespeare", "25c01b32b32f41897a6359dd222ec114992dc30c357bcafbfe6c56672f76cd31"),
      ] {
        let text = SharedData.path("texts/\(name).txt")
        let result = try program.run(["encode", "--vocab", table, "--format", "u16", text])
        #expect(sha256(result.output) == digest, "\(name)")
      }
    }
  }
}
