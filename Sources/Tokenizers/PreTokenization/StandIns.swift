/// Makes text that PCRE2's own classes may run on out of text with unsettled scalars: each of them gives its
/// place to a settled one of the same class of Unicode 16.0 and of the same length in UTF-8.
///
/// An expression that tells scalars beyond ASCII apart by pinned classes only
/// (`RewrittenExpression.seesOnlyClasses`) cannot tell the two apart, wherever it looks from and however far.
/// So its pinned form has the same matches, at the same offsets, on both texts; and on the second, which is
/// settled, they are those of PCRE2's own classes.
enum StandIns {
  /// `text` with a stand-in for each unsettled scalar, of which the first begins at `first`; nil if there is
  /// one that none can stand in for.
  ///
  /// - Complexity: O(*n*).
  static func replace(in text: Span<UInt8>, from first: Int) -> [UInt8]? {
    var copy = text.array(in: 0..<text.count)
    var position = first
    while position < text.count {
      let sequence = text.utf8Sequence(at: position)
      let scalarClass = ScalarClass(sequence.scalar)
      // What 16.0 does not know an older library does not know either.
      let isKept = scalarClass.category == .unassigned && PCRE2Pattern.libraryUnicodeMajor <= 16
      if !isKept {
        guard let standIn = table[index(scalarClass, sequence.length)] else { return nil }
        for offset in 0..<sequence.length { copy[position + offset] = standIn[offset] }
      }
      position = text.nextUnsettled(in: position + sequence.length..<text.count)
    }
    return copy
  }

  /// Bytes of a scalar; those behind its own are 0.
  typealias Sequence = SIMD4<UInt8>

  /// The stand-in of each category and length; nil where there is none.
  static let table: [Sequence?] = {
    var table = [Sequence?](repeating: nil, count: 32 * 3)
    for run in ScalarSet.runs where run.first >= 0x80 && !run.scalarClass.isUnsettled {
      // No unsettled scalar is white space, so none needs one that is.
      if run.scalarClass.isWhiteSpace { continue }
      for value in run.first...run.last {
        guard let scalar = Unicode.Scalar(value) else { continue }
        let bytes = Array(String(Character(scalar)).utf8)
        let index = index(run.scalarClass, bytes.count)
        // Not the Kelvin sign, nor the long s, which match letters of ASCII without regard to case.
        if table[index] != nil || scalar.properties.changesWhenCaseMapped { break }
        var sequence = Sequence.zero
        for (offset, byte) in bytes.enumerated() { sequence[offset] = byte }
        table[index] = sequence
      }
    }
    return table
  }()

  /// The place in the table, for a scalar beyond ASCII.
  static func index(_ scalarClass: ScalarClass, _ length: Int) -> Int {
    Int(scalarClass.category.rawValue) * 3 + length - 2
  }
}
