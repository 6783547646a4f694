/// Reads lines of a rank table in their usual spelling: Base64, a space, up to nine digits, LF.
///
/// A start-up waits for this. Any other line is left to the strict reader, which says what is wrong.
@safe struct RankLineReader {
  /// For each of the four characters of a group: the bits that each byte stands for, where they belong among
  /// 24, or a bit above all.
  private static let bitsOfGroup: [UInt32] = (0..<4).flatMap { place in
    Base64.valueOfByte.map { $0 == 255 ? 1 << 31 : UInt32($0) << UInt32(18 - 6 * place) }
  }

  private let file: UnsafePointer<UInt8>
  private let count: Int
  private let values: UnsafePointer<UInt32>

  /// Calls `body` with a reader of `file`, which is valid for the length of the call.
  static func with<Value, Failure: Error>(
    _ file: Span<UInt8>, _ body: (RankLineReader) throws(Failure) -> Value
  ) throws(Failure) -> Value {
    let values = bitsOfGroup
    return try unsafe file.withUnsafeBufferPointer { (file) throws(Failure) -> Value in
      try unsafe values.withUnsafeBufferPointer { (values) throws(Failure) -> Value in
        guard let table = values.baseAddress else { preconditionFailure("the table is empty") }
        // Of an empty file no byte is read.
        let none = unsafe UnsafeRawPointer(table).assumingMemoryBound(to: UInt8.self)
        return try body(
          unsafe RankLineReader(file: file.baseAddress ?? none, count: file.count, values: table))
      }
    }
  }

  /// A token and its rank.
  struct Line {
    /// How many bytes the token has.
    var length: Int
    var rank: UInt32
    /// Behind the line's end.
    var end: Int
  }

  /// Reads the line at `start`; nil if it is spelled in any other way, has no LF, or is wrong.
  ///
  /// - Parameter token: Has room for as many bytes as follow in the file; the token's are written there.
  @inline(__always)
  func line(at start: Int, token: UnsafeMutablePointer<UInt8>) -> Line? {
    var position = start
    var length = 0
    // In bounds throughout: a group of four, and each byte behind it, is compared with `count` before it is
    // read.
    while position &+ 4 < count {
      let bits =
        unsafe values[Int(file[position])] | values[256 &+ Int(file[position &+ 1])]
        | values[512 &+ Int(file[position &+ 2])] | values[768 &+ Int(file[position &+ 3])]
      if bits < 1 << 24 {
        // Four bytes for three: each is for a byte of the file at least.
        unsafe UnsafeMutableRawPointer(token + length).storeBytes(
          of: (bits << 8).bigEndian, as: UInt32.self)
        length &+= 3
        position &+= 4
        continue
      }
      if unsafe file[position] == 0x20 { break }
      // A group with padding is the last one; bits that it leaves over must be zero.
      let first = unsafe values[Int(file[position])] >> 18
      let second = unsafe values[Int(file[position &+ 1])] >> 18
      let third = unsafe values[Int(file[position &+ 2])] >> 18
      guard first | second < 64, unsafe file[position &+ 3] == UInt8(ascii: "=") else { return nil }
      unsafe token[length] = UInt8(truncatingIfNeeded: first << 2 | second >> 4)
      if third < 64, third & 3 == 0 {
        unsafe token[length &+ 1] = UInt8(truncatingIfNeeded: second << 4 | third >> 2)
        length &+= 2
      } else if unsafe file[position &+ 2] == UInt8(ascii: "="), second & 15 == 0 {
        length &+= 1
      } else {
        return nil
      }
      position &+= 4
      break
    }
    guard length > 0, position < count, unsafe file[position] == 0x20 else { return nil }
    position &+= 1
    let digits = position
    var rank: UInt32 = 0
    while position < count {
      let digit = unsafe file[position] &- UInt8(ascii: "0")
      if digit > 9 { break }
      // Nine digits fit; the result of more is not used.
      rank = rank &* 10 &+ UInt32(digit)
      position &+= 1
    }
    guard position > digits, position &- digits <= 9, position < count,
      unsafe file[position] == 0x0A
    else { return nil }
    return Line(length: length, rank: rank, end: position &+ 1)
  }
}
