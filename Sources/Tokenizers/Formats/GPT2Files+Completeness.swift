extension GPT2Files {
  /// Whether `vocab.json` and `merges.txt`, without a manifest, give this tokenizer back: it splits as GPT-2
  /// does, and its special tokens are those that the two files show.
  public static func say(
    everythingOf tokenizer: Tokenizer, _ files: [(name: String, bytes: [UInt8])]
  ) throws(FormatError) -> Bool {
    guard tokenizer.splitPattern == .gpt2,
      let vocab = files.first(where: { $0.name == "vocab.json" }),
      let merges = files.first(where: { $0.name == "merges.txt" })
    else { return false }
    let contents = try read(vocab: vocab.bytes, merges: merges.bytes)
    return contents.specialTokens.entries == tokenizer.specialTokens.entries
  }
}
