/// Walks over the lines of a file: LF or CR LF, the last one with or without, after a byte order mark.
struct LineReader {
  private let bytes: [UInt8]
  /// Where the next line begins.
  private(set) var position: Int
  private var number = 0

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    position = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
  }

  /// Where the next line lies, without its end, and its number from 1.
  mutating func next() -> (line: Range<Int>, number: Int)? {
    guard position < bytes.count else { return nil }
    let start = position
    while position < bytes.count, bytes[position] != 0x0A { position += 1 }
    var end = position
    if position < bytes.count { position += 1 }
    if end > start, bytes[end - 1] == 0x0D { end -= 1 }
    number += 1
    return (start..<end, number)
  }

  /// Goes on at `offset`, up to which another reader has taken one line.
  mutating func resume(at offset: Int) { resume(at: offset, behind: number + 1) }

  /// Goes on at `offset`, behind the first `count` lines.
  mutating func resume(at offset: Int, behind count: Int) {
    position = offset
    number = count
  }
}
