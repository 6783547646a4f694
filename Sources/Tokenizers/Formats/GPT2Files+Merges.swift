extension GPT2Files {
  /// Reads `merges.txt`: lines in the usual spelling as `MergeLines` has read them, any other by `readMerge`.
  static func readMerges(
    _ file: [UInt8], _ known: MergeLines, _ vocabulary: Vocabulary
  ) throws(FormatError) -> [BPEModel.Merge] {
    var merges = known.merges(in: vocabulary) ?? []
    var lines = LineReader(file)
    // A token that is not there: `readMerge` says which.
    if !merges.isEmpty { lines.resume(at: known.end, behind: known.lineCount) }
    var bytes: [UInt8] = []
    while let (line, number) = lines.next() {
      let text = file.span.extracting(line)
      if text.isEmpty || number == 1 && MergeLines.isVersion(text) { continue }
      merges.append(try readMerge(text, number, vocabulary, &bytes))
    }
    return merges
  }

  /// Reads one merge; `bytes` is scratch memory.
  private static func readMerge(
    _ line: Span<UInt8>, _ number: Int, _ vocabulary: Vocabulary, _ bytes: inout [UInt8]
  ) throws(FormatError) -> BPEModel.Merge {
    func fail(_ message: String) -> FormatError {
      FormatError(place: .line(number), message: message)
    }
    var space: Int?
    for position in line.indices where line[position] == 0x20 {
      if space != nil { throw fail("two tokens separated by one space expected, more fields met") }
      space = position
    }
    guard let space, space > 0, space < line.count - 1 else {
      throw fail("two tokens separated by one space expected")
    }
    guard UTF8Validation.isValid(line) else { throw fail("the line is not valid UTF-8") }
    bytes.removeAll(keepingCapacity: true)
    let left = 0..<space
    let right = space + 1..<line.count
    guard decodeSpelling(line.extracting(left), into: &bytes).isSpelled else {
      throw fail("'\(line.string(in: left))' holds a character that stands for no byte")
    }
    let middle = bytes.count
    guard decodeSpelling(line.extracting(right), into: &bytes).isSpelled else {
      throw fail("'\(line.string(in: right))' holds a character that stands for no byte")
    }
    let joined = bytes.span
    guard let leftID = vocabulary.id(of: joined.extracting(0..<middle)) else {
      throw fail("the token '\(line.string(in: left))' is not in the vocabulary")
    }
    guard let rightID = vocabulary.id(of: joined.extracting(middle..<joined.count)) else {
      throw fail("the token '\(line.string(in: right))' is not in the vocabulary")
    }
    guard let merged = vocabulary.id(of: joined) else {
      throw fail(
        "'\(line.string(in: left))' and '\(line.string(in: right))' make a token that is not in the"
          + " vocabulary")
    }
    return BPEModel.Merge(left: leftID, right: rightID, merged: merged)
  }
}
