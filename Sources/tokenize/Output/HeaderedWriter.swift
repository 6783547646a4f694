import Tokenizers

/// What stands before raw ids and tells how many there are.
protocol TokenFileHeader {
  /// The header's bytes, as many for any count.
  ///
  /// - Throws: `Failure` where the header cannot hold the count.
  static func bytes(count: Int, width: Int) throws -> [UInt8]
}

/// Raw ids after a header that holds their number.
///
/// The number is known at the end. In a file the header is written over then; what comes before the end
/// is no valid header. Where nothing can be written over (a pipe), the ids wait in a temporary file.
final class HeaderedWriter<Header: TokenFileHeader>: TokenWriter {
  private let output: OutputFile
  private let width: Int
  private let spool: SpoolFile?
  private var bytes = IDBytes()
  private var count = 0

  init(_ output: OutputFile, width: Int, _: Header.Type) throws {
    self.output = output
    self.width = width
    if output.isOverwritable {
      spool = nil
      let length = try Header.bytes(count: 0, width: width).count
      try output.write([UInt8](repeating: 0, count: length))
    } else {
      spool = try SpoolFile()
    }
  }

  func write(_ ids: [TokenID]) throws {
    count += ids.count
    try bytes.write(ids, width: width) { bytes in
      if let spool {
        // The pointer is not kept.
        try spool.withBuffer { buffer in
          unsafe bytes.withUnsafeBufferPointer { unsafe buffer.append(contentsOf: $0) }
        }
      } else {
        try output.write(bytes)
      }
    }
  }

  func endDocument() {}

  func finish() throws {
    let header = try Header.bytes(count: count, width: width)
    if let spool {
      try output.write(header)
      try spool.move(to: output)
    } else {
      try output.overwriteStart(header)
    }
  }
}
