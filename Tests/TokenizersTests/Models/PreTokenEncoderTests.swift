import CKernels
import TestSupport
import Testing

@testable import Tokenizers

/// The cache of pre-tokens: whatever it remembers, forgets or confuses, ids are those of the naive model.
@Suite struct PreTokenEncoderTests {
  /// Ids of one model, small enough for the narrow form of a slot, and the same beyond 16 bits.
  static func model(firstID: UInt32) throws -> BPEModel {
    let small = try #require(try SmallTokenizers.bpe(.gpt2, merges: 500).model as? BPEModel)
    func moved(_ id: TokenID) -> TokenID { TokenID(id.rawValue + firstID) }
    return try BPEModel(
      vocabulary: try Vocabulary(
        small.vocabulary.tokenIDs.map { (small.vocabulary.bytes(of: $0) ?? [], moved($0)) }),
      merges: small.merges.map {
        .init(left: moved($0.left), right: moved($0.right), merged: moved($0.merged))
      }, preTokenizer: small.preTokenizer)
  }

  /// Pre-tokens of every length around those at which something changes, some of them again and again.
  static func preTokens(_ random: inout SeededRandom) -> [[UInt8]] {
    var all: [[UInt8]] = []
    for _ in 0..<400 {
      let lengths = [1, 2, 5, 7, 8, 9, 14, 15, 16, 17, 24, 40, 64, 65, 255, 256, 257, 300]
      if let known = all.first, random.below(3) == 0 {
        all.append(all.count > 1 ? random.pick(all) : known)
        continue
      }
      let alphabet = random.pick([
        Array("theaniso ".utf8), Array("日本語のЖя".utf8), [0, 0xFF, 0x80], [0], [0, 0, 0, 0x61],
      ])
      all.append((0..<random.pick(lengths)).map { _ in random.pick(alphabet) })
    }
    return all
  }

  @Test(.tags(.property), arguments: PreTokenHash.available, [0, 70_000] as [UInt32])
  func equalsTheNaiveModel(hash: PreTokenHash, firstID: UInt32) throws {
    let model = try Self.model(firstID: firstID)
    let naive = NaiveBPE(model)
    // Large enough for everything; tables and arenas that are full all the time.
    for (bits, arena) in [(20, 8 << 20), (4, 8 << 20), (20, 4096), (4, 2048)] {
      let cache = PreTokenCache(
        hash: hash, bounds: .init(initialBits: 3, largestBits: bits, largestArena: arena))
      var encoder = PreTokenEncoder(model, sharing: cache)
      var random = SeededRandom(seed: UInt64(bits + arena))
      let preTokens = Self.preTokens(&random)
      let text = preTokens.flatMap(\.self)
      var ends: [Int] = []
      for preToken in preTokens { ends.append((ends.last ?? 0) + preToken.count) }
      let expected = preTokens.flatMap { naive.encode($0) }
      for _ in 0..<2 {
        var ids: [TokenID] = []
        encoder.encode(text.span, from: 0, ends.span, into: &ids)
        #expect(ids == expected, "\(bits) bits, \(arena) bytes")
      }
    }
  }

  /// New pre-tokens in groups that are full of them, merged one after the other.
  @Test(.tags(.property), arguments: [0, 70_000] as [UInt32])
  func mergesManyNewOnesByTheScan(firstID: UInt32) throws {
    try mergesManyNewOnes(byKernel: false, .portable, firstID: firstID)
  }

  /// The same, side by side, by each kernel.
  @Test(
    .tags(.property), arguments: PreTokenHash.available.filter { $0.mergeKernel != nil },
    [0, 70_000] as [UInt32])
  func mergesManyNewOnesByTheKernel(hash: PreTokenHash, firstID: UInt32) throws {
    try mergesManyNewOnes(byKernel: true, hash, firstID: firstID)
  }

  private func mergesManyNewOnes(byKernel: Bool, _ hash: PreTokenHash, firstID: UInt32) throws {
    let model = try Self.model(firstID: firstID)
    let naive = NaiveBPE(model)
    var random = SeededRandom(seed: 7)
    let texts = try Fixtures.texts()
    var preTokens: [[UInt8]] = []
    for _ in 0..<6000 {
      let text = random.pick(texts)
      let count = 1 + random.below(random.pick([3, 15, 16, 17, 32, 33]))
      let start = random.below(max(1, text.count - count))
      preTokens.append(Array(text[start..<min(text.count, start + count)]))
    }
    var ends: [Int] = []
    for preToken in preTokens { ends.append((ends.last ?? 0) + preToken.count) }
    let text = preTokens.flatMap(\.self)
    // Enough to merge before it that the merges are known.
    let before = [UInt8](repeating: 0x61, count: 300)
    var encoder = PreTokenEncoder(
      model, sharing: PreTokenCache(hash: hash), mergesByKernel: byKernel)
    #expect((encoder.mergeKernel != nil) == byKernel)
    var ids: [TokenID] = []
    encoder.encode(before.span, from: 0, [300].span, into: &ids)
    ids = []
    encoder.encode(text.span, from: 0, ends.span, into: &ids)
    #expect(ids == preTokens.flatMap { naive.encode($0) })
  }

  /// The kernels' keys are those of their twin, at the end of the text too; so are places, where the hash is
  /// the same.
  @Test(.tags(.property), arguments: UInt64(1)...40)
  func kernelsMakeTheSameKeys(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let preTokens = Self.preTokens(&random)
    let text = preTokens.flatMap(\.self)
    var ends: [Int] = []
    for preToken in preTokens { ends.append((ends.last ?? 0) + preToken.count) }
    let expected = PreTokenCacheStorage.keys(of: text, ends, hash: .portable)
    for hash in PreTokenHash.available {
      let found = PreTokenCacheStorage.keys(of: text, ends, hash: hash)
      #expect(found.keys == expected.keys, "\(hash)")
      if hash != .crc32 { #expect(found.places == expected.places, "\(hash)") }
    }
  }

  /// A slot's place in the order in which a table is searched: both of its line first, then those of the lines behind it.
  @Test func bothSlotsOfALineComeFirst() {
    for home in [0, 64, 448] {
      var places = [home]
      while places.count < 16 { places.append(slot_after(places[places.count - 1], 511)) }
      #expect(places == (0..<16).map { (home + 32 * $0) % 512 })
    }
  }

  /// Two long words that begin alike have the same first word of their keys. Where they share a line, and one of them has
  /// no ids yet or has them elsewhere, each still gets its own.
  @Test(arguments: PreTokenHash.available) func wordsThatBeginAlikeShareALine(hash: PreTokenHash)
    throws
  {
    let model = try Self.model(firstID: 0)
    let naive = NaiveBPE(model)
    let words = (0..<40).map { Array("together\(["", "s", "th", "ththth"][$0 % 4])\($0)".utf8) }
    for order in [words, words.reversed(), words + words] {
      // One to four lines: all of these meet.
      let cache = PreTokenCache(
        hash: hash, bounds: .init(initialBits: 1, largestBits: 3, largestArena: 8 << 20))
      var encoder = PreTokenEncoder(model, sharing: cache)
      for _ in 0..<2 {
        for atOnce in [1, 3, 100] {
          #expect(
            Self.encode(order, &encoder, atOnce: atOnce) == order.flatMap { naive.encode($0) })
        }
      }
    }
  }

  private static func encode(
    _ preTokens: [[UInt8]], _ encoder: inout PreTokenEncoder, atOnce: Int
  ) -> [TokenID] {
    var ids: [TokenID] = []
    for first in stride(from: 0, to: preTokens.count, by: atOnce) {
      let some = preTokens[first..<min(preTokens.count, first + atOnce)]
      var ends: [Int] = []
      for preToken in some { ends.append((ends.last ?? 0) + preToken.count) }
      let text = some.flatMap(\.self)
      encoder.encode(text.span, from: 0, ends.span, into: &ids)
    }
    return ids
  }

  /// Slots of a line go to the lines at twice its place; those that had walked, or that walk past the end, too. A
  /// pre-token that a growing table loses would be merged anew, and nobody would see it.
  @Test(.tags(.property), arguments: PreTokenHash.available, 1...12)
  func aTableThatHasGrownKnowsAll(hash: PreTokenHash, initialBits: Int) throws {
    let model = try Self.model(firstID: 0)
    for seed in 1...(UInt64(20)) {
      var random = SeededRandom(seed: seed << 8 | UInt64(initialBits))
      let count = 1 + random.below(random.pick([12, 100, 3000]))
      let preTokens = (0..<count).map { _ in
        (0..<(1 + random.below(20))).map { _ in UInt8(truncatingIfNeeded: random.below(256)) }
      }
      var encoder = PreTokenEncoder(
        model,
        sharing: PreTokenCache(
          hash: hash,
          bounds: .init(initialBits: initialBits, largestBits: 14, largestArena: 8 << 20)))
      // A few at a time, so that it grows in between.
      let first = Self.encode(preTokens, &encoder, atOnce: 1 + random.below(40))
      let second = Self.encode(preTokens, &encoder, atOnce: preTokens.count)
      #expect(second == first)
      let missing = encoder.missing
      #expect(missing == 0, "of \(count), seed \(seed)")
    }
  }

  /// Encoders of a team that use one cache at the same time, whether it has room for everything, grows, or forgets
  /// again and again what others look for.
  @Test(
    .tags(.property), arguments: PreTokenHash.available,
    [(2, 0), (4, 0), (3, 70_000)] as [(Int, UInt32)])
  func encodersOfATeamAgree(hash: PreTokenHash, team: (users: Int, firstID: UInt32)) throws {
    let model = try Self.model(firstID: team.firstID)
    let naive = NaiveBPE(model)
    for (bits, arena) in [(20, 8 << 20), (6, 8 << 20), (20, 4096), (5, 2048)] {
      var random = SeededRandom(seed: UInt64(bits + arena))
      let preTokens = (0..<3).flatMap { _ in Self.preTokens(&random) }
      let expected = preTokens.flatMap { naive.encode($0) }
      let cache = PreTokenCache(
        hash: hash, bounds: .init(initialBits: 3, largestBits: bits, largestArena: arena),
        users: team.users)
      // Each with groups of its own, so that they meet the same pre-tokens at different times.
      let all = ParallelWork.map(team.users) { user in
        var encoder = PreTokenEncoder(
          model, sharing: cache, as: user)
        return (0..<3).map { Self.encode(preTokens, &encoder, atOnce: 7 + 90 * $0 + user) }
      }
      for (user, answers) in all.enumerated() {
        for ids in answers {
          #expect(ids == expected, "user \(user), \(bits) bits, \(arena) bytes")
        }
      }
    }
  }

  /// What one of a team has merged the others find.
  @Test(arguments: PreTokenHash.available) func aTeamMergesOnce(hash: PreTokenHash) throws {
    let model = try Self.model(firstID: 0)
    var random = SeededRandom(seed: 11)
    let preTokens = Self.preTokens(&random).filter { $0.count <= PreTokenKey.longest }
    let cache = PreTokenCache(hash: hash, users: 2)
    var one = PreTokenEncoder(model, sharing: cache, as: 0)
    var other = PreTokenEncoder(model, sharing: cache, as: 1)
    let first = Self.encode(preTokens, &one, atOnce: 100)
    let second = Self.encode(preTokens, &other, atOnce: preTokens.count)
    #expect(first == second)
    let missing = other.missing
    #expect(missing == 0)
  }

  /// A slot that another thread has claimed, and not filled yet, is passed over: its pre-token is merged without one.
  @Test(arguments: PreTokenHash.available) func claimsOfOthersArePassedOver(hash: PreTokenHash)
    throws
  {
    let model = try Self.model(firstID: 0)
    let naive = NaiveBPE(model)
    let preTokens = ["the", "the", "a pre-token of more than fifteen bytes", "and", "the"].map {
      Array($0.utf8)
    }
    let cache = PreTokenCache(hash: hash, users: 2)
    var encoder = PreTokenEncoder(model, sharing: cache, as: 0)
    // As another user leaves them between a look-up and the end of its group.
    cache.use(by: 1, claiming: 2) { storage in
      let view = unsafe storage.view(isShared: true)
      for preToken in [preTokens[0], preTokens[2]] {
        let found = PreTokenCacheStorage.keys(
          of: preToken, [preToken.count], hash: hash, bits: storage.bits)
        let key = PreTokenKey(low: found.keys[0][0], high: found.keys[0][1])
        let slot = unsafe view.slots + Int(found.places[0]) / MemoryLayout<pre_token_slot>.stride
        #expect(unsafe slot_claim(slot, key, 0, 1) != 0)
        // Taken now.
        #expect(unsafe slot_claim(slot, key, 0, 1) == 0)
      }
      return 2
    }
    for _ in 0..<2 {
      #expect(Self.encode(preTokens, &encoder, atOnce: 5) == preTokens.flatMap { naive.encode($0) })
    }
    let missing = encoder.missing
    #expect(missing == 4, "three times \"the\" and the long one")
  }

  /// An empty cache that is told of a long text has about the size that it will have, all of it free.
  @Test(arguments: [1, 3]) func aCacheIsMadeForALongText(users: Int) throws {
    let model = try Self.model(firstID: 0)
    let cache = PreTokenCache(hash: .portable, users: users)
    cache.expect(1000, model.seeds)
    var bits = 0
    cache.use(by: 0, claiming: 0) { storage in
      bits = storage.bits
      return 0
    }
    #expect(bits == 13)
    cache.expect(20 << 20, model.seeds)
    var taken = 0
    cache.use(by: 0, claiming: 0) { storage in
      bits = storage.bits
      let view = unsafe storage.view(isShared: false)
      taken = (0..<(1 << bits)).count { unsafe view.slots[$0].key.high != 0 }
      return 0
    }
    #expect(bits == 19)
    #expect(taken == 0)
  }

  /// The cache that a prepared model has ready is for one; those who come later copy what it began with.
  @Test func encodersOfAPreparedModelAgree() throws {
    let tokenizer = try SmallTokenizers.bpe(.gpt2, merges: 500)
    let model = try #require(tokenizer.model as? BPEModel)
    var text: [UInt8] = []
    let all = try Fixtures.texts().flatMap(\.self)
    while text.count < 3 << 20 { text += all }
    var plain: [TokenID] = []
    try TextEncoder(tokenizer).encode(text.span, into: &plain)
    tokenizer.prepare()
    #expect(model.seeds.hasReady)
    for _ in 0..<3 {
      var ids: [TokenID] = []
      try TextEncoder(tokenizer).encode(text.span, into: &ids)
      #expect(ids == plain)
    }
    #expect(!model.seeds.hasReady)
  }

  @Test func eachEngineHasItsHash() {
    func orPlain(_ hash: PreTokenHash) -> PreTokenHash {
      PreTokenHash.available.contains(hash) ? hash : .multiplication
    }
    #expect(PreTokenHash(nil) == .portable)
    #expect(PreTokenHash(.plain) == .multiplication)
    #if arch(arm64)
      #expect(PreTokenHash(.baseline) == orPlain(.crc32))
    #else
      #expect(PreTokenHash(.baseline) == .multiplication)
    #endif
    #expect(PreTokenHash(.avx2) == orPlain(.crc32))
    #expect(PreTokenHash(.avx512) == orPlain(.vectors))
  }

  /// Ids that were missing come to their gaps, whatever lies between two of them and however many they are, and nothing
  /// beside them changes.
  @Test(.tags(.property), arguments: UInt64(1)...200)
  func missingIDsComeToTheirGaps(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let written = (0..<random.below(random.pick([4, 40, 400]))).map { UInt32($0) }
    var misses: [pre_token_miss] = []
    var news = (0..<UInt32(INSERT_SLACK)).map { 5000 + $0 }
    var expected: [UInt32] = []
    var gap = 0
    for _ in 0..<random.below(20) {
      let next = min(written.count, gap + random.below(random.pick([2, 20, 100])))
      expected += written[gap..<next]
      gap = next
      let count = 1 + random.below(random.pick([3, 16, 60]))
      let ids = (0..<count).map { UInt32(10_000 * (misses.count + 1) + $0) }
      expected += ids
      misses.append(
        pre_token_miss(
          index: 0, gap: UInt32(gap), slot: 0, first: 0, place: UInt32(news.count),
          count: UInt32(count)))
      news += ids + [7000, 7001, 7002]
    }
    expected += written[gap...]
    let room = (0..<UInt32(8)).map { 9000 + $0 }
    var ids = written + [UInt32](repeating: 0, count: expected.count - written.count) + room
    let count = unsafe ids.withUnsafeMutableBufferPointer { ids in
      unsafe misses.withUnsafeBufferPointer { misses in
        unsafe news.withUnsafeBufferPointer { news in
          // Room for all of them was made, and every place has the slack before it.
          unsafe ids_insert(
            ids.baseAddress, written.count, misses.baseAddress, misses.count, news.baseAddress)
        }
      }
    }
    #expect(count == expected.count)
    #expect(ids == expected + room)
  }
}

extension PreTokenCacheStorage {
  /// The keys of pre-tokens, each as its two words, and where their slots are.
  static func keys(
    of text: [UInt8], _ ends: [Int], hash: PreTokenHash, bits: Int = 13
  ) -> (keys: [[UInt64]], places: [UInt32]) {
    let cache = PreTokenCacheStorage(hash: hash, bounds: .init(initialBits: bits))
    let room = ends.count + Int(KEY_SLACK)
    var keys = [PreTokenKey](repeating: PreTokenKey.tooLong, count: room)
    var places = [UInt32](repeating: 0, count: room)
    let count = ends.count
    unsafe text.withUnsafeBufferPointer { text in
      unsafe ends.withUnsafeBufferPointer { ends in
        unsafe keys.withUnsafeMutableBufferPointer { keys in
          unsafe places.withUnsafeMutableBufferPointer { places in
            // Both have an element for each end, and those that may be written besides.
            guard let base = text.baseAddress, let ends = ends.baseAddress,
              let firstKey = keys.baseAddress, let places = places.baseAddress
            else { return }
            unsafe cache.prepare(
              pre_token_batch(text: base, count: text.count, start: 0, ends: ends, n: count),
              keys: firstKey, places: places)
          }
        }
      }
    }
    return (keys.prefix(count).map(\.words), Array(places.prefix(count)))
  }
}
