/// Finds the merge that makes each token of a rank table, without merging its bytes.
///
/// Let *t* be a token, and let all merges of lower rank be known. Merging *t*'s bytes by those alone either
/// leaves two parts, the *left* and *right* that *t* is made of, or *t* is not made of tokens of lower rank.
/// It leaves *left* and *right* if and only if each of them is left whole when its own bytes are merged, and
/// no merge of lower rank reaches across from one into the other (`BPEModel.MergeOrder` says when one does,
/// and why). So a split of *t* into two tokens that passes this test is the one that merging makes: there is
/// no second one. Two or three splits are tried for most tokens.
///
/// A pair merges if its joined bytes are a token whose own merge is that pair; in the words above all joined
/// bytes are parts of *t*, so that one look-up by bytes finds it.
///
/// A token to which this finds no split is merged by the definition (`RankedParts`). If that makes it after
/// all, out of tokens of higher rank, the order of ranks is not the order in which tokens are made, and
/// nothing said here holds: then there is no answer, and the definition has to be used for all.
///
/// Most splits are ruled out by a bit for the hash of each part, some tokens ahead of the look-ups, so that
/// these do not wait for memory.
@safe struct RankTableMerges: ~Copyable {
  /// Longest token, in bytes, that is split here; others are merged by the definition.
  private static let longest = 63
  /// Tokens whose possible splits are found before the first of them is looked at.
  private static let batch = 16

  /// How a token is made: of two, or it is a byte, or not at all (all zero).
  private struct Parts {
    var left: UInt32 = 0
    var right: UInt32 = 0
    /// Bytes of `left`; 0 for what no merge makes.
    var leftLength: UInt32 = 0
    var isByte = false
  }

  private let vocabulary: Vocabulary
  private let special: Set<TokenID>
  /// One for each token. Raw memory, as the next: an array would be checked at each access.
  private let parts: UnsafeMutablePointer<Parts>
  /// A bit for the hash of each token met so far.
  private let filter: UnsafeMutablePointer<UInt64>
  private let filterShift: UInt64
  /// Sums of the hashes of all beginnings of the tokens of a batch.
  private let sums: UnsafeMutablePointer<UInt64>
  /// Powers of the hash's base.
  private let powers: UnsafeMutablePointer<UInt64>
  /// Bit *i* of a token's element: its first *i* bytes and the rest may both be tokens.
  private let splits: UnsafeMutablePointer<UInt64>
  private let memory: [ZeroedMemoryOwner]

  private var merges: [BPEModel.Merge] = []
  private var unreachable: [TokenID] = []

  /// The merges in the order of ranks, and the tokens that none makes; nil if ranks are not in the order in
  /// which tokens are made.
  static func find(
    in vocabulary: Vocabulary, except special: Set<TokenID>
  ) -> (merges: [BPEModel.Merge], unreachable: [TokenID])? {
    var search = RankTableMerges(vocabulary, special)
    return search.run() ? (search.merges, search.unreachable) : nil
  }

  private init(_ vocabulary: Vocabulary, _ special: Set<TokenID>) {
    self.vocabulary = vocabulary
    self.special = special
    // Sixteen bits a token: one in sixteen parts that are no tokens is looked up all the same.
    var bits: UInt64 = 10
    while 1 << bits < vocabulary.count * 16 { bits += 1 }
    filterShift = 64 - bits
    // Zeroed: no token is made yet, no bit set.
    let sizes = [
      max(1, vocabulary.count) * MemoryLayout<Parts>.stride, 8 << Int(bits - 6),
      8 * Self.batch * (Self.longest + 1), 8 * (Self.longest + 1), 8 * Self.batch,
    ]
    memory = sizes.map { ZeroedMemoryOwner(byteCount: $0) }
    unsafe parts = memory[0].memory.base.assumingMemoryBound(to: Parts.self)
    unsafe filter = memory[1].memory.base.assumingMemoryBound(to: UInt64.self)
    unsafe sums = memory[2].memory.base.assumingMemoryBound(to: UInt64.self)
    unsafe powers = memory[3].memory.base.assumingMemoryBound(to: UInt64.self)
    unsafe splits = memory[4].memory.base.assumingMemoryBound(to: UInt64.self)
    unsafe powers[0] = 1
    for length in 1...Self.longest {
      unsafe powers[length] = powers[length - 1] &* TokenHash.base
    }
    merges.reserveCapacity(vocabulary.count)
  }

  private mutating func run() -> Bool {
    let vocabulary = vocabulary
    let tokens = vocabulary.tokens
    let specialPositions = Set(special.compactMap { tokens.position(of: $0) })
    var definition = RankedParts()
    return unsafe tokens.withLookup { lookup in
      // Single bytes are there from the beginning, whatever their ranks.
      for position in 0..<vocabulary.count
      where unsafe lookup.length(position) == 1 && !specialPositions.contains(position) {
        unsafe parts[position].isByte = true
        var hash = TokenHash()
        hash.append(unsafe lookup.arena[lookup.start(position)])
        note(hash.value)
      }
      var first = 0
      while first < vocabulary.count {
        let last = min(vocabulary.count, first + Self.batch)
        for position in first..<last { unsafe findSplits(of: position, position - first, lookup) }
        for position in first..<last where unsafe lookup.length(position) > 1 {
          if !specialPositions.isEmpty, specialPositions.contains(position) { continue }
          let id = TokenID(tokens.ids[position])
          if let made = unsafe split(position, position - first, lookup) {
            unsafe parts[position] = made
            merges.append(
              BPEModel.Merge(
                left: TokenID(tokens.ids[Int(made.left)]),
                right: TokenID(tokens.ids[Int(made.right)]), merged: id))
            continue
          }
          guard let range = tokens.range(of: id) else { return false }
          if let (left, right) = definition.lastMerge(of: range, in: vocabulary, except: special) {
            guard left < id, right < id, range.count > Self.longest,
              let leftPosition = tokens.position(of: left),
              let rightPosition = tokens.position(of: right)
            else { return false }
            unsafe parts[position] = Parts(
              left: UInt32(leftPosition), right: UInt32(rightPosition),
              leftLength: UInt32(lookup.length(leftPosition)))
            merges.append(BPEModel.Merge(left: left, right: right, merged: id))
          } else {
            unreachable.append(id)
          }
        }
        first = last
      }
      return true
    }
  }

  /// Notes in the filter that a token has this hash. Bits, positions of tokens, and places in a batch are
  /// in bounds of the memory that was made for them, here and below.
  @inline(__always)
  private func note(_ hash: UInt64) {
    let bit = hash >> filterShift
    unsafe filter[Int(truncatingIfNeeded: bit >> 6)] |= 1 &<< (bit & 63)
  }

  /// 1 if some token may have this hash, 0 if none has.
  @inline(__always)
  private func mayBeToken(_ hash: UInt64) -> UInt64 {
    let bit = hash >> filterShift
    return unsafe filter[Int(truncatingIfNeeded: bit >> 6)] &>> (bit & 63) & 1
  }

  /// The hash of bytes `range` of the token that is number `slot` in its batch.
  @inline(__always)
  private func hash(_ slot: Int, _ start: Int, _ end: Int) -> UInt64 {
    let base = slot &* (Self.longest &+ 1)
    return unsafe TokenHash(sum: sums[base &+ end] &- sums[base &+ start] &* powers[end &- start])
      .value
  }

  /// Finds where a token may be split, and notes the token itself.
  private func findSplits(
    of token: Int, _ slot: Int, _ lookup: TokenIndexStorage.Lookup
  ) {
    unsafe splits[slot] = 0
    let length = unsafe lookup.length(token)
    if length == 1 || length > Self.longest { return }
    let bytes = unsafe lookup.arena + lookup.start(token)
    let base = slot &* (Self.longest &+ 1)
    var whole = TokenHash()
    for offset in 0..<length {
      // The token's own bytes.
      whole.append(unsafe bytes[offset])
      unsafe sums[base &+ offset &+ 1] = whole.sum
    }
    var found: UInt64 = 0
    for middle in 1..<length {
      let left = unsafe TokenHash(sum: sums[base &+ middle]).value
      let right = unsafe TokenHash(
        sum: whole.sum &- sums[base &+ middle] &* powers[length &- middle]
      )
      .value
      found |= (mayBeToken(left) & mayBeToken(right)) &<< UInt64(middle)
    }
    var rest = found
    while rest != 0 {
      let middle = rest.trailingZeroBitCount
      unsafe lookup.prefetch(hash(slot, 0, middle))
      unsafe lookup.prefetch(hash(slot, middle, length))
      rest &= rest &- 1
    }
    unsafe splits[slot] = found
    note(whole.value)
  }

  /// The split of a token into two of lower rank that merging its bytes makes.
  private func split(
    _ token: Int, _ slot: Int, _ lookup: TokenIndexStorage.Lookup
  ) -> Parts? {
    let start = unsafe lookup.arena + lookup.start(token)
    let length = unsafe lookup.length(token)
    var rest = unsafe splits[slot]
    var best: (left: Int, right: Int, middle: Int)?
    var bestRank = Int.max
    var others: UInt64 = 0
    // The one of which both parts are there first is the most likely.
    while rest != 0 {
      let middle = rest.trailingZeroBitCount
      rest &= rest &- 1
      guard let (left, right) = unsafe known(token, start, middle, length, slot, lookup) else {
        continue
      }
      others |= 1 &<< UInt64(middle)
      if max(left, right) < bestRank {
        bestRank = max(left, right)
        best = (left, right, middle)
      }
    }
    guard let best else { return nil }
    if unsafe isBoundary(start, best.middle, best.left, best.right, length, slot, lookup) {
      return Parts(
        left: UInt32(best.left), right: UInt32(best.right), leftLength: UInt32(best.middle))
    }
    others &= ~(1 &<< UInt64(best.middle))
    while others != 0 {
      let middle = others.trailingZeroBitCount
      others &= others &- 1
      if let (left, right) = unsafe known(token, start, middle, length, slot, lookup),
        unsafe isBoundary(start, middle, left, right, length, slot, lookup)
      {
        return Parts(left: UInt32(left), right: UInt32(right), leftLength: UInt32(middle))
      }
    }
    return nil
  }

  /// The two tokens of a split, if both are bytes or of lower rank and made by a merge.
  @inline(__always)
  private func known(
    _ token: Int, _ start: UnsafePointer<UInt8>, _ middle: Int, _ length: Int, _ slot: Int,
    _ lookup: TokenIndexStorage.Lookup
  ) -> (left: Int, right: Int)? {
    // Both lie in the token's bytes.
    guard
      let left = unsafe lookup.position(of: start, count: middle, hash: hash(slot, 0, middle)),
      isKnown(left, before: token),
      let right = unsafe lookup.position(
        of: start + middle, count: length &- middle, hash: hash(slot, middle, length)),
      isKnown(right, before: token)
    else { return nil }
    return (left, right)
  }

  @inline(__always)
  private func isKnown(_ part: Int, before token: Int) -> Bool {
    let made = unsafe parts[part]
    return made.isByte || made.leftLength > 0 && part < token
  }

  /// Whether no merge of lower rank reaches across the boundary between two tokens that lie side by side:
  /// the merges of both are undone from the last one back, and each pair that met at the boundary is looked
  /// at.
  private func isBoundary(
    _ start: UnsafePointer<UInt8>, _ boundary: Int, _ left: Int, _ right: Int, _ length: Int,
    _ slot: Int, _ lookup: TokenIndexStorage.Lookup
  ) -> Bool {
    var (left, right) = (left, right)
    var (begin, end) = (0, length)
    var leftParts = unsafe parts[left]
    var rightParts = unsafe parts[right]
    while !leftParts.isByte || !rightParts.isByte {
      // A merge of rank below `limit` happens before what is undone here. Bytes are there before all.
      let limit: Int
      if !leftParts.isByte, rightParts.isByte || left > right {
        limit = left
        begin &+= Int(leftParts.leftLength)
        left = Int(leftParts.right)
        leftParts = unsafe parts[left]
      } else {
        // Of equal ranks the leftmost goes first: the pair at the boundary before the one on its right.
        limit = right &+ 1
        end = boundary &+ Int(rightParts.leftLength)
        right = Int(rightParts.left)
        rightParts = unsafe parts[right]
      }
      let joinedHash = hash(slot, begin, end)
      if mayBeToken(joinedHash) == 0 { continue }
      // Part of the token's bytes.
      if let joined = unsafe lookup.position(
        of: start + begin, count: end &- begin, hash: joinedHash),
        joined < limit, unsafe parts[joined].leftLength == UInt32(boundary &- begin),
        unsafe Int(parts[joined].left) == left
      {
        return false
      }
    }
    return true
  }
}

/// Owns a block of memory, so that several can be kept in an array.
private final class ZeroedMemoryOwner {
  let memory: ZeroedMemory

  init(byteCount: Int) { memory = ZeroedMemory(byteCount: byteCount) }
}
