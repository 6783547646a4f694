/// The bytes of all tokens that training knows, by number: what ties and limits are decided by.
final class TrainingTokens {
  private var arena: [UInt8] = []
  private var offsets: [Int] = [0]
  /// Tokens that a merge must not make a second time, if there may be such.
  private var known: Set<[UInt8]>?

  /// The tokens that training begins with, in the order of their numbers.
  ///
  /// - Parameter refusesKnown: Whether merges may come upon tokens that are there already. Merges learnt
  ///   from bytes never do; those that extend a vocabulary may.
  init(_ tokens: [[UInt8]], refusesKnown: Bool) {
    for token in tokens {
      arena += token
      offsets.append(arena.count)
    }
    known = refusesKnown ? Set(tokens) : nil
  }

  var count: Int { offsets.count - 1 }

  func length(_ token: UInt32) -> Int { offsets[Int(token) + 1] - offsets[Int(token)] }

  func bytes(_ token: UInt32) -> [UInt8] {
    Array(arena[offsets[Int(token)]..<offsets[Int(token) + 1]])
  }

  /// Adds the token that joins these two.
  func append(_ left: UInt32, _ right: UInt32) {
    let joined = bytes(left) + bytes(right)
    arena += joined
    offsets.append(arena.count)
    known?.insert(joined)
  }

  /// Whether a token of the same bytes as these two is there already.
  func isKnown(_ left: UInt32, _ right: UInt32) -> Bool {
    known?.contains(bytes(left) + bytes(right)) ?? false
  }

  /// The first eight bytes as a number that orders as they do, zeros where there are none.
  func prefix(_ token: UInt32) -> UInt64 {
    var value: UInt64 = 0
    for index in 0..<8 {
      let offset = offsets[Int(token)] + index
      value = value << 8 | (offset < offsets[Int(token) + 1] ? UInt64(arena[offset]) : 0)
    }
    return value
  }

  /// Whether one token comes before another in the order of their bytes.
  func precedes(_ one: UInt32, _ other: UInt32) -> Bool {
    arena[offsets[Int(one)]..<offsets[Int(one) + 1]].lexicographicallyPrecedes(
      arena[offsets[Int(other)]..<offsets[Int(other) + 1]])
  }
}
