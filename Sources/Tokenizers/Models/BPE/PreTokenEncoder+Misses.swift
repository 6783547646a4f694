internal import CKernels

/// What becomes of pre-tokens that the cache does not hold.
extension PreTokenEncoder {
  /// The vocabulary as a look-up of whole pre-tokens.
  final class WholePreTokens {
    let tokens: TokenList
    let special: Set<TokenID>

    init(_ model: BPEModel) {
      tokens = model.vocabulary.tokens
      special = model.specialIDs
    }
  }

  /// Finds the ids of pre-tokens that the cache does not hold, remembers them, and puts them between those
  /// that were written.
  ///
  /// - Parameters:
  ///   - output: Where ids were written, which has room for those that are missing too.
  ///   - written: How many ids there are.
  /// - Returns: How many slots were filled.
  @inline(never)
  mutating func encodeMisses<Inline: InlineIDs>(
    _ batch: pre_token_batch, _ cache: borrowing PreTokenCacheStorage, _: Inline.Type,
    to output: UnsafeMutablePointer<TokenID>, _ written: inout Int
  ) -> Int {
    var place = Int(INSERT_SLACK)
    for number in 0..<missing {
      if unsafe Int(misses[number].first) != number {
        // Another one of the same pre-token has claimed the slot. Not to be merged: any count will do.
        unsafe misses[number].count = 1
        continue
      }
      let preToken = unsafe batch.preToken(Int(misses[number].index))
      unsafe misses[number].place = UInt32(truncatingIfNeeded: place)
      place &+= Self.room(for: preToken.count) &+ Self.excess
      if let id = unsafe wholePreToken(preToken.span) {
        unsafe newIDs[Int(misses[number].place)] = id
        unsafe misses[number].count = 1
      }
    }
    if let mergeKernel, let made = merger.made {
      made.table.withLookup { lookup in
        unsafe withUnsafePointer(to: lookup.view) { table in
          unsafe withUnsafePointer(to: batch) { batch in
            unsafe merge_short(
              mergeKernel, table, batch, misses, missing,
              UnsafeMutableRawPointer(newIDs).assumingMemoryBound(to: UInt32.self))
          }
        }
      }
    }
    var filled = 0
    for number in 0..<missing {
      let first = unsafe Int(misses[number].first)
      if first == number {
        filled &+= unsafe fill(number, batch, cache, Inline.self)
      } else {
        unsafe misses[number].place = misses[first].place
        unsafe misses[number].count = misses[first].count
      }
    }
    // An id has the layout of its number.
    written = unsafe ids_insert(
      UnsafeMutableRawPointer(output).assumingMemoryBound(to: UInt32.self), written, misses,
      missing, UnsafeRawPointer(newIDs).assumingMemoryBound(to: UInt32.self))
    return filled
  }

  /// Merges a pre-token unless that is done, and puts its ids where they are looked for; returns how many slots that
  /// has filled.
  @inline(__always)
  private mutating func fill<Inline: InlineIDs>(
    _ number: Int, _ batch: pre_token_batch, _ cache: borrowing PreTokenCacheStorage,
    _: Inline.Type
  ) -> Int {
    let index = unsafe Int(misses[number].index)
    let preToken = unsafe batch.preToken(index)
    let ids = unsafe newIDs + Int(misses[number].place)
    if unsafe misses[number].count == 0 {
      unsafe misses[number].count = UInt32(encodeNew(preToken, to: ids))
    }
    let slot = unsafe misses[number].slot
    if slot == NO_SLOT { return 0 }
    let new = unsafe UnsafeBufferPointer(start: ids, count: Int(misses[number].count))
    // There is room for `limit` of them behind each place.
    unsafe cache.fill(
      slot, keys[index], UnsafeRawBufferPointer(preToken),
      inline: new.count <= Inline.limit ? Inline.pack(ids) : nil, new)
    return 1
  }

  /// Merges one pre-token.
  ///
  /// - Returns: How many ids were written to `output`, which has room for an id a byte.
  private mutating func encodeNew(
    _ preToken: UnsafeBufferPointer<UInt8>, to output: UnsafeMutablePointer<TokenID>
  ) -> Int {
    defer { noteMerges() }
    if preToken.count <= BPEMerger.longestScan {
      return unsafe merger.mergeByScan(preToken.span, to: output)
    }
    merged.removeAll(keepingCapacity: true)
    unsafe merger.merge(preToken.span, into: &merged)
    for index in merged.indices { unsafe output[index] = merged[index] }
    return merged.count
  }

  /// Once the merges are known, it is known whether whole pre-tokens need to be looked up.
  private mutating func noteMerges() {
    if isWaitingForMerges, let made = merger.made {
      isWaitingForMerges = false
      if !made.looksUpWholePreTokens { wholePreTokens = nil }
    }
  }

  /// Appends the ids of one pre-token, found without the cache.
  mutating func encodeNew(_ preToken: Span<UInt8>, into ids: inout [TokenID]) {
    if let id = wholePreToken(preToken) {
      ids.append(id)
    } else {
      merger.merge(preToken, into: &ids)
    }
  }

  /// The id of a pre-token that is a token, in models that look for it.
  @inline(__always)
  private func wholePreToken(_ preToken: Span<UInt8>) -> TokenID? {
    guard let wholePreTokens, let position = wholePreTokens.tokens.position(of: preToken)
    else { return nil }
    let id = TokenID(wholePreTokens.tokens.ids[position])
    return wholePreTokens.special.contains(id) ? nil : id
  }
}
