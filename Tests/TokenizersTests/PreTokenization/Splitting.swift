import TestSupport

@testable import Tokenizers

/// All ends, asked for `limit` at a time.
func ends(
  of text: [UInt8], by splitter: some PreTokenizer, limit: Int = 1024
) throws -> [Int] {
  var ends: [Int] = []
  while (ends.last ?? 0) < text.count {
    let count = ends.count
    try splitter.appendEnds(of: text.span, from: ends.last ?? 0, limit: limit, to: &ends)
    guard ends.count > count, ends.count - count <= limit else { throw SplittingError() }
  }
  return ends
}

/// A batch that was empty or too long.
struct SplittingError: Error {}

/// The pieces between ends.
func pieces(of text: [UInt8], ends: [Int]) -> [[UInt8]] {
  var start = 0
  return ends.map { end in
    defer { start = end }
    return Array(text[start..<end])
  }
}

/// Where two lists of ends differ first, in words.
func difference(_ text: [UInt8], _ left: [Int], _ right: [Int]) -> String {
  guard left != right else { return "" }
  let index =
    zip(left, right).enumerated().first { $1.0 != $1.1 }?.offset ?? min(left.count, right.count)
  let start = index == 0 ? 0 : left[index - 1]
  let around = text[max(0, start - 20)..<min(text.count, start + 40)]
  return "at \(start): \(left.dropFirst(index).prefix(3)) or \(right.dropFirst(index).prefix(3)), "
    + "around \(escaped(around))"
}

let coveringPatterns: [SplitPattern] = [.gpt2, .cl100k, .o200k, .llama3, .qwen2]
