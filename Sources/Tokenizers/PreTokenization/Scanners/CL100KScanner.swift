extension ScannedText {
  /// The end of the pre-token of cl100k's pattern that begins at `start`:
  ///
  ///     '(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+
  ///       |\s++\z|\s*[\r\n]|\s+(?!\S)|\s
  @inline(__always)
  func endOfCL100KPreToken(from start: Int) -> Int {
    unsafe endOfCL100KPreToken(from: start, digits: 3, keepsFinalSpaces: true)
  }

  /// The end of the pre-token of llama3's pattern that begins at `start`, which differs from cl100k's in
  /// white space at the end of the text: `\s*[\r\n]+` comes first there too.
  @inline(__always)
  func endOfLlama3PreToken(from start: Int) -> Int {
    unsafe endOfCL100KPreToken(from: start, digits: 3, keepsFinalSpaces: false)
  }

  /// The end of the pre-token of qwen2's pattern that begins at `start`: llama3's, but each digit alone.
  @inline(__always)
  func endOfQwen2PreToken(from start: Int) -> Int {
    unsafe endOfCL100KPreToken(from: start, digits: 1, keepsFinalSpaces: false)
  }

  /// What the three have in common.
  ///
  /// - Parameters:
  ///   - digits: The most digits that stand together.
  ///   - keepsFinalSpaces: Whether a run of white space that ends the text is one pre-token even if a line
  ///     ends in it.
  @inline(__always)
  private func endOfCL100KPreToken(from start: Int, digits: Int, keepsFinalSpaces: Bool) -> Int {
    let (classes, length) = unsafe character(at: start)
    if classes.contains(.letter) { return unsafe endOfRun(of: .letter, from: start &+ length) }
    if classes == .number { return unsafe endOfDigits(from: start, atMost: digits) }
    let first = unsafe bytes[start]
    if first == UInt8(ascii: "'"),
      let end = unsafe endOfContraction(at: start, ignoresCase: true)
    {
      return end
    }
    let next = start &+ length
    if classes != .lineEnd, unsafe next < count {
      let following = unsafe character(at: next)
      // A visible character or a space before letters goes with them.
      if following.classes.contains(.letter) {
        return unsafe endOfRun(of: .letter, from: next &+ following.length)
      }
      if first == UInt8(ascii: " "), following.classes.contains(.other) {
        let end = unsafe endOfRun(of: .other, from: next &+ following.length)
        return unsafe endOfRun(of: .lineEnd, from: end)
      }
    }
    if classes.contains(.other) {
      let end = unsafe endOfRun(of: .other, from: next)
      return unsafe endOfRun(of: .lineEnd, from: end)
    }
    let run = unsafe whiteSpaceRun(from: start)
    if let lineEnd = run.lineEnd, unsafe !keepsFinalSpaces || run.end < count { return lineEnd }
    return unsafe endOfSpaces(run, from: start)
  }

  /// The end of at most so many digits: `\p{N}{1,3}+` for three.
  @inline(__always)
  func endOfDigits(from start: Int, atMost most: Int = 3) -> Int {
    var position = start
    for _ in 0..<most {
      guard unsafe position < count else { break }
      let (classes, length) = unsafe character(at: position)
      if classes != .number { break }
      position &+= length
    }
    return position
  }
}
