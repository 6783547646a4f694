/// Decodes by writing the bytes of each token after those of the one before.
package final class ByteDecoder: TokenDecoder {
  /// Ids decoded at a time.
  private static let batch = 4096
  /// So many ids are worth making a table for.
  private static let worthTable = 4096

  private let vocabulary: Vocabulary
  private let tokens: TokenList
  private var table: TokenTable?
  private var decoded = 0
  private let usesTable: Bool

  /// - Parameter usesTable: Whether to make a table when there are many ids; without one each token is
  ///   looked up in the vocabulary, which is what the table is compared with.
  package init(_ vocabulary: Vocabulary, usesTable: Bool = true) {
    self.vocabulary = vocabulary
    tokens = vocabulary.tokens
    self.usesTable = usesTable
  }

  package func decode(
    _ ids: Span<TokenID>, skipping skipped: SpecialTokens?, into bytes: inout [UInt8]
  ) throws(TokenizerError) {
    prepare(ids.count, skipped)
    var start = 0
    while start < ids.count {
      let batch = ids.extracting(start..<min(ids.count, start + Self.batch))
      if table == nil {
        try decodeByLookUp(batch, start, skipped, &bytes)
      } else {
        var index = 0
        while true {
          // The room that the table asks for.
          let room = (batch.count - index) * TokenTable.slot
          bytes.append(addingCapacity: room) { output in
            unsafe output.withUnsafeMutableBufferPointer { buffer, initialized in
              guard let base = buffer.baseAddress else { return }
              initialized += unsafe write(batch, &index, base + initialized)
            }
          }
          if index == batch.count { break }
          let range = try rangeOf(batch[index], at: start + index, skipped)
          if let range { bytes += tokens.arena[range] }
          index += 1
        }
      }
      start += batch.count
    }
  }

  /// The same into a buffer.
  package func decode(
    _ ids: Span<TokenID>, skipping skipped: SpecialTokens?, into bytes: inout ByteBuffer
  ) throws(TokenizerError) {
    prepare(max(ids.count, Self.worthTable), skipped)
    var index = 0
    while index < ids.count {
      if table != nil {
        // The room that the table asks for.
        unsafe bytes.append(room: (ids.count - index) * TokenTable.slot) { output in
          unsafe write(ids, &index, output)
        }
        if index == ids.count { break }
      }
      if let range = try rangeOf(ids[index], at: index, skipped) {
        let arena = tokens.arena
        bytes.append(arena.span.extracting(range))
      }
      index += 1
    }
  }

  /// Makes the table when so many ids more are worth it.
  private func prepare(_ count: Int, _ skipped: SpecialTokens?) {
    decoded += count
    if decoded < Self.worthTable || !usesTable { return }
    let marked = skipped?.entries.map(\.id) ?? []
    if let made = table?.marked, made == marked { return }
    table = TokenTable(vocabulary, marked: marked)
  }

  /// Writes what the table holds of `ids` from `index` on; `output` has the room that the table asks for.
  @unsafe private func write(
    _ ids: Span<TokenID>, _ index: inout Int, _ output: UnsafeMutableRawPointer
  ) -> Int {
    unsafe ids.withUnsafeBufferPointer { ids in
      unsafe table?.write(ids, from: &index, to: output) ?? 0
    }
  }

  /// Where a token's bytes lie in the vocabulary's arena; nothing for one that is skipped.
  private func rangeOf(
    _ id: TokenID, at index: Int, _ skipped: SpecialTokens?
  ) throws(TokenizerError) -> Range<Int>? {
    guard let range = tokens.range(of: id) else { throw .unknownTokenID(id, index: index) }
    return skipped?.contains(id) ?? false ? nil : range
  }

  private func decodeByLookUp(
    _ ids: Span<TokenID>, _ start: Int, _ skipped: SpecialTokens?, _ bytes: inout [UInt8]
  ) throws(TokenizerError) {
    for index in ids.indices {
      if let range = try rangeOf(ids[index], at: start + index, skipped) {
        bytes += tokens.arena[range]
      }
    }
  }
}
