public import Tokenizers

/// BPE training with each tie rule as it reads: the oracle of the real trainer.
///
/// Tokens are their bytes. Every round counts all pairs of all rows anew.
public struct NaiveTieTrainer {
  /// The tokens of a pre-token and how often it occurs; in the order in which pre-tokens were met first.
  public typealias Row = (tokens: [[UInt8]], count: Int)

  /// What decides between pairs of the same count.
  public var ties: TieRule
  /// Pairs that occur less often are not merged.
  public var minimumFrequency = 0
  /// No token of more bytes is made.
  public var maximumTokenLength = Int.max
  /// Tokens that there are already, in the order of their ids; no merge makes one of them.
  public var tokens = ByteAlphabet.bytesInOrder.map { [$0] }

  /// A trainer with this rule.
  public init(ties: TieRule) { self.ties = ties }

  /// Learns up to `mergeCount` merges: left and right token of each.
  public func train(_ rows: [Row], mergeCount: Int) -> [[[UInt8]]] {
    var rows = rows
    var ids: [[UInt8]: Int] = [:]
    for token in tokens { ids[token] = ids.count }
    var merges: [[[UInt8]]] = []
    while merges.count < mergeCount {
      var counts: [[[UInt8]]: (count: Int, first: Int)] = [:]
      var place = 0
      for (row, count) in rows {
        for (left, right) in zip(row, row.dropFirst()) {
          counts[[left, right], default: (0, place)].count += count
          place += 1
        }
      }
      let allowed = counts.filter { pair, _ in
        let joined = pair[0] + pair[1]
        return joined.count <= maximumTokenLength && ids[joined] == nil
      }
      let best = allowed.min { one, other in
        if one.value.count != other.value.count { return one.value.count > other.value.count }
        switch ties {
        case .huggingface:
          let left = (ids[one.key[0]] ?? -1, ids[one.key[1]] ?? -1)
          return left < (ids[other.key[0]] ?? -1, ids[other.key[1]] ?? -1)
        case .firstSeen:
          return one.value.first < other.value.first
        case .largest:
          return one.key[0] != other.key[0]
            ? other.key[0].lexicographicallyPrecedes(one.key[0])
            : other.key[1].lexicographicallyPrecedes(one.key[1])
        }
      }
      guard let best, best.value.count >= max(1, minimumFrequency) else { break }
      merges.append(best.key)
      ids[best.key[0] + best.key[1]] = ids.count
      rows = rows.map { (Self.replace(best.key, in: $0.tokens), $0.count) }
    }
    return merges
  }

  /// Every occurrence of a pair, from left to right, as one token.
  public static func replace(_ pair: [[UInt8]], in row: [[UInt8]]) -> [[UInt8]] {
    var output: [[UInt8]] = []
    var position = 0
    while position < row.count {
      if position + 1 < row.count, row[position] == pair[0], row[position + 1] == pair[1] {
        output.append(pair[0] + pair[1])
        position += 2
      } else {
        output.append(row[position])
        position += 1
      }
    }
    return output
  }
}

/// Training as minbpe does it, after its published description (its README and lecture): minbpe is not on
/// PyPI, so that this stands for the program itself.
///
/// The text is a list of chunks, each a list of bytes, as often as it occurs. Each round goes over all chunks
/// in order and counts pairs of neighbours in a dictionary that remembers the order of insertion; the
/// highest count wins, and of equal ones the one that was inserted first, since Python's `max` keeps the first.
public enum MinbpeOracle {
  /// Learns up to `mergeCount` merges: left and right token of each, as bytes.
  public static func train(_ chunks: [[UInt8]], mergeCount: Int) -> [[[UInt8]]] {
    var chunks = chunks.map { $0.map { [$0] } }
    var merges: [[[UInt8]]] = []
    for _ in 0..<mergeCount {
      var inserted: [[[UInt8]]] = []
      var counts: [[[UInt8]]: Int] = [:]
      for chunk in chunks {
        for (left, right) in zip(chunk, chunk.dropFirst()) {
          if counts[[left, right]] == nil { inserted.append([left, right]) }
          counts[[left, right], default: 0] += 1
        }
      }
      guard var best = inserted.first else { break }
      for pair in inserted where counts[pair, default: 0] > counts[best, default: 0] {
        best = pair
      }
      merges.append(best)
      chunks = chunks.map { NaiveTieTrainer.replace(best, in: $0) }
    }
    return merges
  }
}
