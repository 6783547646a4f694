import ArgumentParser
import Tokenizers

/// How a comparison is written.
enum TableFormat: String, Choice {
  case table, json, csv, markdown

  private static let columns = [
    "tokenizer", "vocabulary", "tokens", "bytes/token", "chars/token", "tokens/word", "ratio",
  ]
  private static let names = [
    "tokenizer", "vocabularySize", "tokens", "bytesPerToken", "charactersPerToken", "tokensPerWord",
    "ratio",
  ]

  typealias Rows = [(name: String, report: CompressionReport)]

  /// The table; with `bits`, those that a model needs for a byte, by the tokenizer's name, are a last column.
  func text(
    of rows: Rows, bits: [String: Double]? = nil, _ text: TextStatistics,
    _ diagnostics: Diagnostics
  ) -> String {
    switch self {
    case .table: return Self.table(rows, bits, text, diagnostics)
    case .markdown: return Self.markdown(rows, bits)
    case .csv: return Self.csv(rows, bits)
    case .json: return Self.json(rows, bits, text)
    }
  }

  private static func cells(
    _ name: String, _ report: CompressionReport, _ bits: [String: Double]?, grouped: Bool
  ) -> [String] {
    func number(_ value: Int) -> String { grouped ? Numbers.grouped(value) : String(value) }
    func ratio(_ value: Double?) -> String {
      value.map { Numbers.fixed($0, 3) } ?? (grouped ? "-" : "")
    }
    return [
      name, number(report.vocabularySize), number(report.tokenCount), ratio(report.bytesPerToken),
      ratio(report.charactersPerToken), ratio(report.tokensPerWord), ratio(report.compression),
    ] + (bits.map { [ratio($0[name])] } ?? [])
  }

  private static func table(
    _ rows: Rows, _ bits: [String: Double]?, _ text: TextStatistics, _ diagnostics: Diagnostics
  ) -> String {
    let columns = columns + (bits == nil ? [] : ["bits/byte"])
    let lines = [columns] + rows.map { cells($0.name, $0.report, bits, grouped: true) }
    let widths = columns.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
    var output =
      "\(Numbers.count(text.byteCount, "byte")), "
      + "\(Numbers.count(text.characterCount, "character")), \(Numbers.count(text.wordCount, "word"))\n"
    for (index, line) in lines.enumerated() {
      let row = line.indices.map { column in
        let padding = String(repeating: " ", count: widths[column] - line[column].count)
        return column == 0 ? line[column] + padding : padding + line[column]
      }.joined(separator: "  ")
      output += (index == 0 ? diagnostics.heading(row) : row) + "\n"
    }
    return output
  }

  private static func markdown(_ rows: Rows, _ bits: [String: Double]?) -> String {
    let columns = columns + (bits == nil ? [] : ["bits/byte"])
    var output = "| " + columns.joined(separator: " | ") + " |\n"
    output += "| --- |" + String(repeating: " ---: |", count: columns.count - 1) + "\n"
    for row in rows {
      var cells = cells(row.name, row.report, bits, grouped: true)
      cells[0] = cells[0].split(separator: "|", omittingEmptySubsequences: false).joined(
        separator: "\\|")
      output += "| " + cells.joined(separator: " | ") + " |\n"
    }
    return output
  }

  private static func csv(_ rows: Rows, _ bits: [String: Double]?) -> String {
    let names = names + (bits == nil ? [] : ["bitsPerByte"])
    var output = names.joined(separator: ",") + "\n"
    for row in rows {
      output +=
        cells(row.name, row.report, bits, grouped: false).map(csvField).joined(separator: ",")
        + "\n"
    }
    return output
  }

  /// Quoted where RFC 4180 asks for it.
  private static func csvField(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: { ",\"\n\r".unicodeScalars.contains($0) }) else {
      return text
    }
    let quoted = text.split(separator: "\"", omittingEmptySubsequences: false).joined(
      separator: "\"\"")
    return "\"\(quoted)\""
  }

  private static func json(
    _ rows: Rows, _ bits: [String: Double]?, _ text: TextStatistics
  ) -> String {
    func ratio(_ value: Double?) -> JSONValue { value.map { .number($0) } ?? .null }
    let document: JSONValue = .members([
      "bytes": .integer(text.byteCount), "characters": .integer(text.characterCount),
      "words": .integer(text.wordCount),
      "tokenizers": .array(
        rows.map { row in
          var members: [JSONValue.Member] = [
            .init("tokenizer", .string(row.name)),
            .init("vocabularySize", .integer(row.report.vocabularySize)),
            .init("tokens", .integer(row.report.tokenCount)),
            .init("bytesPerToken", ratio(row.report.bytesPerToken)),
            .init("charactersPerToken", ratio(row.report.charactersPerToken)),
            .init("tokensPerWord", ratio(row.report.tokensPerWord)),
            .init("ratio", ratio(row.report.compression)),
          ]
          if let bits { members.append(.init("bitsPerByte", ratio(bits[row.name]))) }
          return .object(members)
        }),
    ])
    return document.prettyPrinted
  }
}
