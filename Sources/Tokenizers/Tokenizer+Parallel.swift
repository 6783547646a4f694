/// Encodes on several threads: text is cut at safe places, each part goes to a worker with its own
/// encoder, and the ids come out in the order of the text.
final class ParallelEncoder {
  /// Parts are not made smaller than this many bytes: below, starting a thread costs more than it saves.
  private static let smallestPart = 1 << 15

  private let tokenizer: Tokenizer
  private let options: EncodingOptions
  private let workers: [TextEncoder]

  init(_ tokenizer: Tokenizer, _ options: EncodingOptions, threads: Int) {
    self.tokenizer = tokenizer
    self.options = options
    workers = (0..<max(1, threads)).map { _ in TextEncoder(tokenizer, options) }
  }

  /// What a text consists of: ordinary ranges, each a text of its own, and special tokens.
  enum Part {
    case ordinary(Range<Int>)
    case special(TokenID)
  }

  /// The ids of a whole text, in order, in one piece a worker.
  func encode(_ text: Span<UInt8>) throws(TokenizerError) -> [[TokenID]] {
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
    return try encode(text, parts)
  }

  /// The ids of parts of a text, in order, in one piece a worker.
  func encode(_ text: Span<UInt8>, _ parts: [Part]) throws(TokenizerError) -> [[TokenID]] {
    let shares = divide(text, parts)
    let results = ParallelWork.map(shares.count) { index -> Result<[TokenID], TokenizerError> in
      var ids: [TokenID] = []
      do throws(TokenizerError) {
        for part in shares[index] {
          switch part {
          case .ordinary(let range):
            try workers[index].encodeOrdinary(text, range, into: &ids)
          case .special(let id): ids.append(id)
          }
        }
        return .success(ids)
      } catch {
        return .failure(error)
      }
    }
    var pieces: [[TokenID]] = []
    for result in results { pieces.append(try result.get()) }
    return pieces
  }

  /// Shares out parts to the workers, in order, about the same number of bytes to each.
  private func divide(_ text: Span<UInt8>, _ parts: [Part]) -> [[Part]] {
    let total = parts.reduce(0) { sum, part in
      if case .ordinary(let range) = part { sum + range.count } else { sum }
    }
    let count = min(workers.count, max(1, total / Self.smallestPart))
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
    pending.append(bytes) ? try encodePending(isEnd: false) : []
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
    let pieces: [[TokenID]]
    do {
      pieces = try parallel.encode(pending.bytes.span, parts)
    } catch {
      throw error.moved(by: pending.offset)
    }
    if !isEnd { pending.remove(upTo: start, searchedTo: limit) }
    return pieces
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
