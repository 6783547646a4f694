internal import CKernels

/// Turns pre-tokens into ids: the cache first, merging for what it does not hold.
///
/// A struct and not part of `BPEEncoder`, a class: its methods have all of it to themselves, where each
/// access to a property of a class would be checked.
@safe struct PreTokenEncoder: ~Copyable {
  /// Pre-tokens prepared before they are looked up: their slots, asked for in between, stay in the
  /// first-level cache until then.
  private static let batch = 256

  private var merger: BPEMerger
  private var cache: PreTokenCacheStorage
  /// Whether all ids have 16 bits.
  private let isNarrow: Bool
  /// Keys and hashes of a batch. Raw memory: an array would be counted and checked at each access.
  private let memory: ZeroedMemory
  private let keys: UnsafeMutablePointer<PreTokenKey>
  private let hashes: UnsafeMutablePointer<UInt32>
  /// Ids of a pre-token that is too long for the merger's scan.
  private var merged: [TokenID] = []
  /// For models that look whole pre-tokens up before they merge.
  private var wholePreTokens: WholePreTokens?
  /// Whether the model's merges are still to say if whole pre-tokens need to be looked up.
  private var isWaitingForMerges: Bool

  /// The vocabulary as a look-up of whole pre-tokens.
  private final class WholePreTokens {
    let vocabulary: Vocabulary
    let special: Set<TokenID>

    init(_ model: BPEModel) {
      vocabulary = model.vocabulary
      special = model.specialIDs
    }
  }

  /// - Parameters:
  ///   - hash: How the cache hashes; what the model's engine uses, if nil.
  ///   - bounds: How far the cache grows: tests make it small.
  init(
    _ model: BPEModel, hash: PreTokenHash? = nil,
    bounds: PreTokenCacheStorage.Bounds = PreTokenCacheStorage.Bounds()
  ) {
    merger = BPEMerger(model)
    cache = PreTokenCacheStorage(
      hash: hash ?? PreTokenHash((model.preTokenizer as? MaskScanner)?.level), bounds: bounds)
    isNarrow = (model.vocabulary.largestID?.rawValue ?? 0) <= UInt32(UInt16.max)
    let keyBytes = Self.batch * MemoryLayout<PreTokenKey>.stride
    memory = ZeroedMemory(byteCount: keyBytes + Self.batch * MemoryLayout<UInt32>.stride)
    unsafe keys = memory.base.assumingMemoryBound(to: PreTokenKey.self)
    unsafe hashes = (memory.base + keyBytes).assumingMemoryBound(to: UInt32.self)
    isWaitingForMerges = merger.made == nil
    // Until the merges are known: harmless, since a token that merging makes is made of its own bytes.
    wholePreTokens = model.lazyMerges.mayLookUpWholePreTokens ? WholePreTokens(model) : nil
  }

  /// Appends the ids of the pre-tokens that `ends` delimits, the first of which begins at `start`.
  mutating func encode(
    _ text: Span<UInt8>, from start: Int, _ ends: Span<Int>, into ids: inout [TokenID]
  ) {
    // The pointers are used while the spans live.
    unsafe text.withUnsafeBufferPointer { text in
      unsafe ends.withUnsafeBufferPointer { ends in
        guard let base = text.baseAddress, let firstEnd = ends.baseAddress else { return }
        var start = start
        var index = 0
        while index < ends.count {
          let count = min(ends.count &- index, Self.batch)
          unsafe encode(
            pre_token_batch(
              text: base, count: text.count, start: start, ends: firstEnd + index, n: count),
            into: &ids)
          index &+= count
          start = unsafe ends[index &- 1]
        }
      }
    }
  }

  private mutating func encode(_ batch: pre_token_batch, into ids: inout [TokenID]) {
    unsafe cache.prepare(batch, keys: keys, hashes: hashes)
    let count = unsafe batch.n
    var index = 0
    while index < count {
      let start = unsafe index == 0 ? batch.start : batch.ends[index - 1]
      // At most an id a byte, of pre-tokens that the cache may hold, and what is written too much.
      let room =
        unsafe min(
          batch.ends[count - 1] - start, PreTokenKey.longest * (count - index)) + 8
      if ids.capacity - ids.count < room { ids.reserveCapacity(max(2 * ids.count, 4096) + room) }
      ids.append(addingCapacity: room) { output in
        unsafe output.withUnsafeMutableBufferPointer { buffer, initialized in
          guard let base = buffer.baseAddress else { return }
          if isNarrow {
            unsafe encode(batch, NarrowIDs.self, from: &index, to: base, &initialized)
          } else {
            unsafe encode(batch, WideIDs.self, from: &index, to: base, &initialized)
          }
        }
      }
      if index < count {
        // One that is too long for the cache.
        unsafe encodeNew(batch.preToken(index).span, into: &ids)
        index += 1
      }
    }
  }

  /// Encodes up to the first pre-token that is too long for the cache.
  ///
  /// - Parameters:
  ///   - index: The next pre-token.
  ///   - output: Has room for an id a byte, and eight more.
  ///   - count: How many ids are there already; raised by those written.
  @inline(__always)
  private mutating func encode<Inline: InlineIDs>(
    _ batch: pre_token_batch, _: Inline.Type, from index: inout Int,
    to output: UnsafeMutablePointer<TokenID>, _ count: inout Int
  ) {
    while true {
      if cache.hash == .crc32 {
        unsafe findByKernel(batch, from: &index, to: output, &count)
      } else {
        unsafe find(batch, Inline.self, from: &index, to: output, &count)
      }
      // The first that was not found, if it may be remembered.
      guard unsafe index < batch.n, unsafe keys[index].high != PreTokenKey.tooLong.high else {
        return
      }
      count &+= unsafe encodeMiss(batch.preToken(index), at: index, Inline.self, output + count)
      index &+= 1
    }
  }

  /// `find`, by the kernel.
  @inline(__always)
  private func findByKernel(
    _ batch: pre_token_batch, from index: inout Int, to output: UnsafeMutablePointer<TokenID>,
    _ count: inout Int
  ) {
    // Ids have the layout of UInt32; the kernel writes within the room that `find` has too.
    unsafe withUnsafePointer(to: batch) { batch in
      unsafe withUnsafePointer(to: cache.view) { view in
        index = unsafe keys_find(
          batch, view, keys, hashes, isNarrow ? 1 : 0, index,
          UnsafeMutableRawPointer(output).assumingMemoryBound(to: UInt32.self), &count)
      }
    }
  }

  /// Writes the ids of pre-tokens up to the first that the cache does not hold.
  @inline(__always)
  private func find<Inline: InlineIDs>(
    _ batch: pre_token_batch, _: Inline.Type, from index: inout Int,
    to output: UnsafeMutablePointer<TokenID>, _ count: inout Int
  ) {
    let keys = unsafe keys
    let hashes = unsafe hashes
    let end = unsafe batch.n
    let slots = unsafe cache.slots
    let mask = cache.mask
    var written = count
    search: while index < end {
      let key = unsafe keys[index]
      var position = Int(unsafe hashes[index]) & mask
      while true {
        // In bounds: masked. A walk ends because part of the slots are always free.
        let slot = unsafe slots + position
        let difference = unsafe slot.pointee.key.high ^ key.high
        if unsafe (slot.pointee.key.low ^ key.low) | difference &<< 4 == 0 {
          let payload = unsafe slot.pointee.payload
          if difference >> 60 != PreTokenCacheStorage.inArena {
            unsafe Inline.write(payload, to: UnsafeMutableRawPointer(output + written))
            written &+= Int(truncatingIfNeeded: difference >> 60)
            break
          }
          if let more = unsafe copyFromArena(payload, key, batch, index, to: output + written) {
            written &+= more
            break
          }
        }
        if unsafe slot.pointee.key.high == 0 { break search }
        position = (position &+ 1) & mask
      }
      index &+= 1
    }
    count = written
  }

  /// Writes the ids that a slot refers to; nil if they are another pre-token's.
  @inline(__always)
  private func copyFromArena(
    _ payload: SIMD2<UInt64>, _ key: PreTokenKey, _ batch: pre_token_batch, _ index: Int,
    to output: UnsafeMutablePointer<TokenID>
  ) -> Int? {
    var source = unsafe cache.arena + Int(UInt32(truncatingIfNeeded: payload[0]))
    let count = Int(truncatingIfNeeded: payload[0] >> 32)
    if key.isHashed {
      let preToken = unsafe UnsafeRawBufferPointer(batch.preToken(index))
      guard unsafe Self.isEqual(preToken, source) else { return nil }
      unsafe source += (preToken.count &+ 3) & ~3
    }
    // Four at a time: up to three too many are read and written, for which both sides have room.
    let target = UnsafeMutableRawPointer(output)
    var offset = 0
    repeat {
      unsafe target.storeBytes(
        of: source.loadUnaligned(fromByteOffset: offset, as: SIMD4<UInt32>.self),
        toByteOffset: offset, as: SIMD4<UInt32>.self)
      offset &+= 16
    } while offset < count &* MemoryLayout<TokenID>.stride
    return count
  }

  /// Whether the bytes at `other` are those of `bytes`, which are more than eight.
  @inline(__always)
  private static func isEqual(
    _ bytes: UnsafeRawBufferPointer, _ other: UnsafeRawPointer
  ) -> Bool {
    var offset = 0
    while true {
      // In bounds of both: the last load ends at their end.
      let one = unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      let two = unsafe other.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      if one != two { return false }
      if offset &+ 8 == bytes.count { return true }
      offset = min(offset &+ 8, bytes.count &- 8)
    }
  }

  /// Encodes one pre-token that was not found, and remembers it.
  ///
  /// - Returns: How many ids were written to `output`, which has room for an id a byte.
  @inline(never)
  private mutating func encodeMiss<Inline: InlineIDs>(
    _ preToken: UnsafeBufferPointer<UInt8>, at index: Int, _: Inline.Type,
    _ output: UnsafeMutablePointer<TokenID>
  ) -> Int {
    var count = 0
    if preToken.count <= BPEMerger.longestScan {
      if let id = unsafe wholePreToken(preToken.span) {
        unsafe output.pointee = id
        count = 1
      } else {
        count = unsafe merger.mergeByScan(preToken.span, to: output)
      }
    } else {
      var merged: [TokenID] = []
      swap(&merged, &self.merged)
      defer { swap(&merged, &self.merged) }
      merged.removeAll(keepingCapacity: true)
      unsafe encodeNew(preToken.span, into: &merged)
      count = merged.count
      for index in 0..<count { unsafe output[index] = merged[index] }
    }
    if isWaitingForMerges, let made = merger.made {
      isWaitingForMerges = false
      if !made.looksUpWholePreTokens { wholePreTokens = nil }
    }
    let ids = unsafe UnsafeBufferPointer(start: output, count: count)
    unsafe cache.insert(
      keys[index], UnsafeRawBufferPointer(preToken), inline: Inline.pack(ids), ids)
    return count
  }

  /// Appends the ids of one pre-token, found without the cache.
  private mutating func encodeNew(_ preToken: Span<UInt8>, into ids: inout [TokenID]) {
    if let id = wholePreToken(preToken) {
      ids.append(id)
    } else {
      merger.merge(preToken, into: &ids)
    }
  }

  /// The id of a pre-token that is a token, in models that look for it.
  @inline(__always)
  private func wholePreToken(_ preToken: Span<UInt8>) -> TokenID? {
    guard let wholePreTokens, let id = wholePreTokens.vocabulary.id(of: preToken),
      !wholePreTokens.special.contains(id)
    else { return nil }
    return id
  }
}

extension pre_token_batch {
  /// The bytes of a pre-token.
  @inline(__always)
  fileprivate func preToken(_ index: Int) -> UnsafeBufferPointer<UInt8> {
    let begin = unsafe index == 0 ? start : ends[index &- 1]
    return unsafe UnsafeBufferPointer(start: text + begin, count: ends[index] &- begin)
  }
}
