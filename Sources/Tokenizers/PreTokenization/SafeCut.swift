/// Where a text may be cut so that the pre-tokens of the two parts are those of the whole.
///
/// A cut at offset *c* is safe if the pre-tokens before *c* are those that the first part alone
/// has, and those after *c* those of the rest alone, whatever follows. The searches work on raw
/// bytes, of which a maximal ill-formed sequence counts as a character that is neither white space
/// nor letter nor number.
///
///     let cut = pattern.safeCuts.lastSafeCut(in: buffer.span)
///
/// Why the cuts are safe. No named pattern looks behind, so the pre-tokens from *c* on depend on
/// what comes from *c* on, if a pre-token begins at *c* at all. That is so where no match can hold
/// the two characters around *c* side by side. It remains that the matches before *c* do not change
/// when the text ends at *c*: only `\z` and `(?!\S)` look beyond a match, both behind a run of
/// white space, and contractions, which hold no white space.
///
/// 1. *Before white space other than CR and LF, after anything else* (all named patterns). No
///    alternative goes on from a visible character to white space, except punctuation to CR and LF.
///    The part before ends with a visible character, so that its runs of white space end inside of
///    it.
/// 2. *Before CR or LF, after a visible character* (GPT-2). As 1, since its punctuation takes no
///    line ends.
/// 3. *Before CR or LF, after a letter or number* (cl100k, llama3, qwen2, o200k). As 1: only ` ?[^\s\p{L}\p{N}]+`
///    takes line ends, and what stands before those is never a letter or number (it is such a
///    character or, in o200k, a slash or another line end).
/// 4. *After CR or LF, before a visible character* (cl100k, llama3, qwen2; o200k except before a slash). No
///    alternative goes on from CR or LF to a visible character, but o200k's `[\r\n/]*`. What
///    punctuation has not taken of the run of white space that ends at *c* is matched as a whole by
///    `\s*[\r\n]` in cl100k, `\s*[\r\n]+` in the others, and by `\s++\z` or the same when the text ends
///    at *c*: one pre-token both times. (GPT-2's `\s+(?!\S)` would leave the last line end to
///    itself.)
public enum SafeCutRule: Hashable, Sendable {
  /// Nowhere that is known: a text must be split whole.
  case nowhere
  /// Before white space other than CR and LF that follows none, and at line ends as given.
  case whiteSpace(lineEnds: LineEndCuts)
  /// Before CR or LF that follows no white space: a grapheme cluster always ends there.
  case lineEnds
  /// Between any two scalars.
  case everywhere

  /// Where text may be cut around CR and LF.
  public enum LineEndCuts: Hashable, Sendable {
    /// Before a line end that follows no white space (GPT-2).
    case afterVisible
    /// Before a line end that follows a letter or number, and after one before no white space
    /// (cl100k, llama3, qwen2).
    case afterLettersAndBeforeVisible
    /// The same, but not before a slash (o200k).
    case afterLettersAndBeforeVisibleButSlash
  }

  /// How many bytes on either side decide whether an offset is a safe cut.
  ///
  /// Who grows a buffer in which no cut was found searches on with `notBefore: oldCount - reach`,
  /// and so looks at each byte once.
  public static let reach = 4

  /// The largest safe cut `c` with `notBefore <= c <= notAfter` and `0 < c < bytes.count`.
  ///
  /// The end of `bytes` is not taken for the end of the text: no cut depends on bytes that are yet
  /// to come.
  ///
  /// - Complexity: O(*n*) from `notAfter` back to the cut or `notBefore`.
  public func lastSafeCut(
    in bytes: Span<UInt8>, notBefore: Int = 0, notAfter: Int = .max
  ) -> Int? {
    if self == .nowhere { return nil }
    var offset = min(notAfter, bytes.count - 1)
    let first = max(notBefore, 1)
    while offset >= first {
      if isSafe(offset, in: bytes) { return offset }
      offset -= 1
    }
    return nil
  }

  /// The smallest safe cut `c` with `notBefore <= c <= notAfter` and `0 < c < bytes.count`.
  ///
  /// - Complexity: O(*n*) from `notBefore` up to the cut or `notAfter`.
  public func firstSafeCut(
    in bytes: Span<UInt8>, notBefore: Int = 0, notAfter: Int = .max
  ) -> Int? {
    if self == .nowhere { return nil }
    var offset = max(notBefore, 1)
    let last = min(notAfter, bytes.count - 1)
    while offset <= last {
      if isSafe(offset, in: bytes) { return offset }
      offset += 1
    }
    return nil
  }

  /// A safe cut at or before `offset`, else the first one after it, for work that is shared among
  /// threads.
  ///
  /// - Parameter limits: The cut lies within these offsets, both included.
  /// - Complexity: O(*n*) in the distance to the cut, or in the length of `limits`.
  public func safeCut(
    in bytes: Span<UInt8>, near offset: Int, within limits: ClosedRange<Int>
  ) -> Int? {
    lastSafeCut(in: bytes, notBefore: limits.lowerBound, notAfter: min(offset, limits.upperBound))
      ?? firstSafeCut(
        in: bytes, notBefore: max(limits.lowerBound, min(offset, .max - 1) + 1),
        notAfter: limits.upperBound)
  }

  /// Cuts `bytes` at safe places into at most `count` parts of about the same length, in order.
  func divide(_ bytes: Span<UInt8>, into count: Int) -> [Range<Int>] {
    var parts: [Range<Int>] = []
    var start = 0
    for index in 1..<max(1, count) {
      let wished = bytes.count / count * index
      guard wished > start else { continue }
      if let cut = safeCut(in: bytes, near: wished, within: start + 1...bytes.count) {
        parts.append(start..<cut)
        start = cut
      }
    }
    if start < bytes.count { parts.append(start..<bytes.count) }
    return parts
  }

  /// What the rules tell apart.
  private enum Kind { case space, lineEnd, letterOrNumber, slash, visible, unknown }

  @inline(__always)
  private func isSafe(_ offset: Int, in bytes: Span<UInt8>) -> Bool {
    switch self {
    case .nowhere: false
    case .whiteSpace(let lineEnds): Self.isSafe(offset, in: bytes, lineEnds)
    // A byte that goes on with no sequence begins one, or is a bad one by itself.
    case .everywhere: bytes[offset] & 0xC0 != 0x80
    case .lineEnds:
      (bytes[offset] == 0x0A || bytes[offset] == 0x0D)
        && Self.isSafeInFull(offset, in: bytes, .afterVisible)
    }
  }

  @inline(__always)
  private static func isSafe(
    _ offset: Int, in bytes: Span<UInt8>, _ lineEnds: LineEndCuts
  ) -> Bool {
    let byte = bytes[offset]
    let previous = bytes[offset - 1]
    if byte | previous < 0x80 { return isSafeInASCII(previous, byte, lineEnds) }
    if previous != 0x0A, previous != 0x0D, byte > 0x20 {
      // Most places lie between visible characters: white space beyond ASCII begins with few pairs of
      // bytes, U+0085, U+00A0, U+1680, U+2000 to U+205F and U+3000.
      guard byte == 0xC2 || (byte >= 0xE1 && byte <= 0xE3) else { return false }
      if offset + 1 < bytes.count {
        switch (byte, bytes[offset + 1]) {
        case (0xC2, 0x85), (0xC2, 0xA0), (0xE1, 0x9A), (0xE2, 0x80), (0xE2, 0x81), (0xE3, 0x80):
          break
        default: return false
        }
      }
    } else if byte & 0xC0 == 0x80 {
      return false  // Inside of a sequence, or a stray byte: left alone.
    }
    return isSafeInFull(offset, in: bytes, lineEnds)
  }

  /// Between two characters of ASCII: long runs of them are searched where texts have no cut.
  @inline(__always)
  private static func isSafeInASCII(
    _ previous: UInt8, _ byte: UInt8, _ lineEnds: LineEndCuts
  ) -> Bool {
    let previousIsLineEnd = previous == 0x0A || previous == 0x0D
    if byte == 0x0A || byte == 0x0D {
      if lineEnds == .afterVisible { return !isWhiteSpace(previous) }
      return previous &- 0x30 < 10 || (previous | 0x20) &- 0x61 < 26
    }
    if isWhiteSpace(byte) { return !isWhiteSpace(previous) }
    if !previousIsLineEnd || lineEnds == .afterVisible { return false }
    return byte != UInt8(ascii: "/") || lineEnds == .afterLettersAndBeforeVisible
  }

  @inline(__always)
  private static func isWhiteSpace(_ ascii: UInt8) -> Bool {
    ascii == 0x20 || ascii &- 0x09 < 5
  }

  private static func isSafeInFull(
    _ offset: Int, in bytes: Span<UInt8>, _ lineEnds: LineEndCuts
  ) -> Bool {
    let before = kind(endingAt: offset, in: bytes)
    switch kind(at: offset, in: bytes) {
    case .unknown: return false
    case .space: return before != .space && before != .lineEnd
    case .lineEnd:
      switch lineEnds {
      case .afterVisible: return before != .space && before != .lineEnd
      case .afterLettersAndBeforeVisible, .afterLettersAndBeforeVisibleButSlash:
        return before == .letterOrNumber
      }
    case .slash: return before == .lineEnd && lineEnds == .afterLettersAndBeforeVisible
    case .letterOrNumber, .visible: return before == .lineEnd && lineEnds != .afterVisible
    }
  }

  /// The character that begins at `offset`; unknown if more bytes could make it another.
  private static func kind(at offset: Int, in bytes: Span<UInt8>) -> Kind {
    let sequence = bytes.utf8Sequence(at: offset)
    switch sequence.kind {
    case .scalar: return kind(of: sequence.scalar)
    case .illFormed: return .visible
    case .incomplete: return .unknown
    }
  }

  /// The character that ends at `offset`, which is past 0 and where a sequence begins.
  private static func kind(endingAt offset: Int, in bytes: Span<UInt8>) -> Kind {
    var start = offset - 1
    // A lead byte is never taken into the sequence before it: the nearest one decides.
    while start > 0, offset - start < 4, bytes[start] & 0xC0 == 0x80 { start -= 1 }
    let sequence = bytes.utf8Sequence(at: start)
    guard sequence.kind == .scalar, start + sequence.length == offset else { return .visible }
    return kind(of: sequence.scalar)
  }

  private static func kind(of scalar: UInt32) -> Kind {
    switch scalar {
    case 0x0A, 0x0D: return .lineEnd
    case 0x2F: return .slash
    default:
      let scalarClass = ScalarClass(scalar)
      if scalarClass.isWhiteSpace { return .space }
      return scalarClass.isLetter || scalarClass.isNumber ? .letterOrNumber : .visible
    }
  }
}
