/// Encodes texts with a BPE model: splits into batches of pre-tokens, looks each up, merges what is new.
///
/// Owned by one thread. Scratch memory and caches are kept from text to text, so that nothing is
/// allocated for a pre-token that was seen before.
final class BPEEncoder: TokenEncoder {
  /// Ends of pre-tokens found at a time: 8 KiB of them, which stay in the first-level cache.
  private static let batch = 1024

  private let model: BPEModel
  private var merger: BPEMerger
  private var cache = PreTokenCacheStorage()
  private var longCache = LongPreTokenCache()
  private var ends: [Int] = []
  /// Ids of short pre-tokens on their way to the output.
  private var batchIDs = [TokenID](
    repeating: 0, count: PreTokenCacheStorage.outputRoom(forPreTokens: batch))

  init(_ model: BPEModel) {
    self.model = model
    merger = BPEMerger(model)
    ends.reserveCapacity(Self.batch)
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
    var position = 0
    var start = 0
    while position < valid.count {
      ends.removeAll(keepingCapacity: true)
      do {
        try model.preTokenizer.appendEnds(of: valid, from: position, limit: Self.batch, to: &ends)
      } catch {
        ids.removeSubrange(countBefore...)
        throw .preTokenization(error)
      }
      position = ends[ends.count - 1]
      repaired?.mapToOriginal(&ends[...])
      encodeBatch(text, from: start, ends.span, into: &ids)
      start = ends[ends.count - 1]
    }
  }

  /// Encodes the pre-tokens that `ends` delimits, the first of which begins at `start`.
  private func encodeBatch(
    _ text: Span<UInt8>, from start: Int, _ ends: Span<Int>, into ids: inout [TokenID]
  ) {
    var index = 0
    var start = start
    while index < ends.count {
      // Runs over pre-tokens that the short cache holds; stops at one that it does not.
      let (hits, count) = cache.encode(
        text, from: start, ends.extracting(index..<ends.count), into: &batchIDs)
      ids.append(contentsOf: batchIDs[..<count])
      index += hits
      if hits > 0 { start = ends[index - 1] }
      if index < ends.count {
        encodeMiss(text.extracting(start..<ends[index]), into: &ids)
        start = ends[index]
        index += 1
      }
    }
  }

  /// Encodes one pre-token that the short cache does not hold, and remembers it.
  private func encodeMiss(_ piece: Span<UInt8>, into ids: inout [TokenID]) {
    if piece.count > LongPreTokenCache.longestKey {
      encodeNew(piece, into: &ids)
      return
    }
    let hash = LongPreTokenCache.hash(piece)
    if let range = longCache.find(piece, hash: hash) {
      longCache.append(range, to: &ids)
      return
    }
    let first = ids.count
    encodeNew(piece, into: &ids)
    let count = ids.count - first
    if piece.count <= PreTokenCacheStorage.longestKey, count <= 4 {
      var four = SIMD4<UInt32>.zero
      for index in 0..<count { four[index] = ids[first + index].rawValue }
      let key = unsafe piece.withUnsafeBufferPointer { buffer in
        // Not empty: a pre-token has at least one byte.
        unsafe PreTokenCacheStorage.key(
          buffer.baseAddress.unsafelyUnwrapped, length: buffer.count, available: buffer.count)
      }
      cache.insert(key, four, count: count)
    } else {
      longCache.insert(piece, hash: hash, ids: ids[first...])
    }
  }

  /// Encodes one pre-token without the caches.
  private func encodeNew(_ piece: Span<UInt8>, into ids: inout [TokenID]) {
    if model.looksUpWholePreTokens, let id = model.vocabulary.id(of: piece),
      !model.specialIDs.contains(id)
    {
      ids.append(id)
    } else {
      merger.merge(piece, into: &ids)
    }
  }
}
