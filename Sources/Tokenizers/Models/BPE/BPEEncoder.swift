/// Encodes texts with a BPE model: splits into batches of pre-tokens, looks each up, merges what is new.
///
/// Owned by one thread. Scratch memory and caches are kept from text to text, so that nothing is
/// allocated for a pre-token that was seen before.
final class BPEEncoder: TokenEncoder {
  /// Ends of pre-tokens found at a time: 8 KiB of them, which stay in the first-level cache.
  private static let batch = 1024

  private let preTokenizer: any PreTokenizer
  private var preTokenEncoder: PreTokenEncoder
  private var ends: [Int] = []

  init(_ model: BPEModel) {
    preTokenizer = model.preTokenizer
    preTokenEncoder = PreTokenEncoder(model, batch: Self.batch)
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

/// Turns pre-tokens into ids: caches first, merging for what they do not hold.
///
/// A struct and not part of the class: its methods have all of it to themselves, where each access to
/// a property of a class would be checked.
@safe struct PreTokenEncoder: ~Copyable {
  private var merger: BPEMerger
  private var cache = PreTokenCacheStorage()
  private var longCache = LongPreTokenCacheStorage()
  /// Keys of a batch. Raw memory, as the next: an array would be counted and checked at each access.
  private let keyMemory: ZeroedMemory
  private let keys: UnsafeMutablePointer<PreTokenCacheStorage.Key>
  /// Ids on their way to the output, which takes them many at a time.
  private let bufferMemory: ZeroedMemory
  private let buffer: UnsafeMutablePointer<TokenID>
  private let bufferRoom: Int
  private let batch: Int
  /// Ids of one pre-token that no cache holds.
  private var merged: [TokenID] = []
  /// For models that look whole pre-tokens up before they merge.
  private let wholePreTokens: WholePreTokens?

  /// The vocabulary as a look-up of whole pre-tokens.
  private final class WholePreTokens {
    let vocabulary: Vocabulary
    let special: Set<TokenID>

    init(_ model: BPEModel) {
      vocabulary = model.vocabulary
      special = model.specialIDs
    }
  }

  /// - Parameter batch: The most pre-tokens that `encode` is given at a time.
  init(_ model: BPEModel, batch: Int) {
    merger = BPEMerger(model)
    self.batch = batch
    keyMemory = ZeroedMemory(byteCount: batch * MemoryLayout<PreTokenCacheStorage.Key>.stride)
    unsafe keys = keyMemory.base.assumingMemoryBound(to: PreTokenCacheStorage.Key.self)
    // Four for each pre-token of a batch, and room for some that need more.
    bufferRoom = 4 * batch + 16 * LongPreTokenCacheStorage.longestKey
    bufferMemory = ZeroedMemory(byteCount: bufferRoom * MemoryLayout<TokenID>.stride)
    unsafe buffer = bufferMemory.base.assumingMemoryBound(to: TokenID.self)
    wholePreTokens = model.looksUpWholePreTokens ? WholePreTokens(model) : nil
  }

  /// Appends the ids of the pre-tokens that `ends` delimits, the first of which begins at `start`.
  mutating func encode(
    _ text: Span<UInt8>, from start: Int, _ ends: Span<Int>, into ids: inout [TokenID]
  ) {
    precondition(ends.count <= batch)
    prepare(text, from: start, ends)
    var index = 0
    var count = 0
    while true {
      // Runs over pre-tokens that the short cache holds; stops at one that it does not.
      // Both were made for a whole batch; room is kept below.
      index = unsafe cache.find(keys, index..<ends.count, into: buffer, count: &count)
      if index == ends.count { break }
      let preToken = text.extracting((index == 0 ? start : ends[index - 1])..<ends[index])
      // This one takes at most an id a byte, each of those behind it at most four.
      if count + preToken.count + 4 * (ends.count - index) > bufferRoom {
        append(count, to: &ids)
        count = 0
      }
      if preToken.count > LongPreTokenCacheStorage.longestKey {
        append(count, to: &ids)
        count = 0
        encodeNew(preToken, into: &ids)
      } else {
        count += encodeMiss(preToken, unsafe keys[index], at: count)
      }
      index += 1
    }
    append(count, to: &ids)
  }

  /// Makes the keys of a batch, and has the slots of both caches brought near.
  private mutating func prepare(_ text: Span<UInt8>, from start: Int, _ ends: Span<Int>) {
    unsafe cache.prepare(text, from: start, ends, keys: keys)
    var start = start
    for index in ends.indices {
      let end = ends[index]
      if end &- start > PreTokenCacheStorage.longestKey,
        end &- start <= LongPreTokenCacheStorage.longestKey
      {
        let hash = LongPreTokenCacheStorage.hash(text.extracting(start..<end))
        // The zero key's other half is free: it keeps the hash.
        unsafe keys[index].low = hash
        longCache.prefetch(hash)
      }
      start = end
    }
  }

  /// Encodes one pre-token that the short cache does not hold, and remembers it.
  ///
  /// - Returns: How many ids were written to `buffer` from `count` on.
  private mutating func encodeMiss(
    _ preToken: Span<UInt8>, _ key: PreTokenCacheStorage.Key, at count: Int
  ) -> Int {
    let hash = key.high == 0 ? key.low : key.hash
    // The caller has made room for an id a byte.
    let found = unsafe longCache.find(preToken, hash: hash, into: buffer + count)
    if found > 0 { return found }
    var merged: [TokenID] = []
    swap(&merged, &self.merged)
    defer { swap(&merged, &self.merged) }
    merged.removeAll(keepingCapacity: true)
    encodeNew(preToken, into: &merged)
    for offset in merged.indices { unsafe buffer[count + offset] = merged[offset] }
    if preToken.count <= PreTokenCacheStorage.longestKey, merged.count <= 4 {
      var four = SIMD4<UInt32>.zero
      for offset in merged.indices { four[offset] = merged[offset].rawValue }
      cache.insert(key, four, count: merged.count)
    } else {
      longCache.insert(preToken, hash: hash, ids: merged)
    }
    return merged.count
  }

  /// Appends what `buffer` holds.
  private func append(_ count: Int, to ids: inout [TokenID]) {
    // `count` ids were written to the buffer.
    unsafe ids.append(contentsOf: UnsafeBufferPointer(start: buffer, count: count))
  }

  /// Encodes one pre-token without the caches.
  private mutating func encodeNew(_ preToken: Span<UInt8>, into ids: inout [TokenID]) {
    if let wholePreTokens, let id = wholePreTokens.vocabulary.id(of: preToken),
      !wholePreTokens.special.contains(id)
    {
      ids.append(id)
    } else {
      merger.merge(preToken, into: &ids)
    }
  }
}
