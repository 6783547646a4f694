import ArgumentParser
import CPatternLoop
import Tokenizers

/// Our use of PCRE2 for a user's expression beside a loop in C over `pcre2_jit_match`, in turns.
struct PatternCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pattern",
    abstract: "Split texts by a regular expression, by this library and by a loop in C, in turns.",
    discussion: """
      The loop uses PCRE2's own classes of characters, this library those of Unicode 16.0. Where the two \
      give other pieces, that is said and no time is printed.
      """)

  @Option(help: "An expression; may be repeated.")
  var expression: [String] = [
    #"\p{L}+|\p{N}{1,3}|[^\s\p{L}\p{N}]+|\s+"#, #" ?\w+|\s+(?!\S)|[^\s\w]+"#, #"[A-Za-z]+"#,
  ]

  @Option(help: "How often each splits each text; medians are printed.")
  var rounds = 5

  @Argument(help: "The texts, in UTF-8.")
  var texts: [String]

  func run() throws {
    let clock = ContinuousClock()
    for text in texts {
      let corpus = try Corpus(path: text)
      for expression in expression {
        let splitter = try PatternPreTokenizer(SplitPattern(expression: expression))
        var ours: [Double] = []
        var theirs: [Double] = []
        var counts = (ours: 0, theirs: 0)
        var sums = (ours: UInt64(0), theirs: UInt64(0))
        for _ in 0..<max(1, rounds) {
          ours.append(
            seconds(
              try clock.measure { (counts.ours, sums.ours) = try Self.split(corpus, splitter) }))
          theirs.append(
            seconds(
              clock.measure {
                // The bytes are read for as long as the call lasts.
                counts.theirs = unsafe corpus.bytes.withUnsafeBufferPointer {
                  unsafe pattern_loop(expression, $0.baseAddress, $0.count, &sums.theirs)
                }
              }))
        }
        guard counts.ours == counts.theirs, sums.ours == sums.theirs else {
          print(
            "\(corpus.name) | \(expression) | other pieces: \(counts.ours) and \(counts.theirs)")
          continue
        }
        let rates = [ours, theirs].map {
          Double(corpus.bytes.count) / $0.sorted()[$0.count / 2] / 1e6
        }
        print(
          "\(corpus.name) | \(expression) | ours \(Int(rates[0])) MB/s | loop in C \(Int(rates[1])) MB/s |"
            + " \(Int((rates[0] / rates[1] * 100).rounded())) %")
      }
    }
  }

  /// How many pieces there are, and the sum that the loop gives.
  private static func split(
    _ corpus: Corpus, _ preTokenizer: PatternPreTokenizer
  ) throws -> (Int, UInt64) {
    let text = corpus.bytes.span
    let splitter = preTokenizer.prepared(for: text)
    var ends: [Int] = []
    var (start, count, sum) = (0, 0, UInt64(0))
    while start < text.count {
      ends.removeAll(keepingCapacity: true)
      try splitter.appendEnds(of: text, from: start, limit: 1024, to: &ends)
      for end in ends {
        count += 1
        sum &+= UInt64(count) &* UInt64(end)
      }
      start = ends[ends.count - 1]
    }
    return (count, sum)
  }
}
