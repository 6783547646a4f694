/// Holds bytes that must wait for others: a file without a name, in the folder for temporary files.
final class SpoolFile {
  private let path: String
  private let descriptor: Descriptor
  private var buffer: [UInt8] = []

  /// An empty spool.
  init() throws {
    let folder = Paths.environment("TMPDIR").flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
    path = TemporaryFiles.name(beside: folder + "/tokenize-spool")
    do {
      descriptor = try Descriptor(creating: path)
    } catch {
      throw Failure(.cannotCreate, "\(path): cannot be made: \(error.reason)")
    }
    // Without a name it is gone when the program is, whatever ends it.
    Paths.remove(path)
  }

  deinit { try? descriptor.close() }

  /// Lets `body` append bytes, a small piece at a time.
  func withBuffer(_ body: (inout [UInt8]) -> Void) throws {
    body(&buffer)
    if buffer.count >= 1 << 18 { try flush() }
  }

  /// Writes all of it to `output` and empties it.
  func move(to output: OutputFile) throws {
    try flush()
    do {
      try descriptor.rewind()
      var block = [UInt8](repeating: 0, count: 1 << 18)
      while true {
        let count = try descriptor.read(into: &block)
        if count == 0 { break }
        try output.write(block.span.extracting(0..<count))
      }
      try descriptor.rewind()
      try descriptor.truncate()
    } catch let error as SystemError {
      throw failure(error)
    }
  }

  private func flush() throws {
    do {
      let bytes = buffer
      try descriptor.write(bytes.span)
    } catch {
      throw failure(error)
    }
    buffer = []
  }

  private func failure(_ error: SystemError) -> Failure {
    Failure(.inputOutput, "\(path): temporary file: \(error.reason)")
  }
}
