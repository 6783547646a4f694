import ArgumentParser
import Tokenizers

/// A split pattern on the command line: a name, or a regular expression.
struct PatternArgument: ExpressibleByArgument {
  let pattern: SplitPattern
  /// As it was written.
  let argument: String

  static let names = SplitPattern.named.map(\.name).joined(separator: ", ")

  init?(argument: String) {
    self.argument = argument
    pattern = SplitPattern.named(argument) ?? SplitPattern(expression: argument)
  }

  var defaultValueDescription: String { argument }

  /// The pattern, once it is clear that no name was misspelt and that PCRE2 takes it.
  func checked() throws -> SplitPattern {
    if pattern.name == "custom" {
      let isWord = argument.utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
          || $0 == 0x5F || $0 == 0x2D
      }
      if isWord {
        throw Failure(
          .usage,
          "--pattern: no pattern is called '\(argument)'; there are \(Self.names)."
            + " (A regular expression that is one word is written in a group: '(?:\(argument))')")
      }
      do {
        _ = try PatternPreTokenizer(pattern)
      } catch {
        throw Failure(.usage, "--pattern '\(argument)': \(error)")
      }
    }
    return pattern
  }
}
