internal import Synchronization

/// The tokens of a vocabulary as pre-tokens whose ids are known: what encoders of long texts begin with, so that none of
/// them has to be merged. There only where a model was prepared.
///
/// The ids are those that merging gives, also of tokens that it never makes.
final class PreTokenSeeds: Sendable {
  /// A cache that nobody changes.
  final class Seeds: @unchecked Sendable {
    let storage: PreTokenCacheStorage

    init(_ storage: consuming PreTokenCacheStorage) { self.storage = storage }
  }

  /// Copying them takes as long as merging what is new in a text of this many bytes, about.
  static let worthCopying = 1 << 21
  /// So many fit into a table of 2^17 slots: those with the lowest ids, which are the most frequent.
  private static let most = 55_000

  private struct State: ~Copyable {
    var seeds: Seeds?
    var ready: PreTokenCacheStorage?
  }

  private let state = Mutex(State())

  /// The seeds, if a model was prepared.
  var ifMade: Seeds? { state.withLock { $0.seeds } }

  /// A cache of full size that knows them and that has all of its pages: for the first who asks, if a model was
  /// prepared.
  ///
  /// It has the memory of an encoder, 16 MiB, from then on.
  func takeReady() -> PreTokenCacheStorage? { state.withLock { $0.ready.take() } }

  /// Whether that is still to be taken.
  var hasReady: Bool { state.withLock { $0.ready != nil } }

  /// Makes them, if they are not there.
  ///
  /// - Complexity: O(n log n) in the bytes of the tokens.
  func prepare(_ model: BPEModel) {
    state.withLock { state in
      if state.seeds != nil { return }
      var bytes: [UInt8] = []
      var ends: [Int] = []
      for id in model.vocabulary.tokenIDs where ends.count < Self.most {
        guard let token = model.vocabulary.bytes(of: id), !token.isEmpty,
          token.count <= PreTokenKey.longestInline
        else { continue }
        bytes.append(contentsOf: token)
        ends.append(bytes.count)
      }
      var encoder = PreTokenEncoder(model)
      var ids: [TokenID] = []
      encoder.encode(bytes.span, from: 0, ends.span, into: &ids)
      let seeds = Seeds(encoder.cache.take())
      var ready = PreTokenCacheStorage(copying: seeds.storage)
      ready.growFully()
      state.seeds = seeds
      state.ready = consume ready
    }
  }
}
