/// A document's part on its way through a pipeline, and what came of it.
///
/// Owned by one thread at a time; its memory is used again for part after part.
package final class TextPart {
  /// Which document, from 0.
  package internal(set) var document = 0
  /// Where in the document the part begins, in bytes.
  package internal(set) var offset = 0
  /// How many bytes of `text` belong to the part.
  package internal(set) var byteCount = 0
  /// Whether the document ends with it.
  package internal(set) var isLast = false
  /// Its ids.
  package internal(set) var ids: [TokenID] = []
  /// What was made of the ids.
  package var output = ByteBuffer()

  fileprivate var text: [UInt8] = []
}

/// An error, and the document that it is about.
package struct DocumentError: Error {
  /// Which document, from 0.
  package let document: Int
  /// What went wrong.
  package let error: any Error
}

/// Encodes documents one after the other on several threads, each part read, encoded and turned into bytes
/// by the same thread, and hands the results on in order.
///
/// Special tokens in the text are ordinary text: a part may begin wherever a text may be cut.
package final class EncodingPipeline {
  /// Of this size a part, its ids and what is made of them fit in a second-level cache.
  private static let partSize = 1 << 18
  /// The first parts are smaller, so that threads that share a text of a megabyte or less have as much to do, and know
  /// each other's words early.
  private static let firstPartSize = 3 << 15
  /// How many are that small for each thread.
  private static let firstPartCount = 8

  private let rule: SafeCutRule
  private let parts: [TextPart]
  /// One for each thread; they share what they remember.
  private let encoders: [TextEncoder]
  private let partSize: Int
  // How many parts of the first size are to come.
  private var smallParts = 0

  // What has been read and belongs to no part yet; where it begins; whether its document ends with it.
  private var carry: [UInt8] = []
  private var offset = 0
  private var document = -1
  private var documentCount = 0
  private var isOpen = false

  /// - Parameters:
  ///   - byteCount: About how many bytes all documents have together, 0 if it is not known.
  ///   - partSize: About how many bytes are worked on at a time by each thread.
  package init(
    _ tokenizer: Tokenizer, invalidUTF8: InvalidUTF8Policy = .bytes, threads: Int,
    expecting byteCount: Int = 0, partSize: Int = partSize
  ) {
    rule = tokenizer.model.safeCuts
    self.partSize = max(1, partSize)
    let options = EncodingOptions(special: .text, invalidUTF8: invalidUTF8)
    encoders = TextEncoder.team(tokenizer, options, count: max(1, threads))
    encoders[0].expect(byteCount)
    PreTokenCacheStorage.dropMemory()
    parts = (0..<OrderedPipeline.partCount(threads: threads)).map { _ in TextPart() }
  }

  /// Gets the memory in which the next pipeline will encode about so many bytes, while its tokenizer is being read.
  package static func getMemory(expecting byteCount: Int, threads: Int) {
    PreTokenCache.getMemory(forAbout: byteCount)
    // The text of the first parts, their ids and what is made of them.
    let parts = min(OrderedPipeline.partCount(threads: threads), byteCount / firstPartSize)
    SystemMemory.providePages(parts * (firstPartSize * 5 / 2))
  }

  /// Works on all documents.
  ///
  /// - Parameters:
  ///   - documents: How many there are.
  ///   - open: Opens the document with this number.
  ///   - read: Reads more of the open document into the array from an index on; returns how many bytes, 0
  ///     at its end, when it is closed.
  ///   - format: Makes `output` of `ids`. Called by several threads at the same time.
  ///   - put: Takes a part, in order. A document has at least one, the last of which says so.
  /// - Throws: `DocumentError` with what any of them threw, or with a `TokenizerError`.
  package func run(
    documents: Int, open: (Int) throws -> Void, read: (inout [UInt8], Int) throws -> Int,
    format: (TextPart) throws -> Void, put: (TextPart) throws -> Void
  ) throws {
    document = -1
    documentCount = documents
    isOpen = false
    smallParts = Self.firstPartCount * encoders.count
    try OrderedPipeline.run(parts, threads: encoders.count) { part in
      try take(part, open, read)
    } work: { part, thread in
      do {
        part.ids.removeAll(keepingCapacity: true)
        part.output.removeAll()
        // Growing by doubling, as it does otherwise, an array touches twice the pages that it needs.
        if part.ids.capacity == 0 { part.ids.reserve(part.byteCount / 2) }
        try encoders[thread].encode(
          part.text.span.extracting(0..<part.byteCount), into: &part.ids)
        try format(part)
      } catch let error as TokenizerError {
        throw DocumentError(document: part.document, error: error.moved(by: part.offset))
      } catch {
        throw DocumentError(document: part.document, error: error)
      }
    } put: { part in
      do {
        try put(part)
      } catch {
        throw DocumentError(document: part.document, error: error)
      }
    }
  }

  /// Puts the next part into `part`: up to the last safe cut of what could be read, or to the end of the
  /// document. Where there is no cut more is read, until there is one.
  private func take(
    _ part: TextPart, _ open: (Int) throws -> Void, _ read: (inout [UInt8], Int) throws -> Int
  ) throws -> OrderedPipeline.Taken {
    do {
      if !isOpen {
        document += 1
        guard document < documentCount else { return .nothing }
        try open(document)
        isOpen = true
        offset = 0
        carry.removeAll(keepingCapacity: true)
      }
      part.document = document
      part.offset = offset
      part.byteCount = 0
      part.isLast = false
      var filled = carry.count
      var searched = max(0, filled - SafeCutRule.reach)
      var wanted = filled + (smallParts > 0 ? min(partSize, Self.firstPartSize) : partSize)
      smallParts -= 1
      while true {
        if part.text.count < wanted {
          part.text.append(contentsOf: repeatElement(0, count: wanted - part.text.count))
        }
        if !carry.isEmpty {
          part.text.replaceSubrange(0..<carry.count, with: carry)
          carry.removeAll(keepingCapacity: true)
        }
        while filled < wanted {
          let count = try read(&part.text, filled)
          if count == 0 {
            isOpen = false
            part.isLast = true
            part.byteCount = filled
            return document == documentCount - 1 ? .last : .part
          }
          filled += count
        }
        if let cut = rule.lastSafeCut(
          in: part.text.span.extracting(0..<filled), notBefore: searched)
        {
          carry.append(contentsOf: part.text[cut..<filled])
          part.byteCount = cut
          offset += cut
          return .part
        }
        searched = max(0, filled - SafeCutRule.reach)
        wanted = filled * 2
      }
    } catch {
      throw DocumentError(document: document, error: error)
    }
  }
}
