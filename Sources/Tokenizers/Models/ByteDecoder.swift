/// Decodes by writing the bytes of each token after those of the one before.
final class ByteDecoder: TokenDecoder {
  /// Ids decoded at a time.
  private static let batch = 4096
  /// Tokens are copied this many bytes at a time; what lies past a token is overwritten by the next one.
  private static let stride = 16

  private let vocabulary: Vocabulary
  private var scratch: [UInt8] = []

  init(_ vocabulary: Vocabulary) {
    self.vocabulary = vocabulary
  }

  func decode(
    _ ids: Span<TokenID>, skipping skipped: SpecialTokens?, into bytes: inout [UInt8]
  ) throws(TokenizerError) {
    var scratch: [UInt8] = []
    swap(&scratch, &self.scratch)
    defer { swap(&scratch, &self.scratch) }
    var start = 0
    while start < ids.count {
      let end = min(ids.count, start + Self.batch)
      let batch = ids.extracting(start..<end)
      let failed = decode(batch, skipping: skipped, through: &scratch, into: &bytes)
      if let failed { throw .unknownTokenID(batch[failed], index: start + failed) }
      start = end
    }
  }

  /// Decodes a batch into `scratch`, then appends that to `bytes`.
  ///
  /// - Returns: The index of an id that no token has, if there is one; what came before it is appended.
  private func decode(
    _ ids: Span<TokenID>, skipping skipped: SpecialTokens?, through scratch: inout [UInt8],
    into bytes: inout [UInt8]
  ) -> Int? {
    var room = Self.stride
    var known = 0
    while known < ids.count, let range = vocabulary.range(of: ids[known]) {
      room += range.count
      known += 1
    }
    if scratch.count < room { scratch = [UInt8](repeating: 0, count: room * 2) }
    let vocabulary = vocabulary
    let length = unsafe scratch.withUnsafeMutableBytes { output in
      unsafe vocabulary.arena.withUnsafeBytes { arena in
        guard let output = output.baseAddress, let source = arena.baseAddress else { return 0 }
        var length = 0
        for index in 0..<known {
          let id = ids[index]
          if let skipped, skipped.contains(id) { continue }
          guard let range = vocabulary.range(of: id) else { break }
          let from = unsafe source + range.lowerBound
          let to = unsafe output + length
          // Reads stay in the arena, writes in the room counted above: a token's bytes and one stride.
          if range.count <= Self.stride, range.lowerBound + Self.stride <= arena.count {
            unsafe to.storeBytes(
              of: from.loadUnaligned(as: SIMD16<UInt8>.self), as: SIMD16<UInt8>.self)
          } else {
            unsafe to.copyMemory(from: from, byteCount: range.count)
          }
          length &+= range.count
        }
        return length
      }
    }
    bytes.append(contentsOf: scratch[..<length])
    return known < ids.count ? known : nil
  }
}
