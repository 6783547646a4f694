import Testing

@testable import Tokenizers

@Suite struct ByteBufferTests {
  private func bytes(_ buffer: borrowing ByteBuffer) -> [UInt8] {
    buffer.withSpan { text in text.indices.map { text[$0] } }
  }

  @Test func holdsWhatWasAppended() {
    var buffer = ByteBuffer()
    var expected: [UInt8] = []
    for length in [0, 1, 0, 5000, 3, 70_000] {
      let more = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 7) }
      buffer.append(more.span)
      expected += more
      #expect(buffer.count == expected.count)
      let found = bytes(buffer)
      #expect(found == expected)
    }
    buffer.removeAll()
    buffer.append([9].span)
    let found = bytes(buffer)
    #expect(found == [9])
  }

  /// A buffer that has no memory yet.
  @Test func nothingAppendedToNothing() {
    var buffer = ByteBuffer()
    let empty: [UInt8] = []
    buffer.append(empty.span)
    unsafe buffer.append(room: 0) { _ in 0 }
    buffer.reserve(0)
    let found = bytes(buffer)
    #expect(found == [])
  }
}
