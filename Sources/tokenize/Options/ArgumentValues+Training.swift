import ArgumentParser
import Tokenizers

extension TieRule: Choice {}

/// A number of bytes on the command line: `512M`, `2G`.
struct MemorySize: ExpressibleByArgument {
  let bytes: Int

  /// Less than this holds neither a block of text nor a table.
  private static let smallest = 1 << 20

  init?(argument: String) {
    var digits = Substring(argument.uppercased())
    for suffix in ["IB", "B"] where digits.hasSuffix(suffix) {
      digits = digits.dropLast(suffix.count)
      break
    }
    var unit = 1
    if let last = digits.last, let power = "KMGT".firstIndex(of: last) {
      unit = 1 << (10 * ("KMGT".distance(from: "KMGT".startIndex, to: power) + 1))
      digits = digits.dropLast()
    }
    guard let number = Double(digits), digits.first?.isNumber == true else { return nil }
    let bytes = number * Double(unit)
    guard bytes >= Double(Self.smallest), bytes < Double(Int.max) else { return nil }
    self.bytes = Int(bytes)
  }
}
