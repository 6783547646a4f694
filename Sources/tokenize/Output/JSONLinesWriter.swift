import Tokenizers

/// `jsonl`: one object a document, `{"ids": […]}`, and on request where each token stands in it.
final class JSONLinesWriter: TokenWriter {
  private let output: OutputFile
  private let tokenizer: Tokenizer
  private var digits = DecimalBuffer()
  private var isEmpty = true
  /// The list of offsets, which comes after the list of ids and may be as long as the text.
  private let offsets: SpoolFile?
  private var offset = 0

  init(_ output: OutputFile, _ tokenizer: Tokenizer, offsets: Bool) throws {
    self.output = output
    self.tokenizer = tokenizer
    self.offsets = offsets ? try SpoolFile() : nil
  }

  func write(_ ids: [TokenID]) throws {
    try write(ids) { tokenizer.vocabulary.bytes(of: $0)?.count ?? 0 }
  }

  func writeAdded(_ id: TokenID) throws { try write([id]) { _ in 0 } }

  /// Tokens lie end to end: each begins where the one before ended.
  private func write(_ ids: [TokenID], length: (TokenID) -> Int) throws {
    if ids.isEmpty { return }
    if isEmpty { try output.write("{\"ids\":[") }
    if let offsets {
      for (index, id) in ids.enumerated() {
        let end = offset + length(id)
        let separator = index > 0 || !isEmpty ? "," : ""
        try offsets.withBuffer { $0.append(contentsOf: "\(separator)[\(offset),\(end)]".utf8) }
        offset = end
      }
    }
    try digits.write(ids, separator: UInt8(ascii: ","), leading: !isEmpty) { try output.write($0) }
    isEmpty = false
  }

  func endDocument() throws {
    if isEmpty { try output.write("{\"ids\":[") }
    try output.write("]")
    if let offsets {
      try output.write(",\"offsets\":[")
      try offsets.move(to: output)
      try output.write("]")
    }
    try output.write("}\n")
    isEmpty = true
    offset = 0
  }
}
