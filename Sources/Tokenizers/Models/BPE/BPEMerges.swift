internal import Synchronization

/// A model's merges and the table of them. Both, or the table alone, wait until something needs them: a
/// few pre-tokens are merged sooner without (`LookupMerger`).
final class BPEMerges: Sendable {
  /// Merges and what follows from them.
  struct Made: Sendable {
    /// In the order of their ranks; nil where the table was prepared, until someone asks for them.
    fileprivate(set) var merges: [BPEModel.Merge]?
    let table: MergeTableStorage
    let looksUpWholePreTokens: Bool
  }

  /// How pairs are ranked without the table.
  enum Order: Sendable {
    /// By the joined token's position in the vocabulary, unless it is one of these: a rank table.
    case positions(except: Set<TokenID>)
    /// By merges whose tokens made have ascending ids.
    case merges([BPEModel.Merge])
  }

  /// How pairs are ranked before the table is made; nil where it was made at once.
  let order: Order?
  /// Bytes of pre-tokens that each encoder merges by look-up before it asks for the table. To find the merges of
  /// a rank table takes longer than to make a table of merges that are known.
  var patience: Int {
    if case .positions = order { return 1 << 15 }
    return 1 << 12
  }

  private let idOfByte: [TokenID]
  private let vocabulary: Vocabulary
  /// What a caller has said; of a rank table the merges say it.
  private let given: Bool
  private let state: Mutex<Made?>

  /// - Throws: As `MergeTableStorage`, whether the table is made now or later.
  init(
    _ order: Order, _ vocabulary: Vocabulary, idOfByte: [TokenID], looksUpWholePreTokens: Bool,
    isDeferrable: Bool
  ) throws(VocabularyError) {
    self.vocabulary = vocabulary
    self.idOfByte = idOfByte
    given = looksUpWholePreTokens
    if isDeferrable, Self.cannotFail(order, vocabulary) {
      self.order = order
      state = Mutex(nil)
    } else {
      self.order = nil
      state = Mutex(try Self.make(order, vocabulary, idOfByte, looksUpWholePreTokens))
    }
  }

  /// A table that was made before.
  init(prepared table: MergeTableStorage, _ vocabulary: Vocabulary, idOfByte: [TokenID]) {
    self.vocabulary = vocabulary
    self.idOfByte = idOfByte
    given = false
    order = nil
    state = Mutex(Made(merges: nil, table: table, looksUpWholePreTokens: false))
  }

  /// Merges and table, made if they are not there. Threads that come meanwhile wait.
  var made: Made {
    state.withLock { state in
      if let state { return state }
      guard let order,
        let made = try? Self.make(order, vocabulary, idOfByte, given)
      else { preconditionFailure("merges that were checked make no table") }
      state = made
      return made
    }
  }

  /// The same, if they are there.
  var ifMade: Made? { state.withLock { $0 } }

  /// The merges, found now if they are not known.
  var merges: [BPEModel.Merge] {
    if case .merges(let merges) = order { return merges }
    let made = made
    if let merges = made.merges { return merges }
    let merges = made.table.merges(in: vocabulary)
    state.withLock { $0?.merges = merges }
    return merges
  }

  /// `BPEModel.looksUpWholePreTokens`; of a rank table, whether some token is one that no merges make.
  var looksUpWholePreTokens: Bool {
    if case .positions = order { return made.looksUpWholePreTokens }
    return given
  }

  /// False if it is known that whole pre-tokens need no look-up.
  var mayLookUpWholePreTokens: Bool { ifMade?.looksUpWholePreTokens ?? given }

  /// Whether the table can be made of these merges, which fit the vocabulary.
  ///
  /// There are no more merges than tokens: each makes another one. And no pair stands twice: its joined
  /// bytes are one token.
  private static func cannotFail(_ order: Order, _ vocabulary: Vocabulary) -> Bool {
    guard vocabulary.count < MergeTableStorage.largestSymbolCount else { return false }
    switch order {
    case .positions: return true
    case .merges(let merges):
      var last: TokenID?
      for merge in merges {
        if let last, last >= merge.merged { return false }
        last = merge.merged
      }
      return true
    }
  }

  private static func make(
    _ order: Order, _ vocabulary: Vocabulary, _ idOfByte: [TokenID], _ looksUpWholePreTokens: Bool
  ) throws(VocabularyError) -> Made {
    switch order {
    case .merges(let merges):
      return Made(
        merges: merges, table: try MergeTableStorage(merges, idOfByte: idOfByte),
        looksUpWholePreTokens: looksUpWholePreTokens)
    case .positions(let special):
      let (merges, unreachable) = TiktokenFile.merges(of: vocabulary, except: special)
      return Made(
        merges: merges, table: try MergeTableStorage(merges, idOfByte: idOfByte),
        looksUpWholePreTokens: !unreachable.isEmpty)
    }
  }
}
