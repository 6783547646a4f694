extension Tokenizer {
  /// The ids of a text.
  ///
  /// - Parameters:
  ///   - text: Any string.
  ///   - special: What to do where it spells a special token.
  ///   - addSpecialTokens: Whether to begin with `<bos>` and end with `<eos>`, where the tokenizer has them.
  /// - Complexity: O(n log n) in the length of the longest pre-token, else O(n).
  public func encode(
    _ text: String, special: SpecialTokenPolicy = .text, addSpecialTokens: Bool = false
  ) throws(TokenizerError) -> [TokenID] {
    var ids: [TokenID] = []
    if addSpecialTokens, let first = specialTokens["<bos>"] { ids.append(first) }
    var text = text
    text.makeContiguousUTF8()
    let encoder = TextEncoder(self, EncodingOptions(special: special))
    try encoder.encode(text.utf8Span.span, into: &ids)
    if addSpecialTokens, let last = specialTokens["<eos>"] { ids.append(last) }
    return ids
  }

  /// The ids of a text in which nothing is special.
  public func encodeOrdinary(_ text: String) throws(TokenizerError) -> [TokenID] {
    try encode(text, special: .text)
  }

  /// The ids of bytes, valid UTF-8 or not.
  ///
  /// - Parameters:
  ///   - bytes: A whole text: its end counts as the end of the text.
  ///   - options: What to do with special tokens and with bad bytes.
  ///   - threads: On how many threads to work, at least 1. The ids do not depend on it.
  public func encode(
    _ bytes: Span<UInt8>, options: EncodingOptions = EncodingOptions(), threads: Int = 1
  ) throws(TokenizerError) -> [TokenID] {
    var ids: [TokenID] = []
    try TextEncoder(self, options, threads: threads).encode(bytes, into: &ids)
    return ids
  }

  /// The number of ids that `encode` gives, without keeping them.
  public func count(
    _ bytes: Span<UInt8>, options: EncodingOptions = EncodingOptions(), threads: Int = 1
  ) throws(TokenizerError) -> Int {
    let encoder = StreamEncoder(self, options: options, threads: threads)
    var count = 0
    var start = 0
    while start < bytes.count {
      let end = min(bytes.count, start + (1 << 20))
      for piece in try encoder.append(bytes.extracting(start..<end)) { count += piece.count }
      start = end
    }
    for piece in try encoder.finish() { count += piece.count }
    return count
  }
}

/// Encodes whole texts, one after another, and remembers the pre-tokens that it has met: who has many texts
/// keeps one of these, and one array for the ids.
///
///     let encoder = TextEncoder(tokenizer)
///     var ids: [TokenID] = []
///     for text in texts {
///       ids.removeAll(keepingCapacity: true)
///       try encoder.encode(text.utf8Span.span, into: &ids)
///     }
///
/// For one thread at a time; the work on a long text may be shared out to several. Memory is bounded whatever the
/// texts are.
public final class TextEncoder {
  /// From so many bytes on, room for the ids of a text is made at once.
  private static let worthRoom = 1 << 18
  /// From so many bytes on, that room gets its pages before they are written to, and encoders hear how long the text is.
  private static let worthPages = 1 << 20
  /// Bytes that are checked, split and encoded before the next are looked at: they stay in a second-level cache.
  private static let stretch = 1 << 18
  /// In how many bytes before the end of a stretch a cut is looked for.
  private static let cutSearch = 1 << 12
  /// From so many bytes on, ids are more than caches hold: they are written past them.
  static let worthPassingCaches = 1 << 24
  /// Up to so many bytes, room for an id a byte: 256 MiB of addresses.
  static let mostRoom = 1 << 26
  /// From so many bytes on, more than one thread is worth it.
  private static let worthThreads = 1 << 17

  private let tokenizer: Tokenizer
  private let options: EncodingOptions
  private let encoder: any TokenEncoder
  private let threads: Int
  private lazy var parallel = ParallelEncoder(tokenizer, options, threads: threads)
  /// Of the ids of the text at hand, if it is long.
  private var ahead: RoomAhead?

  /// An encoder with nothing to remember yet.
  ///
  /// - Parameter threads: On how many threads to work where a text is long, at least 1. The ids do not depend on it.
  public convenience init(
    _ tokenizer: Tokenizer, options: EncodingOptions = EncodingOptions(), threads: Int = 1
  ) {
    self.init(tokenizer, options, threads: threads)
  }

  convenience init(_ tokenizer: Tokenizer, _ options: EncodingOptions, threads: Int = 1) {
    self.init(tokenizer, options, threads: threads, tokenizer.model.makeEncoder())
  }

  private init(
    _ tokenizer: Tokenizer, _ options: EncodingOptions, threads: Int, _ encoder: any TokenEncoder
  ) {
    self.tokenizer = tokenizer
    self.options = options
    self.threads = threads
    self.encoder = encoder
  }

  /// Encoders for so many threads that work on one text together.
  static func team(_ tokenizer: Tokenizer, _ options: EncodingOptions, count: Int) -> [TextEncoder]
  {
    tokenizer.model.makeEncoders(count).map { TextEncoder(tokenizer, options, threads: 1, $0) }
  }

  /// Appends the ids of a whole text, any bytes. On an error `ids` is as it was before.
  ///
  /// - Complexity: O(n) in the bytes of the text, O(n log n) in those of a pre-token.
  public func encode(_ text: Span<UInt8>, into ids: inout [TokenID]) throws(TokenizerError) {
    let countBefore = ids.count
    if threads > 1, text.count >= Self.worthThreads {
      do throws(TokenizerError) {
        return try parallel.encode(text, into: &ids)
      } catch {
        ids.removeSubrange(countBefore...)
        throw error
      }
    }
    // Short texts leave it to the array to grow, which takes account of what it held before. Of others an id a
    // byte, the most there can be, or what prose takes: memory that is not written to costs nothing.
    if text.count >= Self.worthRoom {
      if text.count >= Self.worthPages { ahead = RoomAhead(ids) }
      ids.reserve(text.count <= Self.mostRoom ? text.count : text.count / 3)
    }
    defer { ahead = nil }
    do throws(TokenizerError) {
      var start = 0
      if options.special != .text {
        while let (range, entry) = tokenizer.specialTokens.first(in: text, from: start) {
          if options.special == .refuse {
            throw TokenizerError.specialTokenInText(entry.text, offset: range.lowerBound)
          }
          try encodeOrdinary(text, start..<range.lowerBound, into: &ids)
          ids.append(entry.id)
          start = range.upperBound
        }
      }
      try encodeOrdinary(text, start..<text.count, into: &ids)
    } catch {
      ids.removeSubrange(countBefore...)
      throw error
    }
  }

  /// Appends the ids of a range of `text` that is a text of its own and holds nothing special.
  func encodeOrdinary(
    _ text: Span<UInt8>, _ range: Range<Int>, into ids: inout [TokenID]
  ) throws(TokenizerError) {
    expect(range.count)
    var start = range.lowerBound
    while start < range.upperBound {
      let end = endOfStretch(in: text, start..<range.upperBound)
      // Most texts have an id for every two to four bytes; one long piece may have few.
      ahead?.provide(min(end - start, Self.stretch) / 2, behind: &ids)
      do {
        try encodeStretch(text.extracting(start..<end), into: &ids)
      } catch {
        throw error.moved(by: start)
      }
      start = end
    }
  }

  /// Says that about so many bytes are to be encoded now.
  func expect(_ byteCount: Int) {
    if byteCount >= Self.worthPages { encoder.expect(byteCount) }
  }

  /// Where to stop first in a range of `text`: at a place where it may be cut, looked for shortly before the end of a
  /// stretch, or of the next one. One that is further away is not worth looking at every byte.
  private func endOfStretch(in text: Span<UInt8>, _ range: Range<Int>) -> Int {
    let cuts = tokenizer.model.safeCuts
    var end = range.lowerBound + Self.stretch
    while end < range.upperBound {
      let rest = text.extracting(range.lowerBound..<range.upperBound)
      let length = end - range.lowerBound
      if let cut = cuts.lastSafeCut(in: rest, notBefore: length - Self.cutSearch, notAfter: length)
      {
        return range.lowerBound + cut
      }
      end += Self.stretch
    }
    return range.upperBound
  }

  private func encodeStretch(_ text: Span<UInt8>, into ids: inout [TokenID]) throws(TokenizerError)
  {
    guard let bad = UTF8Validation.firstInvalidSequence(in: text) else {
      return try encoder.encode(text, into: &ids)
    }
    if options.invalidUTF8 == .refuse
      || options.invalidUTF8 == .bytes && !tokenizer.model.encodesAnyBytes
    {
      throw .invalidUTF8(offset: bad.lowerBound)
    }
    let repaired = RepairedText(repairing: text)
    if options.invalidUTF8 == .replace {
      do {
        try encoder.encode(repaired.bytes.span, into: &ids)
      } catch {
        // Offsets are the caller's, not those of the repaired text.
        throw error.mapped { repaired.originalOffset(of: $0) }
      }
    } else {
      try encoder.encode(text, repaired: repaired, into: &ids)
    }
  }
}

extension TokenizerError {
  /// The same error, its offset counted from `distance` bytes earlier.
  func moved(by distance: Int) -> TokenizerError { mapped { $0 + distance } }

  /// The same error at the offset that `place` gives for its own.
  func mapped(_ place: (Int) -> Int) -> TokenizerError {
    switch self {
    case .invalidUTF8(let offset): .invalidUTF8(offset: place(offset))
    case .unknownCharacter(let text, let offset):
      .unknownCharacter(text, offset: place(offset))
    case .unknownWord(let text, let offset): .unknownWord(text, offset: place(offset))
    case .specialTokenInText(let text, let offset):
      .specialTokenInText(text, offset: place(offset))
    case .preTokenization(.matchFailed(let message, let offset)):
      .preTokenization(.matchFailed(message: message, offset: place(offset)))
    case .preTokenization(.badPattern), .preTokenization(.engine), .unknownTokenID, .segmentation,
      .noSuchSpecialToken:
      self
    }
  }
}
