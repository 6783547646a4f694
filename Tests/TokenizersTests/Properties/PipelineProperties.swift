import TestSupport
import Testing

@testable import Tokenizers

/// What comes out of a pipeline is what encoding and decoding whole texts gives, wherever parts end.
@Suite(.tags(.property)) struct PipelineProperties {
  static let patterns: [SplitPattern] = [.gpt2, .cl100k, .o200k, .llama3, .qwen2, .none]

  /// Hands out documents a few bytes at a time.
  final class Source {
    private let documents: [[UInt8]]
    private var current: ArraySlice<UInt8> = []
    private var random: SeededRandom

    init(_ documents: [[UInt8]], seed: UInt64) {
      self.documents = documents
      random = SeededRandom(seed: seed)
    }

    func open(_ index: Int) { current = documents[index][...] }

    func read(_ bytes: inout [UInt8], _ start: Int) -> Int {
      let count = min(current.count, bytes.count - start, 1 + random.below(60))
      for offset in 0..<count { bytes[start + offset] = current.removeFirst() }
      return count
    }
  }

  private static func documents(_ seed: UInt64) -> [[UInt8]] {
    var generator = TextGenerator(seed: seed)
    return [
      generator.text(fragments: 120), [], generator.bytes(fragments: 120),
      generator.plainText(fragments: 5), Array("no cut in here".utf8.filter { $0 != 0x20 }),
    ]
  }

  @Test(arguments: patterns, [1, 2, 5])
  func encodingInPartsEqualsTheWhole(pattern: SplitPattern, threads: Int) throws {
    let tokenizer = try SmallTokenizers.bpe(pattern)
    for seed in 1...6 as ClosedRange<UInt64> {
      let documents = Self.documents(seed)
      for partSize in [1, 7, 64, 1 << 18] {
        let pipeline = EncodingPipeline(tokenizer, threads: threads, partSize: partSize)
        // Twice: the second time with what the first one left in the caches and buffers.
        for _ in 0..<2 {
          let source = Source(documents, seed: seed)
          var ids = [[TokenID]](repeating: [], count: documents.count)
          var lengths = [Int](repeating: 0, count: documents.count)
          var ended: [Int] = []
          try pipeline.run(documents: documents.count, open: source.open, read: source.read) {
            part in
            part.output.append(Array(repeating: UInt8(1), count: part.ids.count).span)
          } put: { part in
            #expect(part.offset == lengths[part.document])
            #expect(part.output.count == part.ids.count)
            ids[part.document] += part.ids
            lengths[part.document] += part.byteCount
            if part.isLast { ended.append(part.document) }
          }
          #expect(ended == Array(documents.indices))
          for (document, found) in zip(documents, ids) {
            let expected = try tokenizer.encode(document.span)
            #expect(found == expected, "seed \(seed), parts of \(partSize)")
          }
        }
      }
    }
  }

  @Test func errorsSayWhichDocumentAndWhere() throws {
    let tokenizer = try SmallTokenizers.bpe(.gpt2)
    let documents = [Array("one two".utf8), Array("three four five".utf8) + [0xFF]]
    for threads in [1, 3] {
      let source = Source(documents, seed: 1)
      let pipeline = EncodingPipeline(
        tokenizer, invalidUTF8: .refuse, threads: threads, partSize: 4)
      do {
        try pipeline.run(documents: 2, open: source.open, read: source.read) { _ in
        } put: { _ in
        }
        Issue.record("bad bytes were taken")
      } catch let error as DocumentError {
        #expect(error.document == 1)
        #expect(error.error as? TokenizerError == .invalidUTF8(offset: 15))
      }
    }
  }

  @Test(arguments: [TokenFileFormat.u16, .u32], [1, 2, 5])
  func decodingInPartsEqualsTheWhole(format: TokenFileFormat, threads: Int) throws {
    let tokenizer = try SmallTokenizers.bpe(.gpt2)
    for seed in 1...6 as ClosedRange<UInt64> {
      let documents = Self.documents(seed)
      let files = try documents.map { try Self.file(tokenizer.encode($0.span), format) }
      for partSize in [4, 12, 1 << 17] {
        let pipeline = try #require(
          DecodingPipeline(tokenizer, format, skipping: nil, threads: threads, partSize: partSize))
        let source = Source(files, seed: seed)
        var texts = [[UInt8]](repeating: [], count: documents.count)
        try pipeline.run(documents: files.count, open: source.open, read: source.read) { part in
          part.text.withSpan { text in
            for index in text.indices { texts[part.document].append(text[index]) }
          }
        }
        #expect(texts == documents, "seed \(seed), parts of \(partSize)")
      }
    }
  }

  @Test func decodingTellsWhereAFileIsBad() throws {
    let tokenizer = try SmallTokenizers.bpe(.gpt2)
    let good = try Self.file(tokenizer.encode(Array("words and words".utf8).span), .u16)
    func failure(_ file: [UInt8]) throws -> (any Error)? {
      let pipeline = try #require(
        DecodingPipeline(tokenizer, .u16, skipping: nil, threads: 2, partSize: 4))
      let source = Source([file], seed: 1)
      do {
        try pipeline.run(documents: 1, open: source.open, read: source.read) { _ in }
      } catch let error as DocumentError {
        return error.error
      }
      return nil
    }
    #expect(try failure(good) == nil)
    let unknown = try failure(good + [0xFF, 0xFF] + good) as? TokenizerError
    #expect(unknown == .unknownTokenID(TokenID(65535), index: good.count / 2))
    let short = try failure(good + [0]) as? FormatError
    #expect(short?.place == .byte(good.count + 1))
    #expect(short?.message.contains("1 of the 2 bytes") ?? false)
  }

  /// The table of slots against looking each token up, long tokens, holes and skipped ones included.
  @Test(arguments: UInt64(1)...20)
  func theTableEqualsLookingUp(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    var tokens: [(bytes: [UInt8], id: TokenID)] = (0...255).map {
      ([UInt8($0)], TokenID(UInt32($0)))
    }
    for number in 0..<60 {
      let length = random.pick([2, 5, 14, 15, 16, 17, 31, 100])
      let letters = (0..<length).map { _ in UInt8(random.below(256)) }
      // Ids with holes between them.
      tokens.append((letters + [UInt8(number)], TokenID(UInt32(300 + 3 * number))))
    }
    tokens.append((Array("<end>".utf8), TokenID(1000)))
    let vocabulary = try Vocabulary(tokens)
    let special = SpecialTokens([.init(text: "<end>", id: TokenID(1000))])
    let table = ByteDecoder(vocabulary)
    let plain = ByteDecoder(vocabulary, usesTable: false)
    for skipped in [nil, special, nil] {
      let ids = (0..<10_000).map { _ in tokens[random.below(tokens.count)].id }
      var (fast, slow) = ([UInt8](), [UInt8]())
      var buffer = ByteBuffer()
      try table.decode(ids.span, skipping: skipped, into: &fast)
      try plain.decode(ids.span, skipping: skipped, into: &slow)
      try table.decode(ids.span, skipping: skipped, into: &buffer)
      let expected = ids.flatMap { id in
        id == TokenID(1000) && skipped != nil ? [] : vocabulary.bytes(of: id) ?? []
      }
      #expect(slow == expected)
      #expect(fast == expected)
      let written = buffer.withSpan { text in text.indices.map { text[$0] } }
      #expect(written == expected)
      for bad in [TokenID(299), TokenID(1001), TokenID(.max)] {
        let place = random.below(ids.count)
        let broken = Array(ids[..<place]) + [bad] + Array(ids[place...])
        var text: [UInt8] = []
        #expect(throws: TokenizerError.unknownTokenID(bad, index: place)) {
          try table.decode(broken.span, skipping: skipped, into: &text)
        }
      }
    }
  }

  /// Bytes of ids, low byte first.
  private static func file(_ ids: [TokenID], _ format: TokenFileFormat) -> [UInt8] {
    ids.flatMap { id in
      (0..<(format == .u16 ? 2 : 4)).map { UInt8(truncatingIfNeeded: id.rawValue >> (8 * $0)) }
    }
  }

  /// Large pieces are encoded where they lie: with what waits before them and behind them.
  @Test(arguments: patterns, [1, 2, 3])
  func streamsOfLargePiecesEqualTheWhole(pattern: SplitPattern, threads: Int) throws {
    let tokenizer = try SmallTokenizers.bpe(pattern)
    for seed in 1...8 as ClosedRange<UInt64> {
      var random = SeededRandom(seed: seed)
      var generator = TextGenerator(seed: seed)
      let text = generator.bytes(fragments: 300) + generator.text(fragments: 300)
      let expected = try tokenizer.encode(text.span)
      let encoder = StreamEncoder(tokenizer, options: .init(), threads: threads, blockSize: 16)
      for _ in 0..<2 {
        var ids: [TokenID] = []
        var start = 0
        while start < text.count {
          let end = min(text.count, start + 1 + random.below(random.pick([3, 40, 2000])))
          for piece in try encoder.append(text.span.extracting(start..<end)) { ids += piece }
          start = end
        }
        for piece in try encoder.finish() { ids += piece }
        #expect(ids == expected, "seed \(seed)")
      }
    }
  }
}
