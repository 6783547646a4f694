import Tokenizers

/// Reads the texts to train on, and notes what they were: names, lengths, digests.
final class CorpusReader {
  private let inputs: [Input]
  private let lines: Bool
  private let meter: ProgressMeter
  private var entries: [(name: String, bytes: Int, sha256: String)] = []
  /// Bytes of all texts.
  private(set) var byteCount = 0

  init(inputs: [Input], lines: Bool, meter: ProgressMeter) {
    self.inputs = inputs
    self.lines = lines
    self.meter = meter
  }

  /// Reads all texts, which come in pieces.
  func read(append: (Span<UInt8>) throws -> Void, endDocument: () throws -> Void) throws {
    for input in inputs {
      var digest = Digest()
      var size = 0
      var isLineOpen = false
      try input.forEachBlock { block in
        digest.update(block)
        size += block.count
        byteCount += block.count
        meter.update(byteCount)
        guard lines else { return try append(block) }
        var start = 0
        while start < block.count {
          let end = block.firstIndex(of: 0x0A, from: start)
          try append(block.extracting(start..<(end ?? block.count)))
          isLineOpen = end == nil
          guard let end else { break }
          try endDocument()
          start = end + 1
        }
      }
      do {
        if !lines || isLineOpen { try endDocument() }
      } catch {
        throw Failure.of(input.name, error)
      }
      entries.append((Paths.name(of: input.name), size, digest.hexadecimal))
    }
    meter.finish(byteCount)
  }

  /// What was read, sorted, so that the order of the files leaves no trace.
  var manifest: JSONValue {
    .array(
      entries.sorted { ($0.name, $0.sha256) < ($1.name, $1.sha256) }.map { entry in
        .members([
          "name": .string(entry.name), "bytes": .integer(entry.bytes),
          "sha256": .string(entry.sha256),
        ])
      })
  }
}
