import Tokenizers

/// `ids`: decimal numbers separated by single spaces, one line a document.
final class IDWriter: TokenWriter {
  private let output: OutputFile
  private var digits = DecimalBuffer()
  private var isLineEmpty = true

  init(_ output: OutputFile) { self.output = output }

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
