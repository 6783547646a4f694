import Tokenizers

/// What extending a vocabulary changes in a text.
struct VocabularyChange {
  /// Tokens of the text by the old vocabulary.
  private let before: Int
  /// Tokens by the new one.
  private let after: Int
  /// Tokens of the old vocabulary that became part of new ones.
  private let changed: Int

  init(
    from old: Tokenizer, to new: Tokenizer, _ text: [UInt8], threads: Int
  ) throws {
    let ids = try new.encode(text.span, threads: threads)
    before = try old.count(text.span, threads: threads)
    after = ids.count
    // New merges only join old tokens: what is not a new token stands there as before.
    let kept = ids.count { old.vocabulary.bytes(of: $0) != nil }
    changed = before - kept
  }

  var description: String {
    let percent =
      before == 0 ? "0" : Numbers.fixed(100 * Double(changed) / Double(before), 1)
    return
      "\(Numbers.grouped(changed)) of \(Numbers.count(before, "token")) changed (\(percent) %),"
      + " \(Numbers.count(after, "token")) now"
  }
}
