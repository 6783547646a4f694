/// Tokens of a file on their way into a vocabulary: bytes one after another, where each ends, ids.
struct TokenCollector {
  /// Bytes of all tokens; filled by the reader of a file.
  var arena: [UInt8] = []
  private var ends: [UInt32] = []
  private var ids: [UInt32] = []
  /// What a reader notes of each token.
  private(set) var traits: [UInt8] = []
  private var isAscending = true

  init(reserving count: Int) {
    ends.reserveCapacity(count + 1)
    ends.append(0)
    ids.reserveCapacity(count)
    traits.reserveCapacity(count)
  }

  /// Notes the token whose bytes end at `end` of the arena and begin where the one before ended.
  @inline(__always)
  mutating func append(_ id: UInt32, end: Int, traits: UInt8 = 0) {
    if let last = ids.last, last >= id { isAscending = false }
    // An arena beyond 4 GiB is refused at the end.
    ends.append(UInt32(truncatingIfNeeded: end))
    ids.append(id)
    self.traits.append(traits)
  }

  /// A token as `append` takes it.
  struct Entry {
    var id: UInt32 = 0
    var end: UInt32 = 0
    var traits: UInt8 = 0
  }

  /// Notes several tokens, in the order in which they follow each other.
  mutating func append(_ entries: Span<Entry>) {
    var last = ids.last.map(Int.init) ?? -1
    for index in entries.indices {
      if last >= Int(entries[index].id) { isAscending = false }
      last = Int(entries[index].id)
    }
    ends.append(addingCapacity: entries.count) { ends in
      for index in entries.indices { ends.append(entries[index].end) }
    }
    ids.append(addingCapacity: entries.count) { ids in
      for index in entries.indices { ids.append(entries[index].id) }
    }
    traits.append(addingCapacity: entries.count) { traits in
      for index in entries.indices { traits.append(entries[index].traits) }
    }
  }

  /// The vocabulary; `traits` are then in the order of its ids.
  mutating func vocabulary() throws(VocabularyError) -> Vocabulary {
    guard UInt32(exactly: arena.count) != nil else { throw .tooLarge }
    if !isAscending { sort() }
    return try Vocabulary(arena: arena, offsets: ends, ids: ids)
  }

  /// Brings all tokens into the order of their ids.
  private mutating func sort() {
    let order = ids.indices.sorted { (ids[$0], $0) < (ids[$1], $1) }
    var sorted = TokenCollector(reserving: order.count)
    sorted.arena.reserveCapacity(arena.count)
    for index in order {
      sorted.arena += arena[Int(ends[index])..<Int(ends[index + 1])]
      sorted.append(ids[index], end: sorted.arena.count, traits: traits[index])
    }
    self = sorted
  }
}
