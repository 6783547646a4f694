extension ScannedText {
  /// The end of the pre-token of o200k's pattern that begins at `start`:
  ///
  ///     [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|…)?
  ///       |[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|…)?
  ///       |\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
  ///
  /// Both word alternatives are tried with the character before the word first, then, which only a
  /// mark allows, without: a mark can stand before a word and be a part of it.
  @inline(__always)
  func endOfO200KPreToken(from start: Int) -> Int {
    let (classes, length) = unsafe character(at: start)
    if classes == .number { return unsafe endOfDigits(from: start) }
    let next = start &+ length
    if classes.contains(.letter) {
      if let end = unsafe endOfWord(from: start) { return end }
    } else if classes != .lineEnd {
      if let end = unsafe endOfWord(from: next, orFrom: classes.contains(.upper) ? start : nil) {
        return end
      }
    }
    if classes.contains(.other) { return unsafe endOfSymbols(from: next) }
    if unsafe bytes[start] == UInt8(ascii: " "), unsafe next < count {
      let following = unsafe character(at: next)
      if following.classes.contains(.other) {
        return unsafe endOfSymbols(from: next &+ following.length)
      }
    }
    let run = unsafe whiteSpaceRun(from: start)
    return run.lineEnd ?? (unsafe endOfSpaces(run, from: start))
  }

  /// The rest of ` ?[^\s\p{L}\p{N}]+[\r\n/]*` after its first symbol.
  @inline(__always)
  private func endOfSymbols(from start: Int) -> Int {
    // A slash is a symbol too: after the first line end it goes on with the run.
    var position = unsafe endOfRun(of: .other, from: start)
    while unsafe position < count {
      let byte = unsafe bytes[position]
      guard byte == 0x0A || byte == 0x0D || byte == UInt8(ascii: "/") else { break }
      position &+= 1
    }
    return position
  }

  /// The end of the word at `start`, else of the one at `other`; nil if there is none at either.
  @inline(__always)
  private func endOfWord(from start: Int, orFrom other: Int? = nil) -> Int? {
    // First alternative at each place, then the second: the order of the expression.
    let (upperEnd, end) = unsafe endOfLowerWord(from: start)
    if let end { return unsafe withContraction(end) }
    if let other {
      let (otherUpperEnd, otherEnd) = unsafe endOfLowerWord(from: other)
      if let otherEnd { return unsafe withContraction(otherEnd) }
      if upperEnd == start, otherUpperEnd > other { return unsafe withContraction(otherUpperEnd) }
    }
    return upperEnd > start ? unsafe withContraction(upperEnd) : nil
  }

  /// The first word alternative, without what may stand before and after: the end of the letters
  /// that can begin a word, and of the whole if there are any that can end it.
  @inline(__always)
  private func endOfLowerWord(from start: Int) -> (upperEnd: Int, end: Int?) {
    var position = start
    // Where the last character of the run ended that is upper and lower at once, if one did.
    var neutralEnd: Int?
    var end = start
    while unsafe position < count {
      let (classes, length) = unsafe character(at: position)
      guard classes.contains(.upper) else {
        if classes.contains(.lower) { end = unsafe endOfRun(of: .lower, from: position &+ length) }
        break
      }
      position &+= length
      if classes.contains(.lower) { neutralEnd = position }
    }
    if end > position { return (position, end) }
    // Given back until one remains that can end a word: only that one, as no lower one follows it.
    return (position, neutralEnd)
  }

  @inline(__always)
  private func withContraction(_ end: Int) -> Int {
    if unsafe end < count, unsafe bytes[end] == UInt8(ascii: "'") {
      return unsafe endOfContraction(at: end, ignoresCase: true) ?? end
    }
    return end
  }
}
