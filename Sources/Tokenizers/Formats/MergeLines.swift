/// The lines of `merges.txt` that are in the usual spelling, up to the first that is not, read before the
/// vocabulary is known. A start-up waits for both files, and reads them at the
/// same time.
struct MergeLines: Sendable {
  private struct Line {
    /// Where its tokens lie, one behind the other.
    var start: UInt32
    /// How many bytes the token on the left has, and how many both have.
    var left: UInt16
    var length: UInt16
  }

  private var lines: [Line] = []
  /// The bytes of all tokens, and at least 16 more.
  private var tokens: [UInt8] = []
  /// Behind the last line that was read.
  private(set) var end = 0
  /// How many lines there are up to `end`, that with the version among them.
  private(set) var lineCount = 0

  private static let version = Array("#version".utf8)

  /// None.
  init() {}

  /// Whether the first line of a file says the version.
  static func isVersion(_ line: Span<UInt8>) -> Bool {
    line.count >= 8 && line.extracting(first: 8).elementsEqual(version.span)
  }

  /// Reads lines in the usual spelling.
  ///
  /// - Complexity: O(*n*), and about three times the memory of the file.
  init(_ file: [UInt8]) {
    var reader = LineReader(file)
    end = reader.position
    if let first = reader.next(), Self.isVersion(file.span.extracting(first.line)) {
      end = reader.position
      lineCount = 1
    }
    // A token takes no more bytes than its spelling; offsets have 32 bits.
    guard file.count < 1 << 31 else { return }
    let room = file.count + ByteLevelReader.longestToken
    tokens = unsafe [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
      guard let base = buffer.baseAddress else { return }
      count = unsafe read(file, to: base)
      // Those behind the last token that may be read.
      unsafe (base + count).initialize(repeating: 0, count: 16)
      count += 16
    }
  }

  /// Reads lines, and writes their tokens to `tokens`, which has room for as many bytes as the file has and
  /// `longestToken` more.
  ///
  /// - Returns: How many bytes were written.
  private mutating func read(_ file: [UInt8], to tokens: UnsafeMutablePointer<UInt8>) -> Int {
    var count = 0
    ByteLevelReader.with(file.span) { reader in
      // GPT-2's lines have nine bytes.
      lines.reserveCapacity(file.count / 8)
      while let line = unsafe reader.line(at: end, tokens: tokens + count) {
        lines.append(
          Line(
            start: UInt32(truncatingIfNeeded: count), left: UInt16(truncatingIfNeeded: line.left),
            length: UInt16(truncatingIfNeeded: line.length)))
        count += line.length
        end = line.end
        lineCount += 1
      }
    }
    return count
  }

  /// The merges that the lines say; nil if some token is not in the vocabulary.
  func merges(in vocabulary: Vocabulary) -> [BPEModel.Merge]? {
    // A thread for some thousand lines.
    let parts = min(4, lines.count / 8192 + 1)
    var isComplete = true
    let merges = unsafe [BPEModel.Merge](unsafeUninitializedCapacity: lines.count) {
      merges, count in
      unsafe HugePages.populate(UnsafeMutableRawBufferPointer(merges))
      let room = unsafe Room(merges: merges.baseAddress)
      let found = ParallelWork.map(parts) { part in
        let range = lines.count * part / parts..<lines.count * (part + 1) / parts
        // Each part has lines of its own.
        return unsafe room.merges.map { unsafe find(range, vocabulary, $0) } ?? lines.isEmpty
      }
      isComplete = found.allSatisfy { $0 }
      // Else not all of them are there.
      count = isComplete ? lines.count : 0
    }
    return isComplete ? merges : nil
  }

  /// Carries the address of the merges into the threads, each of which writes others.
  @unsafe private struct Room: @unchecked Sendable {
    let merges: UnsafeMutablePointer<BPEModel.Merge>?
  }

  /// Lines whose slots of the index are asked for before the tokens of the first are looked up.
  private static var batch: Int { 16 }

  /// Writes the merges of some lines to their places in `merges`; false if some token is not there.
  private func find(
    _ range: Range<Int>, _ vocabulary: Vocabulary, _ merges: UnsafeMutablePointer<BPEModel.Merge>
  ) -> Bool {
    // Files are written in the order in which tokens were made: the next one is likely to be made next.
    var expected = range.lowerBound + 256
    let list = vocabulary.tokens
    return unsafe list.withLookup { lookup in
      unsafe tokens.withUnsafeBufferPointer { tokens in
        unsafe lines.withUnsafeBufferPointer { lines in
          guard let tokens = tokens.baseAddress, let lines = lines.baseAddress else { return true }
          // In bounds: of lines only those of the range; tokens have 16 bytes behind them.
          var hashes = [16 of (UInt64, UInt64)](repeating: (0, 0))
          for start in stride(from: range.lowerBound, to: range.upperBound, by: Self.batch) {
            let end = min(range.upperBound, start + Self.batch)
            for line in start..<end {
              let (first, left) = unsafe (tokens + Int(lines[line].start), Int(lines[line].left))
              let right = unsafe Int(lines[line].length) - left
              let pair = unsafe (
                TokenHash(padded: first, left).value, TokenHash(padded: first + left, right).value
              )
              unsafe lookup.prefetch(pair.0)
              unsafe lookup.prefetch(pair.1)
              hashes[line - start] = pair
            }
            for line in start..<end {
              let merge = unsafe Self.merge(
                lines[line], hashes[line - start], tokens, lookup, list, &expected)
              guard let merge else { return false }
              unsafe (merges + line).initialize(to: merge)
            }
          }
          return true
        }
      }
    }
  }

  /// The merge that a line says, the tokens' hashes known; nil if one of them is not in the vocabulary.
  ///
  /// - Parameter expected: Position of the token that the merge likely makes; set to the next one.
  @inline(__always)
  private static func merge(
    _ line: Line, _ hashes: (left: UInt64, right: UInt64), _ tokens: UnsafePointer<UInt8>,
    _ lookup: TokenIndexStorage.Lookup, _ list: TokenList, _ expected: inout Int
  ) -> BPEModel.Merge? {
    let start = unsafe tokens + Int(line.start)
    let middle = Int(line.left)
    let length = Int(line.length)
    guard let left = unsafe lookup.position(ofPadded: start, count: middle, hash: hashes.left),
      let right = unsafe lookup.position(
        ofPadded: start + middle, count: length - middle, hash: hashes.right)
    else { return nil }
    var merged = expected
    if unsafe merged >= list.ids.count || !lookup.isToken(at: merged, padded: start, length) {
      guard let found = unsafe lookup.position(of: start, count: length) else { return nil }
      merged = found
    }
    expected = merged + 1
    return BPEModel.Merge(
      left: TokenID(list.ids[left]), right: TokenID(list.ids[right]),
      merged: TokenID(list.ids[merged]))
  }
}
