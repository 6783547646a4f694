/// Decodes by writing the bytes of each token after those of the one before.
final class ByteDecoder: TokenDecoder {
  private let vocabulary: Vocabulary

  init(_ vocabulary: Vocabulary) {
    self.vocabulary = vocabulary
  }

  func decode(
    _ ids: Span<TokenID>, skipping skipped: SpecialTokens?, into bytes: inout [UInt8]
  ) throws(TokenizerError) {
    for index in ids.indices {
      let id = ids[index]
      guard let range = vocabulary.range(of: id) else {
        throw .unknownTokenID(id, index: index)
      }
      if let skipped, skipped.contains(id) { continue }
      bytes.append(contentsOf: vocabulary.arena[range])
    }
  }
}
