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
  /// How many symbols there can be, and so tokens that take part in merges.
  static let largestSymbolCount = 1 << Int(symbolBits) - 1

  private let memory: ZeroedMemory
  private let slots: UnsafeMutablePointer<UInt64>
  private let bits: UInt64
  /// The rank of each pair of bytes, the left byte in the high half of the index.
  private let rankOfBytes: UnsafeMutablePointer<UInt32>
  /// The symbol that the merge of each rank makes.
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
    let bytePairs = 1 << 16
    memory = ZeroedMemory(
      byteCount: count * MemoryLayout<UInt64>.stride + bytePairs * MemoryLayout<UInt32>.stride)
    // Both lie in the memory, the slots at its start and so at the start of a cache line.
    unsafe slots = memory.base.bindMemory(to: UInt64.self, capacity: count)
    unsafe slots.update(repeating: Self.free, count: count)
    unsafe rankOfBytes = (memory.base + count * MemoryLayout<UInt64>.stride)
      .bindMemory(to: UInt32.self, capacity: bytePairs)
    unsafe rankOfBytes.update(repeating: Self.noRank, count: bytePairs)
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
    if let duplicate { throw .duplicateMerge(rank: duplicate) }
    guard tokens.count <= Self.largestSymbolCount else { throw .tooManyMerges }
  }

  /// How many tokens take part in merges, bytes included: symbols are the numbers below.
  var symbolCount: Int { tokens.count }

  /// How many merges there are: ranks are the numbers below.
  var mergeCount: Int { merged.count }

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

  /// The tables' addresses for a hot loop. Symbols and ranks that it is asked about are ones it gave.
  @safe struct Lookup {
    fileprivate let slots: UnsafePointer<UInt64>
    fileprivate let bits: UInt64
    fileprivate let rankOfBytes: UnsafePointer<UInt32>
    fileprivate let merged: UnsafeBufferPointer<UInt32>
    fileprivate let tokens: UnsafeBufferPointer<TokenID>
    fileprivate let inOrder: Bool

    /// The tables as the kernels see them.
    var view: merge_table {
      // An id has the layout of its number. Models have merges: the arrays are not empty.
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
