/// Writes pre-tokens in the order of their bytes, each as what it does not share with the one before.
///
/// A record is four or five numbers and bytes: how many bytes the pre-token shares with the one before, how
/// many follow, those, the count, and, where asked for, where it was met first. Numbers are LEB128: seven
/// bits a byte, the lowest first, the high bit set on all but the last. A record of no bytes ends the run.
struct PreTokenRunWriter {
  private let writesFirst: Bool
  private var previous: [UInt8] = []
  /// What was written and not taken yet.
  var buffer: [UInt8] = []
  private(set) var distinctCount = 0
  private(set) var totalCount = 0

  init(writesFirst: Bool) { self.writesFirst = writesFirst }

  /// Appends a pre-token, which comes after all before.
  mutating func append(
    _ preToken: Span<UInt8>, count: Int, first: Int
  ) throws(TrainingError) {
    let (total, overflow) = totalCount.addingReportingOverflow(count)
    if overflow { throw .countsTooLarge }
    var shared = 0
    let limit = min(previous.count, preToken.count)
    while shared < limit, previous[shared] == preToken[shared] { shared += 1 }
    Self.append(UInt64(shared), to: &buffer)
    Self.append(UInt64(preToken.count - shared), to: &buffer)
    previous.removeSubrange(shared...)
    for offset in shared..<preToken.count {
      buffer.append(preToken[offset])
      previous.append(preToken[offset])
    }
    Self.append(UInt64(count), to: &buffer)
    if writesFirst { Self.append(UInt64(first), to: &buffer) }
    distinctCount += 1
    totalCount = total
  }

  /// Appends the end of the run.
  mutating func finish() {
    buffer += [0, 0]
    previous = []
  }

  static func append(_ number: UInt64, to buffer: inout [UInt8]) {
    var rest = number
    while rest >= 0x80 {
      buffer.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    buffer.append(UInt8(rest))
  }
}

/// Reads a run of sorted pre-tokens, one after the other.
final class PreTokenRunReader {
  /// Gives the next bytes of the run; none at the end.
  private let refill: (inout [UInt8]) throws(TrainingError) -> Void
  private let readsFirst: Bool
  private var buffer: [UInt8] = []
  private var position = 0
  /// Of the bytes that have been taken.
  private var checksum = CRC64()
  private var offset = 0

  /// The pre-token read last.
  private(set) var preToken: [UInt8] = []
  /// How often it occurs.
  private(set) var count = 0
  /// Where it was met first.
  private(set) var first = 0
  /// How many pre-tokens were read.
  private(set) var distinctCount = 0
  /// How many, each as often as it occurs.
  private(set) var totalCount = 0

  init(
    readsFirst: Bool, refill: @escaping (inout [UInt8]) throws(TrainingError) -> Void
  ) {
    self.readsFirst = readsFirst
    self.refill = refill
  }

  /// Reads the next pre-token; false at the end of the run.
  func advance() throws(TrainingError) -> Bool {
    let shared = try number()
    let length = try number()
    if length == 0 {
      guard shared == 0 else { throw malformed("a pre-token repeats") }
      return false
    }
    guard shared <= preToken.count else {
      throw malformed("a pre-token shares more than there is")
    }
    // Sorted: the first byte that differs is larger, or there was none.
    let before = shared < preToken.count ? Int(preToken[shared]) : -1
    preToken.removeSubrange(shared...)
    try take(length)
    guard Int(preToken[shared]) > before else { throw malformed("pre-tokens are not in order") }
    count = try number()
    guard count > 0 else { throw malformed("a count is 0") }
    let (total, overflow) = totalCount.addingReportingOverflow(count)
    if overflow { throw .countsTooLarge }
    totalCount = total
    distinctCount += 1
    if readsFirst { first = try number() }
    return true
  }

  /// Reads a line, without its newline, if it begins with `start`.
  func line(startingWith start: [UInt8]) throws(TrainingError) -> [UInt8]? {
    var line: [UInt8] = []
    while true {
      if position == buffer.count {
        try refillBuffer()
        if buffer.isEmpty { return nil }
      }
      let byte = buffer[position]
      position += 1
      if line.count < start.count, byte != start[line.count] { return nil }
      if byte == 0x0A { return line }
      line.append(byte)
    }
  }

  /// Reads `length` bytes as they are.
  func bytes(_ length: Int) throws(TrainingError) -> [UInt8] {
    let saved = preToken
    preToken = []
    try take(length)
    defer { preToken = saved }
    return preToken
  }

  /// The checksum of all that has been read.
  func currentChecksum() -> UInt64 {
    takeChecksum()
    return checksum.value
  }

  /// Whether nothing is left to read.
  func isAtEnd() throws(TrainingError) -> Bool {
    if position < buffer.count { return false }
    try refillBuffer()
    return buffer.isEmpty
  }

  /// A number of at most 63 bits.
  func number() throws(TrainingError) -> Int {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      if position == buffer.count {
        try refillBuffer()
        if buffer.isEmpty { throw truncated() }
      }
      let byte = buffer[position]
      position += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { break }
      shift += 7
      if shift > 56 { throw malformed("a number is too large") }
    }
    return Int(value)
  }

  /// Appends the next bytes to the pre-token.
  private func take(_ length: Int) throws(TrainingError) {
    var left = length
    while left > 0 {
      if position == buffer.count {
        try refillBuffer()
        if buffer.isEmpty { throw truncated() }
      }
      let taken = min(left, buffer.count - position)
      preToken += buffer[position..<position + taken]
      position += taken
      left -= taken
    }
  }

  private func refillBuffer() throws(TrainingError) {
    takeChecksum()
    offset += buffer.count
    position = 0
    try refill(&buffer)
    taken = 0
  }

  /// How much of the buffer the checksum has seen.
  private var taken = 0

  private func takeChecksum() {
    let bytes = buffer
    checksum.update(bytes.span.extracting(taken..<position))
    taken = position
  }

  func malformed(_ what: String) -> TrainingError {
    .countFile(FormatError(place: .byte(offset + position), message: "not a count file: " + what))
  }

  private func truncated() -> TrainingError {
    .countFile(
      FormatError(
        place: .byte(offset + position),
        message: "the count file ends before its end mark: it was cut off; make it again"))
  }
}
