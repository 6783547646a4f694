import TestSupport
import Testing
import Tokenizers

/// Checks that a tokenizer is written as OpenAI's two files, to the byte.
private func expectOfficialFiles(of tokenizer: Tokenizer) throws {
  let model = try #require(tokenizer.model as? BPEModel)
  let vocab = try GPT2Files.vocab(of: model.vocabulary, specialTokens: tokenizer.specialTokens)
  #expect(sha256(vocab) == FileReferenceTests.vocabHash)
  #expect(sha256(GPT2Files.merges(of: model)) == FileReferenceTests.mergesHash)
}

/// The vocabulary that ships is GPT-2's, to the byte.
struct ShippedVocabularyTests {
  @Test(arguments: [
    ("vocab.json", FileReferenceTests.vocabHash), ("merges.txt", FileReferenceTests.mergesHash),
  ])
  func isTheOfficialOne(_ name: String, _ hash: String) throws {
    #expect(sha256(try FileBytes.read(Fixtures.path("vocabs/gpt2/\(name)"))) == hash)
  }

  @Test
  func comesOutAsItWentIn() throws {
    try expectOfficialFiles(of: try SharedVocabularies.gpt2.get())
  }
}

/// GPT-2's files come out byte for byte as OpenAI published them.
@Suite(.enabled(if: SharedData.isAvailable, Comment(rawValue: SharedData.hint)))
struct FileReferenceTests {
  static let vocabHash = "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783"
  static let mergesHash = "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5"

  @Test(arguments: [
    ("vocabs/gpt2-encoder.json", vocabHash), ("vocabs/gpt2-vocab.bpe", mergesHash),
    (
      "vocabs/r50k_base.tiktoken",
      "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930"
    ),
    (
      "vocabs/p50k_base.tiktoken",
      "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069"
    ),
    (
      "vocabs/cl100k_base.tiktoken",
      "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"
    ),
    (
      "vocabs/o200k_base.tiktoken",
      "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
    ),
    (
      "texts/tinyshakespeare.txt",
      "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
    ),
    (
      "texts/the-verdict.txt",
      "b41e41a68f0398a3154ae69e2e4c0e2694e17fe0d66730536837f1b01935b31f"
    ),
  ])
  func inputsAreTheOfficialFiles(_ name: String, _ hash: String) throws {
    #expect(sha256(try SharedData.bytes(name)) == hash)
  }

  @Test
  func writtenFromTheOfficialFiles() throws {
    try expectOfficialFiles(of: try SharedVocabularies.officialGPT2.get())
  }

  @Test
  func writtenFromTheRankTable() throws {
    try expectOfficialFiles(of: try SharedVocabularies.r50k.get())
  }

  @Test
  func rankTableWrittenFromGPT2sFiles() throws {
    let gpt2 = try SharedVocabularies.officialGPT2.get()
    let model = try #require(gpt2.model as? BPEModel)
    let table = try TiktokenFile.bytes(of: model, specialTokens: gpt2.specialTokens)
    #expect(
      sha256(table) == "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930")
  }
}
