/// Encodes texts with a BPE model: splits into batches of pre-tokens, looks each up, merges what is new.
///
/// For one thread at a time. Scratch memory and the cache are kept from text to text, so that nothing is
/// allocated for a pre-token that was seen before.
final class BPEEncoder: TokenEncoder {
  /// Ends of pre-tokens found at a time.
  private static let batch = PreTokenEncoder.group

  private let preTokenizer: any PreTokenizer
  private var preTokenEncoder: PreTokenEncoder
  private var ends: [Int] = []
  private let seeds: PreTokenSeeds

  /// - Parameters:
  ///   - cache: What is remembered, and shared with the cache's other users; one of its own, if nil.
  ///   - user: Which of them this is.
  init(_ model: BPEModel, sharing cache: PreTokenCache? = nil, as user: Int = 0) {
    seeds = model.seeds
    preTokenizer = model.preTokenizer
    preTokenEncoder = PreTokenEncoder(model, sharing: cache, as: user)
    ends.reserveCapacity(Self.batch)
  }

  func expect(_ byteCount: Int) {
    preTokenEncoder.cache.expect(byteCount, seeds)
  }

  func encode(_ text: Span<UInt8>, into ids: inout [TokenID]) throws(TokenizerError) {
    try encode(text, splitAs: text, nil, into: &ids)
  }

  func encode(
    _ bytes: Span<UInt8>, repaired: RepairedText, into ids: inout [TokenID]
  ) throws(TokenizerError) {
    try encode(bytes, splitAs: repaired.bytes.span, repaired, into: &ids)
  }

  /// Encodes `text`, whose pre-tokens are found in `valid` and mapped back by `repaired`.
  private func encode(
    _ text: Span<UInt8>, splitAs valid: Span<UInt8>, _ repaired: RepairedText?,
    into ids: inout [TokenID]
  ) throws(TokenizerError) {
    let countBefore = ids.count
    // Taken out of the object while in use: a local array is one span for a whole batch.
    var ends: [Int] = []
    swap(&ends, &self.ends)
    defer { swap(&ends, &self.ends) }
    let preTokenizer = self.preTokenizer.prepared(for: valid)
    var position = 0
    var start = 0
    while position < valid.count {
      ends.removeAll(keepingCapacity: true)
      do {
        try preTokenizer.appendEnds(of: valid, from: position, limit: Self.batch, to: &ends)
      } catch {
        ids.removeSubrange(countBefore...)
        throw .preTokenization(error)
      }
      position = ends[ends.count - 1]
      repaired?.mapToOriginal(&ends[...])
      preTokenEncoder.encode(text, from: start, ends.span, into: &ids)
      start = ends[ends.count - 1]
    }
  }
}
