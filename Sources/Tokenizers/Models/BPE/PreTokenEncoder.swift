internal import CKernels

/// Turns pre-tokens into ids: the cache first, merging for what it does not hold.
///
/// A struct and not part of `BPEEncoder`, a class: its methods have all of it to themselves, where each
/// access to a property of a class would be checked.
@safe struct PreTokenEncoder: ~Copyable {
  /// Pre-tokens prepared before they are looked up: their slots, asked for in between, stay in the
  /// first-level cache until then.
  private static let batch = 256
  /// Pre-tokens of which those that are new are merged together: few are, and merging gains from company.
  static let group = PreTokenCache.group
  /// For how many ids a pre-token of so many bytes needs room: the kernels that merge write whole vectors, the last ids
  /// of which are only to be written over.
  @inline(__always)
  static func room(for byteCount: Int) -> Int {
    max(byteCount, Int(byteCount <= Int(MERGE_LANE) ? MERGE_LANE : MERGE_LONGEST))
  }
  /// Copying from the arena writes so many ids too much.
  static let excess = 3

  var merger: BPEMerger
  let cache: PreTokenCache
  /// Which of the cache's users this is.
  private let user: Int
  /// Whether all ids have 16 bits.
  private let isNarrow: Bool
  /// Keys of a group, and where their slots are. Raw memory: an array would be counted and checked at each access.
  private let memory: ZeroedMemory
  let keys: UnsafeMutablePointer<PreTokenKey>
  private let places: UnsafeMutablePointer<UInt32>
  /// The pre-tokens of a group that the cache does not hold.
  let misses: UnsafeMutablePointer<pre_token_miss>
  var missing = 0
  /// Their ids, until they are written.
  let newIDs: UnsafeMutablePointer<TokenID>
  /// The kernel that merges short ones, if one does.
  let mergeKernel: Int32?
  /// Ids of a pre-token that is too long for the merger's scan.
  var merged: [TokenID] = []
  /// For models that look whole pre-tokens up before they merge.
  var wholePreTokens: WholePreTokens?
  /// Whether the model's merges are still to say if whole pre-tokens need to be looked up.
  var isWaitingForMerges: Bool

  /// - Parameters:
  ///   - cache: What is remembered, and shared with the cache's other users; one of its own, if nil.
  ///   - user: Which of them this is.
  ///   - mergesByKernel: Whether short pre-tokens are merged side by side, if the engine has a kernel for that.
  init(
    _ model: BPEModel, sharing cache: PreTokenCache? = nil, as user: Int = 0,
    mergesByKernel: Bool = true
  ) {
    merger = BPEMerger(model)
    self.cache = cache ?? PreTokenCache(hash: model.preTokenHash)
    self.user = user
    isNarrow = (model.vocabulary.largestID?.rawValue ?? 0) <= UInt32(UInt16.max)
    let keyBytes = (Self.group + Int(KEY_SLACK)) * MemoryLayout<PreTokenKey>.stride
    let placeBytes = (Self.group + Int(KEY_SLACK)) * MemoryLayout<UInt32>.stride
    let missBytes = Self.group * MemoryLayout<pre_token_miss>.stride
    let newIDCount = Int(INSERT_SLACK) + Self.group * (PreTokenKey.longest + Self.excess)
    memory = ZeroedMemory(
      byteCount: keyBytes + placeBytes + missBytes + newIDCount * MemoryLayout<TokenID>.stride,
      isSparse: true)
    unsafe keys = memory.base.assumingMemoryBound(to: PreTokenKey.self)
    unsafe places = (memory.base + keyBytes).assumingMemoryBound(to: UInt32.self)
    unsafe misses = (memory.base + keyBytes + placeBytes)
      .assumingMemoryBound(to: pre_token_miss.self)
    unsafe newIDs = (memory.base + keyBytes + placeBytes + missBytes)
      .assumingMemoryBound(to: TokenID.self)
    mergeKernel = mergesByKernel ? self.cache.hash.mergeKernel : nil
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
          let count = min(ends.count &- index, cache.groupSize)
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

  private mutating func encode(_ group: pre_token_batch, into ids: inout [TokenID]) {
    let count = unsafe group.n
    var index = 0
    while index < count {
      let start = unsafe index == 0 ? group.start : group.ends[index - 1]
      // At most an id a byte, of pre-tokens that the cache may hold, and what is written too much.
      let room =
        unsafe min(
          group.ends[count - 1] - start, PreTokenKey.longest * (count - index)) + 8
      if ids.capacity - ids.count < room { ids.reserve(max(ids.count, 4096) + room) }
      ids.append(addingCapacity: room) { output in
        unsafe output.withUnsafeMutableBufferPointer { buffer, initialized in
          guard let base = buffer.baseAddress else { return }
          if isNarrow {
            unsafe encode(group, NarrowIDs.self, from: &index, to: base, &initialized)
          } else {
            unsafe encode(group, WideIDs.self, from: &index, to: base, &initialized)
          }
        }
      }
      if index < count {
        // One that is too long for the cache.
        unsafe encodeNew(group.preToken(index).span, into: &ids)
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
    _ group: pre_token_batch, _: Inline.Type, from index: inout Int,
    to output: UnsafeMutablePointer<TokenID>, _ count: inout Int
  ) {
    let cache = self.cache
    unsafe cache.use(by: user, claiming: group.n &- index) { storage in
      missing = 0
      let view = unsafe storage.view(isShared: cache.isShared)
      var batch = unsafe group
      repeat {
        let first = index
        unsafe batch.n = min(first &+ Self.batch, group.n)
        unsafe storage.prepare(batch, from: first, keys: keys, places: places)
        if let kernel = cache.hash.kernel {
          unsafe findByKernel(kernel, batch, view, from: &index, to: output, &count)
        } else {
          unsafe find(batch, view, Inline.self, from: &index, to: output, &count)
        }
      } while unsafe index == batch.n && index < group.n
      if missing == 0 { return 0 }
      return unsafe encodeMisses(group, storage, Inline.self, to: output, &count)
    }
  }

  /// `find`, by the kernel.
  @inline(__always)
  private mutating func findByKernel(
    _ kernel: Int32, _ batch: pre_token_batch, _ view: pre_token_cache, from index: inout Int,
    to output: UnsafeMutablePointer<TokenID>, _ count: inout Int
  ) {
    // Ids have the layout of UInt32; the kernel writes within the room that `find` has too.
    unsafe withUnsafePointer(to: batch) { batch in
      unsafe withUnsafePointer(to: view) { view in
        index = unsafe keys_find(
          kernel, batch, view, keys, places, isNarrow ? 1 : 0, index,
          UnsafeMutableRawPointer(output).assumingMemoryBound(to: UInt32.self), &count, misses,
          &missing)
      }
    }
  }

  /// Writes the ids of pre-tokens up to the first that is too long for the cache; claims slots for those that the
  /// cache does not hold, and notes them. What the kernels are tested against.
  @inline(__always)
  mutating func find<Inline: InlineIDs>(
    _ batch: pre_token_batch, _ view: pre_token_cache, _: Inline.Type, from index: inout Int,
    to output: UnsafeMutablePointer<TokenID>, _ count: inout Int
  ) {
    let keys = unsafe keys
    let places = unsafe places
    let end = unsafe batch.n
    guard let slots = unsafe UnsafeMutableRawPointer(view.slots) else { return }
    let stride = MemoryLayout<PreTokenCacheStorage.Slot>.stride
    let mask = unsafe stride << Int(view.bits) &- 1
    var written = count
    search: while index < end {
      let key = unsafe keys[index]
      var place = unsafe Int(places[index])
      while true {
        // In bounds: masked. A walk ends because part of the slots are always free.
        let slot = unsafe (slots + place).assumingMemoryBound(to: PreTokenCacheStorage.Slot.self)
        var high = unsafe slot_high(slot)
        if high == 0 {
          if key.high == PreTokenKey.tooLong.high { break search }
          if unsafe slot_claim(slot, key, missing, view.is_shared) != 0 {
            note(index, gap: written, slot: UInt32(truncatingIfNeeded: place), first: missing)
            break
          }
          // Another thread was faster.
          high = unsafe slot_high(slot)
        }
        let difference = high ^ key.high
        if difference &<< 4 == 0, unsafe slot_low(slot) == key.low {
          let code = difference >> 60
          if code < PreTokenCacheStorage.claimed {
            let payload = unsafe slot.pointee.payload
            unsafe Inline.write(
              SIMD2(payload.0, payload.1), to: UnsafeMutableRawPointer(output + written))
            written &+= Int(truncatingIfNeeded: code) &+ 1
            break
          }
          if code == PreTokenCacheStorage.claimed {
            let claimant = unsafe slot_claimant(slot)
            let first = claimant < UInt64(missing) ? Int(claimant) : missing
            guard first < missing, unsafe Int(misses[first].slot) == place else {
              // Another thread is about it: waiting for that would take longer.
              note(index, gap: written, slot: NO_SLOT, first: missing)
              break
            }
            if unsafe !key.isHashed || isSame(batch, Int(misses[first].index), index) {
              note(
                index, gap: written, slot: UInt32(truncatingIfNeeded: place), first: first)
              break
            }
          } else if let more = unsafe copyFromArena(
            UnsafeRawPointer(view.arena), slot.pointee.payload.0, key, batch, index,
            to: output + written)
          {
            written &+= more
            break
          }
        }
        place = slot_after(place, mask)
      }
      index &+= 1
    }
    count = written
  }

  /// Notes that the ids of a pre-token are missing: one for each at most.
  private mutating func note(_ index: Int, gap: Int, slot: UInt32, first: Int) {
    unsafe misses[missing] = pre_token_miss(
      index: UInt32(truncatingIfNeeded: index), gap: UInt32(truncatingIfNeeded: gap),
      slot: slot, first: UInt32(truncatingIfNeeded: first), place: 0,
      count: 0)
    missing &+= 1
  }

  /// Whether two long pre-tokens that have the same key are the same.
  private func isSame(_ batch: pre_token_batch, _ one: Int, _ other: Int) -> Bool {
    // Of one length, which the key tells.
    unsafe Self.isEqual(
      UnsafeRawBufferPointer(batch.preToken(one)),
      batch.preToken(other).baseAddress.unsafelyUnwrapped)
  }

  /// Writes the ids that a slot refers to; nil if they are another pre-token's.
  @inline(__always)
  private func copyFromArena(
    _ arena: UnsafeRawPointer, _ reference: UInt64, _ key: PreTokenKey, _ batch: pre_token_batch,
    _ index: Int,
    to output: UnsafeMutablePointer<TokenID>
  ) -> Int? {
    var source = unsafe arena + Int(UInt32(truncatingIfNeeded: reference))
    let count = Int(truncatingIfNeeded: reference >> 32)
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

  /// Whether the bytes at `other` are those of `bytes`, which are at least eight.
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
}

extension pre_token_batch {
  /// The bytes of a pre-token.
  @inline(__always)
  func preToken(_ index: Int) -> UnsafeBufferPointer<UInt8> {
    let begin = unsafe index == 0 ? start : ends[index &- 1]
    return unsafe UnsafeBufferPointer(start: text + begin, count: ends[index] &- begin)
  }
}
