/// Bytes with each ill-formed sequence replaced by U+FFFD, and the way back to the original
/// offsets.
///
/// A pre-tokenizer runs on the repaired bytes, where a bad sequence is a character of class
/// "other"; its ends, mapped back, cut the original bytes, of which none is lost:
///
///     let repaired = RepairedText(repairing: bytes.span)
///     try splitter.appendEnds(of: repaired.bytes.span, from: 0, limit: .max, to: &ends)
///     repaired.mapToOriginal(&ends[...])
public struct RepairedText: Hashable, Sendable {
  /// Valid UTF-8: the text with each maximal bad sequence replaced by U+FFFD (the policy
  /// "replace").
  public let bytes: [UInt8]

  /// After each replacement, the offsets where the two texts go on together.
  private var repairedEnds: [Int] = []
  private var originalEnds: [Int] = []

  /// How many bad sequences were replaced.
  public var replacementCount: Int { repairedEnds.count }

  /// Replaces every maximal ill-formed sequence of `original`.
  ///
  /// - Complexity: O(*n*).
  public init(repairing original: Span<UInt8>) {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(original.count)
    var position = 0
    while let bad = UTF8Validation.firstInvalidSequence(in: original, from: position) {
      Self.append(original, position..<bad.lowerBound, to: &bytes)
      bytes.append(0xEF)
      bytes.append(0xBF)
      bytes.append(0xBD)
      position = bad.upperBound
      repairedEnds.append(bytes.count)
      originalEnds.append(position)
    }
    Self.append(original, position..<original.count, to: &bytes)
    self.bytes = bytes
  }

  /// The offset in the original text of an offset between two scalars of the repaired one.
  ///
  /// - Complexity: O(log *k*) in the number of replacements.
  public func originalOffset(of offset: Int) -> Int {
    var low = 0
    var high = repairedEnds.count
    while low < high {
      let middle = (low + high) / 2
      if repairedEnds[middle] <= offset { low = middle + 1 } else { high = middle }
    }
    return mapped(offset, after: low)
  }

  /// Replaces ascending offsets of the repaired text by those of the original.
  ///
  /// - Complexity: O(log *k* + *n* + *m*) for *n* offsets that pass *m* of *k* replacements.
  public func mapToOriginal(_ offsets: inout ArraySlice<Int>) {
    guard let first = offsets.first, !repairedEnds.isEmpty else { return }
    var passed = 0
    var high = repairedEnds.count
    while passed < high {
      let middle = (passed + high) / 2
      if repairedEnds[middle] <= first { passed = middle + 1 } else { high = middle }
    }
    for index in offsets.indices {
      let offset = offsets[index]
      while passed < repairedEnds.count, repairedEnds[passed] <= offset { passed += 1 }
      offsets[index] = mapped(offset, after: passed)
    }
  }

  /// Maps an offset that `count` replacements end before.
  private func mapped(_ offset: Int, after count: Int) -> Int {
    let original =
      count == 0 ? offset : originalEnds[count - 1] + (offset - repairedEnds[count - 1])
    // An offset inside of a replacement has no counterpart: never past the bad sequence.
    return count < originalEnds.count ? min(original, originalEnds[count]) : original
  }

  private static func append(_ source: Span<UInt8>, _ range: Range<Int>, to bytes: inout [UInt8]) {
    // The range was found inside of `source`, and the pointer is not kept.
    unsafe source.withUnsafeBufferPointer { buffer in
      unsafe bytes.append(contentsOf: UnsafeBufferPointer(rebasing: buffer[range]))
    }
  }
}
