/// Reads what GPT-2's files consist of in their usual spelling: entries `"token": id` of `vocab.json` and
/// lines of `merges.txt`, bytes spelled in the byte-level alphabet.
///
/// A start-up waits for this, so it takes eight bytes a step, and has few branches that cannot be foreseen.
/// Whatever is not spelled as these files usually are, and the last bytes of a file, is left to the strict
/// readers, which know more and say what is wrong.
@safe struct ByteLevelReader {
  /// Values of hexadecimal digits; 255 for other bytes.
  private static let hexadecimal: [UInt8] = (0...255).map { byte in
    switch UInt8(byte) {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt8(byte) - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt8(byte) - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt8(byte) - UInt8(ascii: "A") + 10
    default: 255
    }
  }

  private let file: UnsafePointer<UInt8>
  private let count: Int
  private let hexadecimal: UnsafePointer<UInt8>
  private let alphabet: UnsafePointer<UInt16>
  private let alphabetCount: Int

  /// Calls `body` with a reader of `file`, which is valid for the length of the call.
  static func with<Value, Failure: Error>(
    _ file: Span<UInt8>, _ body: (borrowing ByteLevelReader) throws(Failure) -> Value
  ) throws(Failure) -> Value {
    let (hexadecimal, alphabet) = (hexadecimal, ByteAlphabet.byteOfScalar)
    return try unsafe file.withUnsafeBufferPointer { (file) throws(Failure) -> Value in
      try unsafe hexadecimal.withUnsafeBufferPointer { (hexadecimal) throws(Failure) -> Value in
        try unsafe alphabet.withUnsafeBufferPointer { (alphabet) throws(Failure) -> Value in
          // Neither of the tables is empty, and of an empty file no byte is read.
          guard let digits = hexadecimal.baseAddress, let scalars = alphabet.baseAddress else {
            preconditionFailure("a table is empty")
          }
          return try body(
            unsafe ByteLevelReader(
              file: file.baseAddress ?? digits, count: file.count, hexadecimal: digits,
              alphabet: scalars, alphabetCount: alphabet.count))
        }
      }
    }
  }

  /// Room, in bytes, that a token, or a pair of them, is written to; those are read here that leave some of it.
  static let longestToken = 256

  /// An entry of `vocab.json`.
  struct Entry {
    /// How many bytes the token has.
    var length: Int
    var id: UInt32
    /// Behind the comma after the entry.
    var end: Int
  }

  /// Reads `"token": id,` at `start`, white space before it passed over; nil if it is spelled in any other
  /// way, is the last one, or is wrong.
  ///
  /// - Parameter token: Has room for `longestToken` bytes; the token's are written there.
  @inline(__always)
  func entry(at start: Int, token: UnsafeMutablePointer<UInt8>) -> Entry? {
    var position = start
    // In bounds throughout: `position` is compared with `count` before each byte is read.
    while position < count, unsafe isWhiteSpace(file[position]) { position &+= 1 }
    guard position < count, unsafe file[position] == UInt8(ascii: "\"") else { return nil }
    position &+= 1
    guard let length = unsafe characters(at: &position, behind: 0, of: token, escapes: true) else {
      return nil
    }
    position &+= 1
    if length == 0 { return nil }
    while position < count, unsafe isWhiteSpace(file[position]) { position &+= 1 }
    guard position < count, unsafe file[position] == UInt8(ascii: ":") else { return nil }
    position &+= 1
    while position < count, unsafe isWhiteSpace(file[position]) { position &+= 1 }
    // Up to seven digits and the byte behind them; longer ids are read elsewhere.
    guard position &+ 8 <= count else { return nil }
    let word = word(at: position)
    let digitCount = Self.notDigit(word).trailingZeroBitCount &>> 3
    if digitCount == 0 || digitCount > 7 || digitCount > 1 && word & 0xFF == 0x30 { return nil }
    let id = Self.number(word << UInt64(64 &- 8 &* digitCount))
    position &+= digitCount
    while position < count, unsafe isWhiteSpace(file[position]) { position &+= 1 }
    guard position < count, unsafe file[position] == UInt8(ascii: ",") else { return nil }
    return Entry(length: length, id: id, end: position &+ 1)
  }

  /// A line of `merges.txt`.
  struct Line {
    /// How many bytes the token on the left has.
    var left: Int
    /// How many both have together.
    var length: Int
    /// Behind the line's end.
    var end: Int
  }

  /// Reads `left right` at `start` up to its LF; nil if it is spelled in any other way, has no LF, or is
  /// wrong.
  ///
  /// - Parameter tokens: Has room for `longestToken` bytes; those of both tokens are written there.
  @inline(__always)
  func line(at start: Int, tokens: UnsafeMutablePointer<UInt8>) -> Line? {
    var position = start
    guard let left = unsafe characters(at: &position, behind: 0, of: tokens, escapes: false),
      left > 0, unsafe file[position] == 0x20
    else { return nil }
    position &+= 1
    guard let length = unsafe characters(at: &position, behind: left, of: tokens, escapes: false),
      length > left, unsafe file[position] == 0x0A
    else { return nil }
    return Line(left: left, length: length, end: position &+ 1)
  }

  /// Writes the bytes that a run of characters of the alphabet stands for behind the first `length` bytes of
  /// `token`, and raises `position` to the byte that ends the run: `"` where there are escapes, else a space or
  /// LF.
  ///
  /// - Returns: How many bytes there are now, at least 16 fewer than `longestToken`; nil if something else is
  ///   met, or fewer than eight bytes are left.
  @inline(__always)
  private func characters(
    at position: inout Int, behind length: Int, of token: UnsafeMutablePointer<UInt8>, escapes: Bool
  ) -> Int? {
    // In bounds throughout: eight bytes are read where there are as many, and eight written where 32 are left.
    guard position &+ 8 <= count, length < Self.longestToken &- 32 else { return nil }
    var length = length
    // The space, with which most tokens begin, as two bytes or as an escape, without a branch.
    let first = word(at: position)
    let isRaw = first & 0xFFFF == 0xA0C4
    let isEscaped = escapes && first & 0xFFFF_FFFF_FFFF == 0x3032_3130_755C
    unsafe token[length] = 0x20
    length &+= isRaw || isEscaped ? 1 : 0
    position &+= (isRaw ? 2 : 0) &+ (isEscaped ? 6 : 0)
    while true {
      guard position &+ 8 <= count, length < Self.longestToken &- 32 else { return nil }
      let word = word(at: position)
      let ends = Self.notPlain(word, escapes: escapes)
      unsafe UnsafeMutableRawPointer(token + length).storeBytes(
        of: word.littleEndian, as: UInt64.self)
      if ends == 0 {
        length &+= 8
        position &+= 8
        continue
      }
      let plain = ends.trailingZeroBitCount &>> 3
      length &+= plain
      position &+= plain
      let byte = unsafe file[position]
      if escapes ? byte == UInt8(ascii: "\"") : byte == 0x20 || byte == 0x0A { return length }
      guard let (value, next) = character(at: position, escapes: escapes) else { return nil }
      unsafe token[length] = value
      length &+= 1
      position = next
    }
  }

  @inline(__always)
  private func word(at position: Int) -> UInt64 {
    unsafe UInt64(
      littleEndian: UnsafeRawPointer(file + position).loadUnaligned(as: UInt64.self))
  }

  /// The highest bit of the first byte that does not stand for itself, and any bits above it: beyond ASCII,
  /// not visible, or, where there are escapes, `"` or `\`. 0 if there is none.
  @inline(__always)
  private static func notPlain(_ word: UInt64, escapes: Bool) -> UInt64 {
    let ones: UInt64 = 0x0101_0101_0101_0101
    // A byte below `limit` borrows from the next one, which says something false of bytes above it only.
    func isBelow(_ limit: UInt64, _ word: UInt64) -> UInt64 { (word &- ones &* limit) & ~word }
    var found = word | isBelow(0x21, word) | isBelow(1, word ^ ones &* 0x7F)
    if escapes {
      found |= isBelow(1, word ^ ones &* 0x22) | isBelow(1, word ^ ones &* 0x5C)
    }
    return found & (ones &* 0x80)
  }

  /// A character of the alphabet that is not plain: where `escapes` holds `\u0120`, `\"` and `\\`, else `"`
  /// and `\` as they are; and those of two bytes.
  @inline(__always)
  private func character(at position: Int, escapes: Bool) -> (byte: UInt8, next: Int)? {
    let byte = unsafe file[position]
    var scalar: Int
    var next: Int
    if byte >= 0xC2 {
      guard position &+ 1 < count else { return nil }
      let second = unsafe file[position &+ 1]
      // The alphabet ends below U+0144, which two bytes spell.
      guard byte <= 0xC5, second & 0xC0 == 0x80 else { return nil }
      scalar = Int(byte & 0x1F) << 6 | Int(second & 0x3F)
      next = position &+ 2
    } else if byte == UInt8(ascii: "\\"), escapes {
      guard position &+ 5 < count else { return nil }
      let kind = unsafe file[position &+ 1]
      if kind == UInt8(ascii: "\"") || kind == UInt8(ascii: "\\") { return (kind, position &+ 2) }
      if kind != UInt8(ascii: "u") { return nil }
      scalar = 0
      for offset in 2...5 {
        let digit = unsafe hexadecimal[Int(file[position &+ offset])]
        if digit == 255 { return nil }
        scalar = scalar << 4 | Int(digit)
      }
      next = position &+ 6
    } else if byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "\""), !escapes {
      return (byte, position &+ 1)
    } else {
      return nil
    }
    guard scalar < alphabetCount else { return nil }
    let value = unsafe alphabet[scalar]
    return value < 256 ? (UInt8(truncatingIfNeeded: value), next) : nil
  }

  /// The highest bit of each byte that is no digit, and, above the first, of any others.
  @inline(__always)
  private static func notDigit(_ word: UInt64) -> UInt64 {
    let ones: UInt64 = 0x0101_0101_0101_0101
    // Digits are 0 to 9 then; other bytes of ASCII reach 0x80 here, and those beyond it have it already.
    let values = word ^ ones &* 0x30
    return (values &+ ones &* 0x76 | values) & (ones &* 0x80)
  }

  /// The number that eight digits say, the first lowest; zero bytes in the place of the first ones count as 0.
  @inline(__always)
  private static func number(_ word: UInt64) -> UInt32 {
    // Pairs of digits, then pairs of pairs, then both halves.
    var value = word & 0x0F0F_0F0F_0F0F_0F0F
    value = (value &* 10 &+ value &>> 8) & 0x00FF_00FF_00FF_00FF
    value = (value &* 100 &+ value &>> 16) & 0x0000_FFFF_0000_FFFF
    return UInt32(truncatingIfNeeded: value &* 10_000 &+ value &>> 32)
  }

  @inline(__always)
  private func isWhiteSpace(_ byte: UInt8) -> Bool {
    // Most bytes are told by one comparison.
    byte <= 0x20 && (byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09)
  }
}
