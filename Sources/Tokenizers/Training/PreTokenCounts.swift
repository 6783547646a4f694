/// How often each distinct pre-token occurs in a corpus: all that a BPE trainer needs to know of it.
///
/// Bytes lie in one arena. Counts are 64-bit.
public struct PreTokenCounts: Sendable {
  private struct Entry {
    var hash: UInt64
    var start: Int
    var length: Int
    /// 0 where the slot is free
    var count: Int
  }

  private static let free = Entry(hash: 0, start: 0, length: 0, count: 0)

  private var arena: [UInt8] = []
  private var table = [Entry](repeating: Self.free, count: 1 << 12)
  /// Number of distinct pre-tokens.
  public private(set) var distinctCount = 0
  /// Number of pre-tokens, each as often as it occurs.
  public private(set) var totalCount = 0

  /// No pre-tokens yet.
  public init() {}

  /// Adds occurrences of a pre-token. Amortised O(length).
  public mutating func add(_ preToken: Span<UInt8>, count: Int = 1) {
    add(preToken, hash: PreTokenKey.hash(preToken), count: count)
  }

  /// Adds all that `other` has counted.
  public mutating func add(_ other: PreTokenCounts) {
    let bytes = other.arena.span
    for entry in other.table where entry.count != 0 {
      add(
        bytes.extracting(entry.start..<entry.start + entry.length), hash: entry.hash,
        count: entry.count)
    }
  }

  /// Calls `body` with each distinct pre-token and its count, in no particular order.
  public func forEach(_ body: (_ preToken: Span<UInt8>, _ count: Int) -> Void) {
    let bytes = arena.span
    for entry in table where entry.count != 0 {
      body(bytes.extracting(entry.start..<entry.start + entry.length), entry.count)
    }
  }

  /// Bytes of all pre-tokens, each as often as it occurs.
  public var byteCount: Int { table.reduce(0) { $0 + $1.length * $1.count } }

  /// Bytes of the distinct pre-tokens, each once.
  var distinctByteCount: Int { arena.count }

  private mutating func add(_ preToken: Span<UInt8>, hash: UInt64, count: Int) {
    totalCount += count
    let mask = table.count - 1
    var position = Int(truncatingIfNeeded: hash >> 32) & mask
    while true {
      let entry = table[position]
      if entry.count == 0 { break }
      if entry.hash == hash, entry.length == preToken.count, equals(preToken, at: entry.start) {
        table[position].count += count
        return
      }
      position = (position + 1) & mask
    }
    table[position] = Entry(
      hash: hash, start: arena.count, length: preToken.count, count: count)
    for offset in preToken.indices { arena.append(preToken[offset]) }
    distinctCount += 1
    if distinctCount * 2 > table.count { grow() }
  }

  private func equals(_ preToken: Span<UInt8>, at start: Int) -> Bool {
    let stored = arena.span
    for position in preToken.indices where stored[start + position] != preToken[position] {
      return false
    }
    return true
  }

  private mutating func grow() {
    var larger = [Entry](repeating: Self.free, count: table.count * 4)
    let mask = larger.count - 1
    for entry in table where entry.count != 0 {
      var position = Int(truncatingIfNeeded: entry.hash >> 32) & mask
      while larger[position].count != 0 { position = (position + 1) & mask }
      larger[position] = entry
    }
    table = larger
  }
}

extension BPEModel {
  /// How many tokens this model makes of texts with these pre-tokens.
  ///
  /// - Complexity: O(n log n) in the bytes of the distinct pre-tokens.
  public func tokenCount(of counts: PreTokenCounts) -> Int {
    var merger = BPEMerger(self)
    var ids: [TokenID] = []
    var total = 0
    counts.forEach { preToken, count in
      ids.removeAll(keepingCapacity: true)
      merger.merge(preToken, into: &ids)
      total += ids.count * count
    }
    return total
  }
}
