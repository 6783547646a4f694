internal import CKernels

/// The merges of a BPE model: an ordered pair of symbols gives the rank of the merge that joins it.
///
/// Merging numbers the tokens that take part in it anew, so that a pair and its rank fit in eight bytes:
/// the *symbol* of byte *b* is *b*, those of other tokens follow in the order in which the merges name or
/// make them. The table is open addressing, at most half full: 1 MiB for GPT-2's 50,000 merges, with
/// 16-byte slots of plain ids it would be 2 and no longer stay in a second-level cache. Probing stays within a
/// cache line of eight slots, of which the last is taken only when the others are, before it goes to the next:
/// nearly every look-up is one line, which the kernel compares at once. Pairs of two bytes, which every
/// pre-token begins with, are an array besides.
///
/// Immutable once made, hence shared by the encoders of all threads; they read it through `Lookup`, a
/// plain copy of its addresses, and keep this object alive.
@safe final class MergeTableStorage: @unchecked Sendable {
  /// What `Lookup` gives for a pair that no merge joins: greater than any rank.
  static let noRank = UInt32(1) << rankBits - 1
  /// A slot is the left symbol, the right symbol, and in the lowest bits the rank.
  private static let rankBits = UInt64(MERGE_RANK_BITS)
  private static let symbolBits = UInt64(MERGE_SYMBOL_BITS)
  /// A free slot: no pair, since symbols are below the greatest that the bits could hold.
  private static let free = UInt64.max
  private static let bytePairs = 1 << 16
  /// How many symbols there can be, and so tokens that take part in merges.
  static let largestSymbolCount = 1 << Int(symbolBits) - 1

  private let memory: ZeroedMemory
  private let slots: UnsafeMutablePointer<UInt64>
  private let bits: UInt64
  /// The rank of each pair of bytes, the left byte in the high half of the index.
  private let rankOfBytes: UnsafeMutablePointer<UInt32>
  /// The symbol that the merge of each rank makes; of a table that was made before none, since its merges are in order.
  private let merged: [UInt32]
  /// The token of each symbol.
  private let tokens: [TokenID]
  /// Whether the merge of rank *r* makes symbol 256 + *r*, and beyond the bytes symbols are ids: so it is
  /// in GPT-2's vocabulary and in those that are trained here, and spares two tables in the cache.
  private let inOrder: Bool

  /// - Parameters:
  ///   - merges: In the order of their ranks.
  ///   - idOfByte: The token of each byte.
  /// - Throws: `VocabularyError.duplicateMerge` if a pair stands twice, `tooManyMerges` if there are more
  ///   than `largestSymbolCount` symbols or merges.
  init(_ merges: [BPEModel.Merge], idOfByte: [TokenID]) throws(VocabularyError) {
    precondition(idOfByte.count == 256)
    guard merges.count < Self.largestSymbolCount else { throw .tooManyMerges }
    var numbering = SymbolNumbering(idOfByte, merges)
    var bits: UInt64 = 4
    while 1 << bits < merges.count * 2 { bits += 1 }
    self.bits = bits
    let count = 1 << Int(bits)
    memory = ZeroedMemory(byteCount: Self.byteCount(bits: bits))
    // Both lie in the memory, the slots at its start and so at the start of a cache line.
    unsafe slots = memory.base.bindMemory(to: UInt64.self, capacity: count)
    unsafe slots.update(repeating: Self.free, count: count)
    unsafe rankOfBytes = (memory.base + count * MemoryLayout<UInt64>.stride)
      .bindMemory(to: UInt32.self, capacity: Self.bytePairs)
    unsafe rankOfBytes.update(repeating: Self.noRank, count: Self.bytePairs)
    var merged: [UInt32] = []
    merged.reserveCapacity(merges.count)
    var duplicate: Int?
    for (rank, merge) in merges.enumerated() {
      let left = numbering.symbol(of: merge.left)
      let right = numbering.symbol(of: merge.right)
      merged.append(numbering.symbol(of: merge.merged))
      let pair = Self.pack(left, right)
      var probe = Probe(of: pair, bits: bits)
      // In bounds: positions are masked, and half of the slots stay free.
      while unsafe slots[probe.position] != Self.free {
        if unsafe slots[probe.position] >> Self.rankBits == pair, duplicate == nil {
          duplicate = rank
        }
        probe.advance(count - 1)
      }
      unsafe slots[probe.position] = pair << Self.rankBits | UInt64(rank)
      // Symbols of bytes are below 256, the pair of two an index of the array.
      if left < 256, right < 256 {
        unsafe rankOfBytes[Int(left << 8 | right)] = UInt32(rank)
      }
    }
    inOrder =
      merged.enumerated().allSatisfy { $0.element == 256 + $0.offset }
      && numbering.tokens.enumerated().dropFirst(256).allSatisfy {
        $0.element.rawValue == $0.offset
      }
    self.merged = merged
    tokens = numbering.tokens
    symbolCount = tokens.count
    mergeCount = merges.count
    if let duplicate { throw .duplicateMerge(rank: duplicate) }
    guard tokens.count <= Self.largestSymbolCount else { throw .tooManyMerges }
  }

  /// A table whose memory was made before, of `mergeCount` merges in order.
  ///
  /// - Parameters:
  ///   - bits: Of the number of slots.
  ///   - fill: Writes to all of a piece of the memory, one after the other, and says whether it could.
  /// - Returns: nil if it could not, or if what was written would lead out of the tables: whatever it is, looking
  ///   symbols up afterwards ends, and gives ranks of merges.
  init?(
    preparedBits bits: Int, mergeCount: Int, idOfByte: [TokenID],
    fill: (UnsafeMutableRawBufferPointer) -> Bool
  ) {
    guard (4...23).contains(bits), mergeCount * 2 <= 1 << bits, idOfByte.count == 256,
      mergeCount < Self.largestSymbolCount - 256
    else { return nil }
    self.bits = UInt64(bits)
    let byteCount = Self.byteCount(bits: self.bits)
    let roomCount = HugePages.rounded(byteCount)
    memory = ZeroedMemory(byteCount: roomCount, isSparse: true)
    // As above.
    unsafe slots = memory.base.bindMemory(to: UInt64.self, capacity: 1 << bits)
    unsafe rankOfBytes = (memory.base + MemoryLayout<UInt64>.stride << bits)
      .bindMemory(to: UInt32.self, capacity: Self.bytePairs)
    merged = []
    tokens = idOfByte
    symbolCount = 256 + mergeCount
    self.mergeCount = mergeCount
    inOrder = true
    unsafe HugePages.populateHuge(
      UnsafeMutableRawBufferPointer(start: memory.base, count: roomCount))
    guard unsafe fillSoundly(fill, byteCount) else { return nil }
  }

  /// How many tokens take part in merges, bytes included: symbols are the numbers below.
  let symbolCount: Int
  /// How many merges there are: ranks are the numbers below.
  let mergeCount: Int

  /// Bytes of both tables.
  static func byteCount(bits: UInt64) -> Int {
    MemoryLayout<UInt64>.stride << Int(bits) + bytePairs * MemoryLayout<UInt32>.stride
  }

  /// Whether all of the memory was filled, each slot is free or says a merge of symbols that are there before it, none
  /// of them more than can be, and each rank of a pair of bytes is a merge's or none.
  ///
  /// A piece at a time, which is looked at while it is near.
  private func fillSoundly(_ fill: (UnsafeMutableRawBufferPointer) -> Bool, _ byteCount: Int)
    -> Bool
  {
    var taken: UInt64 = 0
    var start = 0
    let end = MemoryLayout<UInt64>.stride << Int(bits)
    while start < byteCount {
      // A piece holds slots or ranks alone, and lies in the memory.
      let count = min(1 << 16, (start < end ? end : byteCount) - start)
      let piece = unsafe memory.base + start
      guard unsafe fill(UnsafeMutableRawBufferPointer(start: piece, count: count)) else {
        return false
      }
      let isSound =
        if start < end {
          unsafe merges_are_sound(
            piece.assumingMemoryBound(to: UInt64.self), count / MemoryLayout<UInt64>.stride,
            UInt64(mergeCount), &taken)
        } else {
          unsafe merge_ranks_are_sound(
            piece.assumingMemoryBound(to: UInt32.self), count / MemoryLayout<UInt32>.stride,
            UInt32(mergeCount))
        }
      if isSound == 0 { return false }
      start += count
    }
    return taken == UInt64(mergeCount)
  }

  /// Calls `body` with the tables' addresses, which are valid until it returns.
  @inline(__always)
  func withLookup<Result>(_ body: (Lookup) -> Result) -> Result {
    unsafe merged.withUnsafeBufferPointer { merged in
      unsafe tokens.withUnsafeBufferPointer { tokens in
        body(
          unsafe Lookup(
            slots: UnsafePointer(slots), bits: bits, rankOfBytes: UnsafePointer(rankOfBytes),
            merged: merged, tokens: tokens, inOrder: inOrder))
      }
    }
  }

  /// The memory of a table whose merges are in order and join tokens that are there before, and the bits of the number
  /// of slots; nil for another.
  var preparable: (bits: Int, bytes: [UInt8])? {
    var taken: UInt64 = 0
    // All of the slots.
    guard inOrder, unsafe merges_are_sound(slots, 1 << Int(bits), UInt64(mergeCount), &taken) != 0
    else { return nil }
    // All of the memory, which was written when the table was made.
    let bytes = unsafe UnsafeRawBufferPointer(
      start: memory.base, count: Self.byteCount(bits: bits))
    return (Int(bits), unsafe [UInt8](bytes))
  }

  /// The merges of a table that is in order, read from its slots; none if one of them does not join the bytes of
  /// two tokens to those of a third.
  func merges(in vocabulary: Vocabulary) -> [BPEModel.Merge] {
    let merges = withLookup { lookup in
      parts().enumerated().map { rank, parts in
        BPEModel.Merge(
          left: lookup.token(parts.left), right: lookup.token(parts.right),
          merged: lookup.token(lookup.merged(UInt32(rank))))
      }
    }
    return BPEModel.firstUnfit(merges, vocabulary) == nil ? merges : []
  }

  /// The symbols that the merge of each rank joins, read from the slots.
  func parts() -> [(left: UInt32, right: UInt32)] {
    // One more place: for free slots, whose rank is beyond all. Whether a slot is free cannot be foreseen.
    unsafe [(left: UInt32, right: UInt32)](unsafeUninitializedCapacity: mergeCount + 1) {
      parts, count in
      unsafe parts.initialize(repeating: (0, 0))
      for position in 0..<1 << Int(bits) {
        // In bounds of the slots, and of the places.
        let slot = unsafe slots[position]
        let rank = min(Int(truncatingIfNeeded: slot & UInt64(Self.noRank)), mergeCount)
        let pair = slot >> Self.rankBits
        unsafe parts[rank] = (
          UInt32(truncatingIfNeeded: pair >> Self.symbolBits),
          UInt32(truncatingIfNeeded: pair) & (1 << UInt32(Self.symbolBits) - 1)
        )
      }
      count = mergeCount
    }
  }

  /// The tables' addresses for a hot loop. Symbols and ranks that it is asked about are ones it gave.
  @safe struct Lookup {
    fileprivate let slots: UnsafePointer<UInt64>
    fileprivate let bits: UInt64
    fileprivate let rankOfBytes: UnsafePointer<UInt32>
    fileprivate let merged: UnsafeBufferPointer<UInt32>
    fileprivate let tokens: UnsafeBufferPointer<TokenID>
    let inOrder: Bool

    /// The tables as the kernels see them.
    var view: merge_table {
      // An id has the layout of its number. `merged` may be empty where merges are in order.
      unsafe merge_table(
        slots: slots, bits: UInt32(bits), rank_of_bytes: rankOfBytes, merged: merged.baseAddress,
        tokens: UnsafeRawPointer(tokens.baseAddress)?.assumingMemoryBound(to: UInt32.self),
        in_order: inOrder ? 1 : 0)
    }

    /// The rank of the merge that joins two bytes, or `noRank`.
    @inline(__always)
    func rank(ofBytes left: UInt8, _ right: UInt8) -> UInt32 {
      unsafe rankOfBytes[Int(left) << 8 | Int(right)]
    }

    /// The rank of the merge that joins two symbols, or `noRank`.
    @inline(__always)
    func rank(_ left: UInt32, _ right: UInt32) -> UInt32 {
      let pair = MergeTableStorage.pack(left, right)
      var probe = Probe(of: pair, bits: bits)
      while true {
        // In bounds: masked, and a free slot ends every walk.
        let slot = unsafe slots[probe.position]
        if slot >> MergeTableStorage.rankBits == pair {
          return UInt32(truncatingIfNeeded: slot) & MergeTableStorage.noRank
        }
        if slot == MergeTableStorage.free { return MergeTableStorage.noRank }
        probe.advance(1 &<< Int(bits) &- 1)
      }
    }

    /// The symbol that the merge of this rank makes.
    @inline(__always)
    func merged(_ rank: UInt32) -> UInt32 { inOrder ? rank &+ 256 : unsafe merged[Int(rank)] }

    /// The token that a symbol stands for.
    @inline(__always)
    func token(_ symbol: UInt32) -> TokenID {
      inOrder && symbol > 255 ? TokenID(symbol) : unsafe tokens[Int(symbol)]
    }
  }

  @inline(__always)
  private static func pack(_ left: UInt32, _ right: UInt32) -> UInt64 {
    UInt64(left) << symbolBits | UInt64(right)
  }

  /// A walk over slots: round the first seven of a group from where the hash says, then the eighth, then the
  /// next group.
  private struct Probe {
    private(set) var position: Int
    /// how many of the first seven are still to come
    private var left: Int

    /// Fibonacci hashing: the highest bits of the product depend on all of the pair.
    @inline(__always)
    init(of pair: UInt64, bits: UInt64) {
      position = Int(truncatingIfNeeded: (pair &* 0x9E37_79B9_7F4A_7C15) &>> (64 &- bits))
      left = Int(MERGE_GROUP) &- 2
      // None begins at the last of a group.
      if position & (Int(MERGE_GROUP) &- 1) == Int(MERGE_GROUP) &- 1 { position &-= 1 }
    }

    @inline(__always)
    mutating func advance(_ mask: Int) {
      let last = Int(MERGE_GROUP) &- 1
      if left > 0 {
        left &-= 1
        position = position & last == last &- 1 ? position & ~last : position &+ 1
      } else if position & last == last {
        position = (position &+ 1) & mask
        left = Int(MERGE_GROUP) &- 2
      } else {
        position |= last
      }
    }
  }
}

/// Gives symbols to tokens in the order in which it meets them.
private struct SymbolNumbering {
  /// The token of each symbol.
  private(set) var tokens: [TokenID]
  /// The symbol of each id, `none` where it has none yet; empty where ids are too large for an array.
  private var symbols: [UInt32] = []
  private var symbolOfID: [TokenID: UInt32] = [:]
  private static let none = UInt32.max

  init(_ idOfByte: [TokenID], _ merges: [BPEModel.Merge]) {
    tokens = idOfByte
    tokens.reserveCapacity(256 + merges.count)
    var greatest: UInt32 = 0
    for merge in merges {
      greatest = max(
        greatest, merge.left.rawValue, merge.right.rawValue, merge.merged.rawValue)
    }
    for id in idOfByte { greatest = max(greatest, id.rawValue) }
    if Int(greatest) < 4 * merges.count + (1 << 16) {
      symbols = [UInt32](repeating: Self.none, count: Int(greatest) + 1)
      for byte in 0..<256 { symbols[Int(idOfByte[byte].rawValue)] = UInt32(byte) }
    } else {
      for byte in 0..<256 { symbolOfID[idOfByte[byte]] = UInt32(byte) }
    }
  }

  @inline(__always)
  mutating func symbol(of token: TokenID) -> UInt32 {
    if symbols.isEmpty {
      if let known = symbolOfID[token] { return known }
      symbolOfID[token] = UInt32(tokens.count)
    } else {
      let known = symbols[Int(token.rawValue)]
      if known != Self.none { return known }
      symbols[Int(token.rawValue)] = UInt32(tokens.count)
    }
    tokens.append(token)
    return UInt32(tokens.count - 1)
  }
}
