/// Encodes on several threads: text is cut at safe places, each part goes to a thread with an encoder
/// of its own, and the ids come out in the order of the text.
final class ParallelEncoder {
  /// Parts of this size: small enough that no worker waits long for another, and that a part and its ids
  /// stay in the cache of a core; large enough that handing them out costs nothing.
  private static let partSize = 1 << 18
  /// Below so many bytes starting a thread costs more than it saves.
  private static let worthThread = 1 << 15

  private let tokenizer: Tokenizer
  private let options: EncodingOptions
  /// One for each thread; they share what they remember.
  private let encoders: [TextEncoder]
  private let shares: [Share]

  /// A share of the text, and its ids.
  private final class Share {
    var parts: [Part] = []
    var ids: [TokenID] = []
  }

  init(_ tokenizer: Tokenizer, _ options: EncodingOptions, threads: Int) {
    self.tokenizer = tokenizer
    self.options = options
    encoders = TextEncoder.team(tokenizer, options, count: max(1, threads))
    shares = (0..<OrderedPipeline.partCount(threads: threads)).map { _ in Share() }
  }

  /// What a text consists of: ordinary ranges, each a text of its own, and special tokens.
  enum Part {
    case ordinary(Range<Int>)
    case special(TokenID)
  }

  /// Appends the ids of a whole text.
  func encode(_ text: Span<UInt8>, into ids: inout [TokenID]) throws(TokenizerError) {
    // Ids are written where they stay in a core's cache, and copied when it is their turn.
    var ahead = RoomAhead(ids)
    ids.reserve(text.count <= TextEncoder.mostRoom ? text.count : text.count / 3)
    try encode(text, try split(text)) { share in
      ahead.provide(share.ids.count, behind: &ids)
      ids.append(share.ids, pastCaches: text.count >= TextEncoder.worthPassingCaches)
    }
  }

  /// A text as ordinary ranges and special tokens.
  private func split(_ text: Span<UInt8>) throws(TokenizerError) -> [Part] {
    var parts: [Part] = []
    var start = 0
    if options.special != .text {
      while let (range, entry) = tokenizer.specialTokens.first(in: text, from: start) {
        if options.special == .refuse {
          throw .specialTokenInText(entry.text, offset: range.lowerBound)
        }
        parts.append(.ordinary(start..<range.lowerBound))
        parts.append(.special(entry.id))
        start = range.upperBound
      }
    }
    parts.append(.ordinary(start..<text.count))
    return parts
  }

  /// The ids of parts of a text, in order, in any number of pieces.
  func encode(_ text: Span<UInt8>, _ parts: [Part]) throws(TokenizerError) -> [[TokenID]] {
    var pieces: [[TokenID]] = []
    try encode(text, parts) { share in
      pieces.append(share.ids)
      share.ids = []
    }
    return pieces
  }

  /// Encodes parts of a text, and hands shares on in order.
  private func encode(
    _ text: Span<UInt8>, _ parts: [Part], put: (Share) -> Void
  ) throws(TokenizerError) {
    let divided = divide(text, parts)
    encoders[0].expect(text.count)
    var next = 0
    do {
      try OrderedPipeline.run(shares, threads: encoders.count) { share in
        if next == divided.count { return .nothing }
        share.parts = divided[next]
        next += 1
        return next == divided.count ? .last : .part
      } work: { share, thread in
        try Self.encode(text, share, encoders[thread])
      } put: { share in
        put(share)
      }
    } catch let error as TokenizerError {
      throw error
    } catch {
      // Nothing else is thrown above.
      preconditionFailure("\(error)")
    }
  }

  private static func encode(
    _ text: Span<UInt8>, _ share: Share, _ encoder: TextEncoder
  ) throws(TokenizerError) {
    share.ids.removeAll(keepingCapacity: true)
    share.ids.reserveCapacity(room(for: share.parts))
    for part in share.parts {
      switch part {
      case .ordinary(let range):
        try encoder.encodeOrdinary(text, range, into: &share.ids)
      case .special(let id): share.ids.append(id)
      }
    }
  }

  /// About what prose takes: memory that is not used is not touched either.
  private static func room(for share: [Part]) -> Int {
    share.reduce(16) { sum, part in
      if case .ordinary(let range) = part { sum + range.count / 3 } else { sum + 1 }
    }
  }

  /// Collects parts into shares, in order, about the same number of bytes in each.
  private func divide(_ text: Span<UInt8>, _ parts: [Part]) -> [[Part]] {
    let total = parts.reduce(0) { sum, part in
      if case .ordinary(let range) = part { sum + range.count } else { sum }
    }
    var count = min(encoders.count, total / Self.worthThread)
    count = max(1, count, total / Self.partSize)
    if count == 1 { return [parts] }
    let share = (total + count - 1) / count
    var shares: [[Part]] = [[]]
    var filled = 0
    for part in parts {
      guard case .ordinary(var range) = part else {
        shares[shares.count - 1].append(part)
        continue
      }
      while shares.count < count, filled + range.count > share {
        // The cut nearest below the wished one, or the next share takes the whole rest.
        let wished = range.lowerBound + max(0, share - filled)
        let cut =
          tokenizer.model.safeCuts.lastSafeCut(
            in: text.extracting(range), notAfter: wished - range.lowerBound
          ).map { $0 + range.lowerBound } ?? range.lowerBound
        if cut > range.lowerBound {
          shares[shares.count - 1].append(.ordinary(range.lowerBound..<cut))
        }
        if cut == range.lowerBound, filled == 0 { break }
        range = cut..<range.upperBound
        shares.append([])
        filled = 0
      }
      if !range.isEmpty { shares[shares.count - 1].append(.ordinary(range)) }
      filled += range.count
    }
    return shares
  }
}

/// Encodes a stream: bytes go in as they come, ids come out before the end is known, and they are those
/// of the whole text at once. Memory is bounded as long as the text has safe places to cut it at.
///
/// For one thread at a time; the work inside is shared out to several.
public final class StreamEncoder {
  /// Bytes collected for each thread before they are encoded.
  private static let blockSize = 1 << 20

  private let tokenizer: Tokenizer
  private let options: EncodingOptions
  private let parallel: ParallelEncoder
  private var pending: PendingText

  /// An encoder for one stream.
  ///
  /// - Parameter threads: On how many threads to work, at least 1. The ids do not depend on it.
  public convenience init(
    _ tokenizer: Tokenizer, options: EncodingOptions = EncodingOptions(), threads: Int = 1
  ) {
    self.init(tokenizer, options: options, threads: threads, blockSize: Self.blockSize)
  }

  /// As above with another number of bytes to collect for each thread: tests make it small.
  package init(
    _ tokenizer: Tokenizer, options: EncodingOptions, threads: Int, blockSize: Int
  ) {
    self.tokenizer = tokenizer
    self.options = options
    parallel = ParallelEncoder(tokenizer, options, threads: threads)
    pending = PendingText(blockSize: blockSize * max(1, threads))
  }

  /// Takes the next bytes of the stream.
  ///
  /// - Returns: Ids that are certain by now, in order, in any number of pieces.
  /// - Throws: `TokenizerError`, offsets counted from the beginning of the stream. The encoder is then of
  ///   no use any more.
  public func append(_ bytes: Span<UInt8>) throws(TokenizerError) -> [[TokenID]] {
    if options.special == .text, bytes.count >= 2 * pending.blockSize {
      return try encodeDirectly(bytes)
    }
    return pending.append(bytes) ? try encodePending(isEnd: false) : []
  }

  /// Encodes many bytes where they lie; only what waits before them, and what must wait behind, is copied.
  private func encodeDirectly(_ bytes: Span<UInt8>) throws(TokenizerError) -> [[TokenID]] {
    var pieces: [[TokenID]] = []
    var start = 0
    if !pending.bytes.isEmpty {
      // The end of what waits: up to a cut in the first of the new bytes.
      let waiting = pending.bytes.count
      let first = min(bytes.count, 1 << 12)
      _ = pending.append(bytes.extracting(0..<first))
      guard
        let cut = pending.lastSafeCut(tokenizer.model.safeCuts), cut >= waiting
      else {
        let isEnough = pending.append(bytes.extracting(first..<bytes.count))
        return isEnough ? try encodePending(isEnd: false) : []
      }
      pieces = try encodePending([.ordinary(0..<cut)])
      start = cut - waiting
      pending.skip(to: pending.offset + cut)
    }
    let rest = bytes.extracting(start..<bytes.count)
    let cut = tokenizer.model.safeCuts.lastSafeCut(in: rest) ?? 0
    if cut > 0 {
      pieces += try encode(rest.extracting(0..<cut), at: pending.offset)
      pending.skip(to: pending.offset + cut)
    }
    _ = pending.append(rest.extracting(cut..<rest.count))
    return pieces
  }

  /// The ids of ordinary text that begins at an offset of the stream.
  private func encode(
    _ text: Span<UInt8>, at offset: Int
  ) throws(TokenizerError) -> [[TokenID]] {
    do {
      return try parallel.encode(text, [.ordinary(0..<text.count)])
    } catch {
      throw error.moved(by: offset)
    }
  }

  /// Ends the stream. The encoder is then ready for another one.
  ///
  /// - Returns: The ids of what is left, in order, in any number of pieces.
  public func finish() throws(TokenizerError) -> [[TokenID]] {
    let pieces = try encodePending(isEnd: true)
    pending.reset()
    return pieces
  }

  private func encodePending(isEnd: Bool) throws(TokenizerError) -> [[TokenID]] {
    var (parts, start, limit) = try findSpecialTokens(isEnd: isEnd)
    if isEnd {
      parts.append(.ordinary(start..<pending.bytes.count))
      start = pending.bytes.count
    } else if let cut = pending.lastSafeCut(
      tokenizer.model.safeCuts, notBefore: start, notAfter: limit), cut > start
    {
      parts.append(.ordinary(start..<cut))
      start = cut
    }
    let pieces = try encodePending(parts)
    if !isEnd { pending.remove(upTo: start, searchedTo: limit) }
    return pieces
  }

  /// The ids of parts of what waits.
  private func encodePending(
    _ parts: [ParallelEncoder.Part]
  ) throws(TokenizerError) -> [[TokenID]] {
    // Given back before anything changes `pending`, so that nothing is copied.
    let bytes = pending.bytes
    do {
      return try parallel.encode(bytes.span, parts)
    } catch {
      throw error.moved(by: pending.offset)
    }
  }

  /// Splits `pending` at its special tokens.
  ///
  /// - Returns: The parts before the last one's end; where the rest begins; and the end of what may be
  ///   encoded: more of the stream could make a special token out of what follows it.
  private func findSpecialTokens(
    isEnd: Bool
  ) throws(TokenizerError) -> (parts: [ParallelEncoder.Part], start: Int, limit: Int) {
    var parts: [ParallelEncoder.Part] = []
    if options.special == .text { return (parts, 0, pending.bytes.count) }
    let special = tokenizer.specialTokens
    var start = 0
    var position = max(0, pending.searched - special.longestLength)
    let limit =
      isEnd ? pending.bytes.count : special.earliestIncomplete(in: pending.bytes.span, from: 0)
    while let (range, entry) = special.first(in: pending.bytes.span, from: position) {
      if range.lowerBound >= limit { break }
      if options.special == .refuse {
        throw .specialTokenInText(entry.text, offset: pending.offset + range.lowerBound)
      }
      parts.append(.ordinary(start..<range.lowerBound))
      parts.append(.special(entry.id))
      start = range.upperBound
      position = start
    }
    return (parts, start, max(start, limit))
  }
}
