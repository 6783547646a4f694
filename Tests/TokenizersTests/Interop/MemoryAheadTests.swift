import TestSupport
import Testing

@testable import Tokenizers

@Suite struct MemoryAheadTests {
  @Test func isTakenOnceAndBySizeOnly() {
    let ahead = MemoryAhead()
    #expect(Self.take(1 << 16, from: ahead) == nil)
    let memory = ZeroedMemory(byteCount: 1 << 16)
    let address = unsafe UInt(bitPattern: memory.base)
    ahead.put(memory)
    #expect(Self.take(1 << 17, from: ahead) == nil)
    #expect(Self.take(1 << 16, from: ahead) == address)
    #expect(Self.take(1 << 16, from: ahead) == nil)
    ahead.put(ZeroedMemory(byteCount: 1 << 16))
    ahead.put(nil)
    #expect(Self.take(1 << 16, from: ahead) == nil)
  }

  /// The address of what is taken.
  private static func take(_ byteCount: Int, from ahead: MemoryAhead) -> UInt? {
    guard let memory = ahead.take(byteCount) else { return nil }
    return unsafe UInt(bitPattern: memory.base)
  }

  /// Texts shorter and longer than what memory was got for, and pipelines that find none.
  @Test(arguments: [0, 1 << 20, 5 << 20], [1, 2])
  func pipelinesGiveTheSameIDs(expected: Int, threads: Int) throws {
    let tokenizer = try SmallTokenizers.bpe(.gpt2)
    var generator = TextGenerator(seed: 7)
    let text = generator.text(fragments: 30_000)
    let ids = try tokenizer.encode(text.span)
    for round in 0..<2 {
      if round == 0 { EncodingPipeline.getMemory(expecting: expected, threads: threads) }
      let pipeline = EncodingPipeline(tokenizer, threads: threads, expecting: expected)
      var isRead = false
      var all: [TokenID] = []
      try pipeline.run(documents: 1) { _ in
      } read: { bytes, index in
        if isRead { return 0 }
        isRead = true
        bytes.removeLast(bytes.count - index)
        bytes += text
        return text.count
      } format: { _ in
      } put: { part in
        all += part.ids
      }
      #expect(all == ids)
    }
  }
}
