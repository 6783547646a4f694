import ArgumentParser
import Tokenizers

/// How a comparison is written.
enum TableFormat: String, CaseIterable, ExpressibleByArgument {
  case table, json, csv, markdown

  private static let columns = [
    "tokenizer", "vocabulary", "tokens", "bytes/token", "chars/token", "tokens/word", "ratio",
  ]
  private static let names = [
    "tokenizer", "vocabularySize", "tokens", "bytesPerToken", "charactersPerToken", "tokensPerWord",
    "ratio",
  ]

  func text(
    of rows: [(name: String, report: CompressionReport)], _ text: TextStatistics,
    _ diagnostics: Diagnostics
  ) -> String {
    switch self {
    case .table: return Self.table(rows, text, diagnostics)
    case .markdown: return Self.markdown(rows)
    case .csv: return Self.csv(rows)
    case .json: return Self.json(rows, text)
    }
  }

  private static func cells(_ name: String, _ report: CompressionReport, grouped: Bool) -> [String]
  {
    func number(_ value: Int) -> String { grouped ? Numbers.grouped(value) : String(value) }
    func ratio(_ value: Double?) -> String {
      value.map { Numbers.fixed($0, 3) } ?? (grouped ? "-" : "")
    }
    return [
      name, number(report.vocabularySize), number(report.tokenCount), ratio(report.bytesPerToken),
      ratio(report.charactersPerToken), ratio(report.tokensPerWord), ratio(report.compression),
    ]
  }

  private static func table(
    _ rows: [(name: String, report: CompressionReport)], _ text: TextStatistics,
    _ diagnostics: Diagnostics
  ) -> String {
    let lines = [columns] + rows.map { cells($0.name, $0.report, grouped: true) }
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

  private static func markdown(_ rows: [(name: String, report: CompressionReport)]) -> String {
    var output = "| " + columns.joined(separator: " | ") + " |\n"
    output += "| --- |" + String(repeating: " ---: |", count: columns.count - 1) + "\n"
    for row in rows {
      var cells = cells(row.name, row.report, grouped: true)
      cells[0] = cells[0].split(separator: "|", omittingEmptySubsequences: false).joined(
        separator: "\\|")
      output += "| " + cells.joined(separator: " | ") + " |\n"
    }
    return output
  }

  private static func csv(_ rows: [(name: String, report: CompressionReport)]) -> String {
    var output = names.joined(separator: ",") + "\n"
    for row in rows {
      output +=
        cells(row.name, row.report, grouped: false).map(csvField).joined(separator: ",") + "\n"
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
    _ rows: [(name: String, report: CompressionReport)], _ text: TextStatistics
  ) -> String {
    func ratio(_ value: Double?) -> JSONValue { value.map { .number($0) } ?? .null }
    let document: JSONValue = .members([
      "bytes": .integer(text.byteCount), "characters": .integer(text.characterCount),
      "words": .integer(text.wordCount),
      "tokenizers": .array(
        rows.map { row in
          .members([
            "tokenizer": .string(row.name), "vocabularySize": .integer(row.report.vocabularySize),
            "tokens": .integer(row.report.tokenCount),
            "bytesPerToken": ratio(row.report.bytesPerToken),
            "charactersPerToken": ratio(row.report.charactersPerToken),
            "tokensPerWord": ratio(row.report.tokensPerWord),
            "ratio": ratio(row.report.compression),
          ])
        }),
    ])
    return document.prettyPrinted
  }
}
