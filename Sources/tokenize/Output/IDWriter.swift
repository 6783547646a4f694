import Tokenizers

/// `ids`: decimal numbers separated by single spaces, one line a document.
final class IDWriter: TokenWriter {
  private let output: OutputFile
  private var digits = DecimalBuffer()
  private var isLineEmpty = true

  private let largest: Int

  init(_ output: OutputFile, largest: Int) {
    self.output = output
    self.largest = largest
  }

  var formatter: IDFormatter? { .decimal(DecimalTable(largest: largest)) }

  func write(formatted bytes: Span<UInt8>) throws {
    if bytes.isEmpty { return }
    // The first id of a line stands without its space.
    try output.write(bytes.extracting((isLineEmpty ? 1 : 0)..<bytes.count))
    isLineEmpty = false
  }

  func write(_ ids: [TokenID]) throws {
    if ids.isEmpty { return }
    try digits.write(ids, separator: 0x20, leading: !isLineEmpty) { try output.write($0) }
    isLineEmpty = false
  }

  func endDocument() throws {
    try output.withBuffer { $0.append(0x0A) }
    isLineEmpty = true
  }
}
