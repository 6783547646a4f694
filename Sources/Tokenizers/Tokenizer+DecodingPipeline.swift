/// A part of a file of ids on its way through a pipeline, and its text. Owned by one thread at a time.
package final class TokenPart {
  /// Which document, from 0.
  package internal(set) var document = 0
  /// How many ids of the document come before.
  package internal(set) var offset = 0
  /// Whether the document ends with it.
  package internal(set) var isLast = false
  /// Its ids.
  package internal(set) var ids: [TokenID] = []
  /// Their text.
  package internal(set) var text = ByteBuffer()

  fileprivate var bytes: [UInt8] = []
  fileprivate var byteCount = 0
}

/// What a thread keeps from part to part.
private final class DecodingThread {
  // Made when it is needed first: a short file needs one of all.
  lazy var decoder = ByteDecoder(vocabulary)
  private let vocabulary: Vocabulary

  init(_ vocabulary: Vocabulary) { self.vocabulary = vocabulary }
}

/// Decodes files of ids of two or four bytes on several threads, and hands the text on in order.
package final class DecodingPipeline {
  private let format: TokenFileFormat
  private let width: Int
  private let skipped: SpecialTokens?
  private let parts: [TokenPart]
  private let threads: [DecodingThread]
  private let partSize: Int
  private var document = -1
  private var offset = 0
  private var isOpen = false

  /// Nil for other formats, and for models whose tokens do not simply follow each other.
  ///
  /// - Parameters:
  ///   - skipped: Special tokens that leave no bytes.
  ///   - partSize: How many bytes of a file are decoded at a time by each thread.
  package init?(
    _ tokenizer: Tokenizer, _ format: TokenFileFormat, skipping skipped: SpecialTokens?,
    threads: Int, partSize: Int = 1 << 17
  ) {
    switch format {
    case .u16: width = 2
    case .u32: width = 4
    case .ids, .jsonl, .npy, .llmc: return nil
    }
    guard tokenizer.makeDecoder() is ByteDecoder else { return nil }
    self.format = format
    self.skipped = skipped
    self.partSize = max(1, partSize / 4) * 4
    self.threads = (0..<max(1, threads)).map { _ in DecodingThread(tokenizer.vocabulary) }
    parts = (0..<OrderedPipeline.partCount(threads: threads)).map { _ in TokenPart() }
  }

  /// Works on all documents; the closures are those of `EncodingPipeline.run`.
  ///
  /// - Throws: `DocumentError` with what any of them threw, with a `TokenizerError` or a `FormatError`.
  package func run(
    documents: Int, open: (Int) throws -> Void, read: (inout [UInt8], Int) throws -> Int,
    put: (TokenPart) throws -> Void
  ) throws {
    document = -1
    isOpen = false
    try OrderedPipeline.run(parts, threads: threads.count) { part in
      try take(part, documents, open, read)
    } work: { part, thread in
      do {
        try decode(part, threads[thread].decoder)
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

  private func take(
    _ part: TokenPart, _ documents: Int, _ open: (Int) throws -> Void,
    _ read: (inout [UInt8], Int) throws -> Int
  ) throws -> OrderedPipeline.Taken {
    do {
      if !isOpen {
        document += 1
        guard document < documents else { return .nothing }
        try open(document)
        isOpen = true
        offset = 0
      }
      if part.bytes.isEmpty { part.bytes = [UInt8](repeating: 0, count: partSize) }
      part.document = document
      part.offset = offset / width
      part.byteCount = 0
      part.isLast = false
      while part.byteCount < partSize {
        let count = try read(&part.bytes, part.byteCount)
        if count == 0 {
          isOpen = false
          part.isLast = true
          return document == documents - 1 ? .last : .part
        }
        part.byteCount += count
        offset += count
      }
      return .part
    } catch {
      throw DocumentError(document: document, error: error)
    }
  }

  private func decode(_ part: TokenPart, _ decoder: ByteDecoder) throws {
    part.ids.removeAll(keepingCapacity: true)
    part.text.removeAll()
    if part.byteCount % width == 0 { readWhole(part) } else { throw incomplete(part) }
    do throws(TokenizerError) {
      try Self.decode(part.ids, decoder, skipped, &part.text)
    } catch {
      if case .unknownTokenID(let id, let index) = error {
        throw TokenizerError.unknownTokenID(id, index: part.offset + index)
      }
      throw error
    }
  }

  private static func decode(
    _ ids: [TokenID], _ decoder: ByteDecoder, _ skipped: SpecialTokens?, _ text: inout ByteBuffer
  ) throws(TokenizerError) {
    try decoder.decode(ids.span, skipping: skipped, into: &text)
  }

  /// What the reader has to say of a file that ends inside of an id.
  private func incomplete(_ part: TokenPart) -> FormatError {
    var reader = TokenFileReader(format)
    var ids: [TokenID] = []
    let bytes = Array(part.bytes[..<part.byteCount])
    do throws(FormatError) {
      try reader.append(bytes.span, to: &ids)
      try reader.finish(&ids)
    } catch {
      guard case .byte(let place) = error.place else { return error }
      return FormatError(place: .byte(place + part.offset * width), message: error.message)
    }
    return FormatError(place: .file, message: "the file ends inside of an id")
  }

  /// Reads whole ids.
  private func readWhole(_ part: TokenPart) {
    let width = width
    let count = part.byteCount / width
    // Or the memory that all empty arrays share would be written to.
    if count == 0 { return }
    let bytes = part.bytes
    part.ids.append(addingCapacity: count) { output in
      // `count` ids of `width` bytes lie in `bytes`, and there is room for them.
      unsafe bytes.withUnsafeBytes { bytes in
        unsafe output.withUnsafeMutableBufferPointer { ids, initialized in
          for index in 0..<count {
            let value =
              width == 2
              ? UInt32(
                unsafe bytes.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self).littleEndian)
              : unsafe bytes.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self).littleEndian
            unsafe ids[index] = TokenID(value)
          }
          initialized = count
        }
      }
    }
  }
}
