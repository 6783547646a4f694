public import Tokenizers

/// Byte pair encoding as its definition reads: the oracle of the real encoder.
///
/// O(n²) with a dictionary look-up for each pair of each round.
public struct NaiveBPE {
  private var rankOfPair: [[TokenID]: Int] = [:]
  private var mergedOfPair: [[TokenID]: TokenID] = [:]
  private var idOfByte: [UInt8: TokenID] = [:]

  /// The same merges as `model`.
  public init(_ model: BPEModel) {
    for (rank, merge) in model.merges.enumerated() {
      rankOfPair[[merge.left, merge.right]] = rank
      mergedOfPair[[merge.left, merge.right]] = merge.merged
    }
    for byte in UInt8.min...UInt8.max { idOfByte[byte] = model.vocabulary.id(of: [byte]) }
  }

  /// The ids of one pre-token.
  public func encode(_ preToken: [UInt8]) -> [TokenID] {
    var ids = preToken.compactMap { idOfByte[$0] }
    while true {
      var best: (rank: Int, position: Int)?
      for position in ids.indices.dropLast() {
        if let rank = rankOfPair[[ids[position], ids[position + 1]]], rank < best?.rank ?? .max {
          best = (rank, position)
        }
      }
      guard let (_, position) = best else { return ids }
      let pair = [ids[position], ids[position + 1]]
      ids.replaceSubrange(position...position + 1, with: [mergedOfPair[pair] ?? 0])
    }
  }
}

/// BPE training as its rule reads: the oracle of the real trainer.
///
/// Every round counts all pairs of all words anew.
public struct NaiveTrainer {
  /// One learnt merge: ids in GPT-2's layout.
  public struct Merge: Hashable {
    /// The token on the left.
    public var left: Int
    /// The token on the right.
    public var right: Int

    /// A merge of these ids.
    public init(left: Int, right: Int) {
      self.left = left
      self.right = right
    }
  }

  /// Learns up to `mergeCount` merges from words and their frequencies.
  public static func train(
    _ words: [[UInt8]: Int], mergeCount: Int, minimumFrequency: Int
  ) -> [Merge] {
    var rows = words.map { word, count in
      (word.map { Int(ByteAlphabet.orderOfByte[Int($0)]) }, count)
    }
    var merges: [Merge] = []
    while merges.count < mergeCount {
      var counts: [Merge: Int] = [:]
      for (row, count) in rows {
        for (left, right) in zip(row, row.dropFirst()) {
          counts[Merge(left: left, right: right), default: 0] += count
        }
      }
      let best = counts.min { one, other in
        (-one.value, one.key.left, one.key.right) < (-other.value, other.key.left, other.key.right)
      }
      guard let best, best.value >= max(1, minimumFrequency) else { break }
      let merged = 256 + merges.count
      merges.append(best.key)
      rows = rows.map { (Self.replace(best.key, by: merged, in: $0.0), $0.1) }
    }
    return merges
  }

  private static func replace(_ pair: Merge, by merged: Int, in row: [Int]) -> [Int] {
    var output: [Int] = []
    var position = 0
    while position < row.count {
      if position + 1 < row.count, row[position] == pair.left, row[position + 1] == pair.right {
        output.append(merged)
        position += 2
      } else {
        output.append(row[position])
        position += 1
      }
    }
    return output
  }
}
