/// Reads what GPT-2's files consist of in their usual spelling: entries `"token": id` of `vocab.json` and
/// lines of `merges.txt`, bytes spelled in the byte-level alphabet.
///
/// A start-up waits for this, so it takes one step a byte and nothing for an entry. Whatever is not spelled
/// as these files usually are is left to the strict readers, which know more and say what is wrong.
@safe struct ByteLevelReader {
  /// For each byte of a file: the byte that it stands for by itself, or what else to do.
  private static let plain: [UInt16] = (0...255).map { byte in
    guard byte < 0x80, ByteAlphabet.byte(ofScalar: UInt32(byte)) != nil else { return notPlain }
    return byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") ? notPlain : UInt16(byte)
  }
  private static let notPlain: UInt16 = 256

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
  private let plain: UnsafePointer<UInt16>
  private let hexadecimal: UnsafePointer<UInt8>
  private let alphabet: UnsafePointer<UInt16>
  private let alphabetCount: Int

  /// Calls `body` with a reader of `file`, which is valid for the length of the call.
  static func with<Value, Failure: Error>(
    _ file: Span<UInt8>, _ body: (borrowing ByteLevelReader) throws(Failure) -> Value
  ) throws(Failure) -> Value {
    let (plain, hexadecimal, alphabet) = (plain, hexadecimal, ByteAlphabet.byteOfScalar)
    return try unsafe file.withUnsafeBufferPointer { (file) throws(Failure) -> Value in
      try unsafe plain.withUnsafeBufferPointer { (plain) throws(Failure) -> Value in
        try unsafe hexadecimal.withUnsafeBufferPointer { (hexadecimal) throws(Failure) -> Value in
          try unsafe alphabet.withUnsafeBufferPointer { (alphabet) throws(Failure) -> Value in
            // None of the tables is empty, and of an empty file no byte is read.
            guard let first = plain.baseAddress, let digits = hexadecimal.baseAddress,
              let scalars = alphabet.baseAddress
            else { preconditionFailure("a table is empty") }
            return try body(
              unsafe ByteLevelReader(
                file: file.baseAddress ?? digits, count: file.count, plain: first,
                hexadecimal: digits, alphabet: scalars, alphabetCount: alphabet.count))
          }
        }
      }
    }
  }

  /// Longest token, in bytes, or pair of them, that is read here.
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
    var length = 0
    while true {
      guard position < count, length < Self.longestToken else { return nil }
      let byte = unsafe file[position]
      let value = unsafe plain[Int(byte)]
      if value < 256 {
        unsafe token[length] = UInt8(truncatingIfNeeded: value)
        length &+= 1
        position &+= 1
        continue
      }
      if byte == UInt8(ascii: "\"") { break }
      guard let (value, next) = character(at: position, escapes: true) else { return nil }
      unsafe token[length] = value
      length &+= 1
      position = next
    }
    position &+= 1
    if length == 0 { return nil }
    while position < count, unsafe isWhiteSpace(file[position]) { position &+= 1 }
    guard position < count, unsafe file[position] == UInt8(ascii: ":") else { return nil }
    position &+= 1
    while position < count, unsafe isWhiteSpace(file[position]) { position &+= 1 }
    let digits = position
    var id: UInt64 = 0
    // Nine digits are less than 2^32; longer ids are read elsewhere.
    while position < count, position &- digits < 10 {
      let digit = unsafe file[position] &- UInt8(ascii: "0")
      if digit > 9 { break }
      id = id &* 10 &+ UInt64(digit)
      position &+= 1
    }
    let digitCount = position &- digits
    if unsafe digitCount == 0 || digitCount > 9 || digitCount > 1 && file[digits] == 0x30 {
      return nil
    }
    while position < count, unsafe isWhiteSpace(file[position]) { position &+= 1 }
    guard position < count, unsafe file[position] == UInt8(ascii: ",") else { return nil }
    return Entry(length: length, id: UInt32(truncatingIfNeeded: id), end: position &+ 1)
  }

  /// A line of `merges.txt`.
  struct Line {
    /// How many bytes the token on the left has.
    var left: Int
    /// How many both have together.
    var length: Int
    /// Hashes of the two.
    var leftHash: UInt64
    var rightHash: UInt64
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
    var length = 0
    var left = 0
    var leftHash: UInt64 = 0
    var hash = TokenHash()
    while true {
      // In bounds: `position` is compared with `count` before the byte is read.
      guard position < count, length < Self.longestToken else { return nil }
      let byte = unsafe file[position]
      let plain = unsafe plain[Int(byte)]
      let value: UInt8
      if plain < 256 {
        value = UInt8(truncatingIfNeeded: plain)
        position &+= 1
      } else if byte == 0x20 {
        if left != 0 || length == 0 { return nil }
        left = length
        leftHash = hash.value
        hash = TokenHash()
        position &+= 1
        continue
      } else if byte == 0x0A {
        if left == 0 || length == left { return nil }
        return Line(
          left: left, length: length, leftHash: leftHash, rightHash: hash.value, end: position &+ 1)
      } else {
        guard let (byte, next) = character(at: position, escapes: false) else { return nil }
        value = byte
        position = next
      }
      unsafe tokens[length] = value
      hash.append(value)
      length &+= 1
    }
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

  @inline(__always)
  private func isWhiteSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
  }
}
