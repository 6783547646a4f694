import Foundation
import TestSupport
import Tokenizers

/// The vocabularies that tests encode with, each read once.
enum SharedVocabularies {
  /// GPT-2 as it ships with the package.
  static let gpt2: Result<Tokenizer, any Error> = Result {
    try Tokenizer(contentsOf: Fixtures.path("vocabs/gpt2"))
  }

  /// GPT-2 from its official files, under their first names.
  static let officialGPT2: Result<Tokenizer, any Error> = Result {
    let contents = try GPT2Files.read(
      vocab: try SharedData.bytes("vocabs/gpt2-encoder.json"),
      merges: try SharedData.bytes("vocabs/gpt2-vocab.bpe"))
    return Tokenizer(
      model: try BPEModel(
        vocabulary: contents.vocabulary, merges: contents.merges,
        preTokenizer: try PatternPreTokenizer(.gpt2)),
      specialTokens: contents.specialTokens, splitPattern: .gpt2)
  }

  static let r50k = rankTable("r50k_base")
  static let p50k = rankTable("p50k_base")
  static let cl100k = rankTable("cl100k_base")
  static let o200k = rankTable("o200k_base")

  private static func rankTable(_ name: String) -> Result<Tokenizer, any Error> {
    Result { try Tokenizer(contentsOf: SharedData.path("vocabs/\(name).tiktoken")) }
  }
}

extension Tokenizer {
  /// The ids of a text as plain numbers.
  func numbers(_ text: String, special: SpecialTokenPolicy = .text) throws -> [UInt32] {
    try encode(text, special: special).map(\.rawValue)
  }

  /// The ids of bytes as plain numbers.
  func numbers(_ bytes: [UInt8]) throws -> [UInt32] {
    try encode(bytes.span).map(\.rawValue)
  }
}
