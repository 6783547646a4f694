import TestSupport
import Testing

@testable import Tokenizers

/// Merging by look-up, before the table of merges is made: the ids are those of the merges.
struct LookupMergerTests {
  private func encode(
    _ bytes: [UInt8], _ vocabulary: Vocabulary, _ order: BPEMerges.Order
  ) -> [TokenID] {
    var merger = LookupMerger(vocabulary, order)
    var ids: [TokenID] = []
    merger.merge(bytes.span) { ids.append($0) }
    return ids
  }

  /// Random tokens over a few letters: all bytes, and others, in an order that may be any.
  private func vocabulary(_ random: inout SeededRandom) throws -> Vocabulary {
    let letters = Array("abc\u{e9}".utf8.prefix(1 + random.below(5)))
    var tokens = (0...255).map { [UInt8($0)] }
    var seen = Set(tokens)
    for _ in 0..<random.below(80) {
      let token = (0..<2 + random.below(6)).map { _ in random.pick(letters) }
      if seen.insert(token).inserted { tokens.append(token) }
    }
    if random.below(2) == 0 {
      for index in tokens.indices { tokens.swapAt(index, random.below(tokens.count)) }
    }
    return try Vocabulary(tokens.enumerated().map { ($1, TokenID(UInt32($0 * 3))) })
  }

  /// The merges of the definition, each token's bytes merged by themselves, then the naive encoder.
  @Test(.tags(.property))
  func rankTablesMergeAsTheirMergesSay() throws {
    var longCount = 0
    for seed in 0..<400 as Range<UInt64> {
      var random = SeededRandom(seed: seed)
      let vocabulary = try vocabulary(&random)
      let long = vocabulary.tokenIDs.filter { (vocabulary.bytes(of: $0) ?? []).count > 1 }
      let special: Set<TokenID> = long.isEmpty || random.below(3) > 0 ? [] : [random.pick(long)]
      let model = try BPEModel(
        vocabulary: vocabulary,
        merges: TiktokenFile.mergesByDefinition(of: vocabulary, except: special).merges,
        preTokenizer: try PatternPreTokenizer(.none))
      let naive = NaiveBPE(model)
      let texts =
        long.compactMap { vocabulary.bytes(of: $0) }
        + (0..<20).map { _ in
          let letters = Array("abc\u{e9}x".utf8.prefix(1 + random.below(6)))
          return (0..<random.below(60)).map { _ in random.pick(letters) }
        }
      for text in texts {
        let ids = encode(text, vocabulary, .positions(except: special))
        #expect(ids == naive.encode(text), "seed \(seed): \(text)")
        if ids.contains(where: { long.contains($0) }) { longCount += 1 }
      }
    }
    #expect(longCount > 1000)
  }

  /// Merges of any order of parts, with pairs that make a token in a second way left out.
  @Test(.tags(.property))
  func knownMergesAreFollowed() throws {
    for seed in 0..<400 as Range<UInt64> {
      var random = SeededRandom(seed: seed)
      let vocabulary = try vocabulary(&random)
      var merges: [BPEModel.Merge] = []
      for id in vocabulary.tokenIDs {
        let bytes = try #require(vocabulary.bytes(of: id))
        let splits = bytes.indices.dropFirst().compactMap { middle -> BPEModel.Merge? in
          guard let left = vocabulary.id(of: Array(bytes[..<middle])),
            let right = vocabulary.id(of: Array(bytes[middle...]))
          else { return nil }
          return BPEModel.Merge(left: left, right: right, merged: id)
        }
        if !splits.isEmpty { merges.append(random.pick(splits)) }
      }
      let naive = NaiveBPE(
        try BPEModel(
          vocabulary: vocabulary, merges: merges, preTokenizer: try PatternPreTokenizer(.none)))
      for _ in 0..<20 {
        let letters = Array("abc\u{e9}x".utf8.prefix(1 + random.below(6)))
        let text = (0..<random.below(60)).map { _ in random.pick(letters) }
        #expect(
          encode(text, vocabulary, .merges(merges)) == naive.encode(text), "seed \(seed): \(text)")
      }
    }
  }

  /// Ids do not change when a model goes over to its table, in whatever order texts come.
  @Test(.tags(.property))
  func idsStayWhenTheTableIsMade() throws {
    for seed in 0..<30 as Range<UInt64> {
      var random = SeededRandom(seed: seed)
      let vocabulary = try vocabulary(&random)
      let model = try BPEModel(
        rankTable: vocabulary, preTokenizer: try PatternPreTokenizer(.none),
        specialTokens: SpecialTokens())
      let (merges, unreachable) = TiktokenFile.mergesByDefinition(of: vocabulary, except: [])
      #expect(model.lazyMerges.ifMade == nil)
      var merger = BPEMerger(model)
      var other = BPEMerger(model)
      let oracle = try BPEModel(
        vocabulary: vocabulary, merges: merges, preTokenizer: try PatternPreTokenizer(.none))
      let naive = NaiveBPE(oracle)
      for round in 0..<700 {
        let letters = Array("abc\u{e9}x".utf8.prefix(1 + random.below(6)))
        let text = (0..<random.below(120)).map { _ in random.pick(letters) }
        var ids: [TokenID] = []
        merger.merge(text.span, into: &ids)
        if round % 20 == 0 {
          #expect(ids == naive.encode(text), "seed \(seed), round \(round)")
          var others: [TokenID] = []
          other.merge(text.span, into: &others)
          #expect(others == ids, "seed \(seed), round \(round)")
        }
      }
      #expect(model.lazyMerges.ifMade != nil)
      #expect(merger.made != nil)
      #expect(model.merges == merges)
      #expect(model.looksUpWholePreTokens == !unreachable.isEmpty)
    }
  }

  /// Several encoders of one model at the same time: the table is made once, beside those that look up.
  @Test
  func encodersOfSeveralThreadsShareTheTable() async throws {
    var random = SeededRandom(seed: 4)
    let vocabulary = try vocabulary(&random)
    let model = try BPEModel(
      rankTable: vocabulary, preTokenizer: try PatternPreTokenizer(.none),
      specialTokens: SpecialTokens())
    let texts = (0..<2000).map { _ in
      (0..<random.below(80)).map { _ in random.pick(Array("abc".utf8)) }
    }
    let all = await withTaskGroup(of: [TokenID].self) { group in
      for _ in 0..<4 {
        group.addTask {
          var merger = BPEMerger(model)
          var ids: [TokenID] = []
          for text in texts { merger.merge(text.span, into: &ids) }
          return ids
        }
      }
      return await group.reduce(into: [[TokenID]]()) { $0.append($1) }
    }
    let first = try #require(all.first)
    #expect(all.allSatisfy { $0 == first })
    let expected = texts.flatMap { encode($0, vocabulary, .positions(except: [])) }
    #expect(first == expected)
  }

  /// The published tables: all tokens' bytes, and random strings of tokens, by look-up and by the table.
  @Test(
    .tags(.slow), .enabled(if: SharedData.isAvailable, Comment(rawValue: SharedData.hint)),
    arguments: ["r50k_base", "p50k_base", "cl100k_base", "o200k_base"])
  func publishedTables(_ name: String) throws {
    let path = SharedData.path("vocabs/\(name).tiktoken")
    let tokenizer = try Tokenizer(contentsOf: path)
    let model = try #require(tokenizer.model as? BPEModel)
    let vocabulary = model.vocabulary
    var merger = LookupMerger(
      vocabulary, .positions(except: Set(tokenizer.specialTokens.entries.map(\.id))))
    _ = model.mergeTable
    var table = BPEMerger(model)
    #expect(table.made != nil)
    var random = SeededRandom(seed: 1)
    let ids = vocabulary.tokenIDs
    var different = 0
    for id in ids {
      let own = try #require(vocabulary.bytes(of: id))
      var text = own
      if random.below(4) == 0 {
        // Two tokens, the second of which begins anywhere in the first's place.
        let other = try #require(vocabulary.bytes(of: random.pick(ids)))
        text = Array((own + other).dropFirst(random.below(own.count)))
      }
      if text.count > LookupMerger.longest { continue }
      var expected: [TokenID] = []
      table.merge(text.span, into: &expected)
      var found: [TokenID] = []
      merger.merge(text.span) { found.append($0) }
      if found != expected { different += 1 }
    }
    #expect(different == 0)
  }

  /// What was put off is made, once, and changes no ids.
  @Test func preparingMakesTheTable() throws {
    let ranks = try Vocabulary(
      (0...255).map { ([UInt8($0)], TokenID(UInt32($0))) } + [(Array("ab".utf8), 256)])
    let model = try BPEModel(
      rankTable: ranks, preTokenizer: try PatternPreTokenizer(.none), specialTokens: SpecialTokens()
    )
    let tokenizer = Tokenizer(model: model)
    #expect(model.lazyMerges.ifMade == nil)
    let before = try tokenizer.encode("cabba")
    tokenizer.prepare()
    #expect(model.lazyMerges.ifMade != nil)
    #expect(try tokenizer.encode("cabba") == before)
    #expect(before == [99, 256, 98, 97])
  }
}
