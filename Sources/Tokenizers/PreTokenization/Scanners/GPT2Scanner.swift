extension ScannedText {
  /// The end of the pre-token of GPT-2's pattern that begins at `start`:
  ///
  ///     '(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++\z|\s+(?!\S)|\s
  @inline(__always)
  func endOfGPT2PreToken(from start: Int) -> Int {
    var (classes, length) = unsafe character(at: start)
    let first = unsafe bytes[start]
    if first == UInt8(ascii: "'"),
      let end = unsafe endOfContraction(at: start, ignoresCase: false)
    {
      return end
    }
    var position = start
    if first == UInt8(ascii: " "), unsafe start &+ 1 < count {
      // A space goes with what follows it, unless that is white space too.
      let next = unsafe character(at: start &+ 1)
      if next.classes.rawValue & SplitClass.whiteSpace.rawValue == 0 {
        position = start &+ 1
        (classes, length) = next
      }
    }
    let kind = classes.intersection([.letter, .number, .other])
    if kind.rawValue != 0 { return unsafe endOfRun(of: kind, from: position &+ length) }
    return unsafe endOfSpaces(whiteSpaceRun(from: start), from: start)
  }
}
