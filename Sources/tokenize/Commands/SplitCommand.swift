import ArgumentParser
import Tokenizers

/// `tokenize split`
struct SplitCommand: ParsableCommand {
  /// How pre-tokens are written.
  enum Format: String, Choice {
    case pieces, json, offsets, count
  }

  static let configuration = CommandConfiguration(
    commandName: "split",
    abstract: "Cut text into pre-tokens: the pieces that no merge crosses.",
    discussion: """
      One pre-token a line, while text still comes in. 'pieces' spells bytes as GPT-2's files do (a space \
      is \u{120}, a newline \u{10A}), so that any bytes can be told; 'json' is one string literal a line and needs valid \
      UTF-8 ('--invalid-utf8 replace' makes it so); 'offsets' is where each begins and ends, in bytes; \
      'count' is one number, how many there are.

      Patterns: \(PatternArgument.names), or a regular expression of PCRE2 whose classes mean what Unicode \
      \(UnicodeVersion.pinned) says. What lies between the matches of an expression is a pre-token too.

      Examples:
        echo "I'm 42 years old" | tokenize split --pattern gpt2
        tokenize split --pattern '\\p{L}+|\\p{N}{1,3}' --format json notes.txt
        tokenize split --pattern o200k --format count corpus.txt
      """)

  @Option(
    help: ArgumentHelp(
      "The split pattern: \(PatternArgument.names), or a regular expression.",
      valueName: "name|regex"))
  var pattern: PatternArgument

  @Option(help: "How pre-tokens are written.")
  var format = Format.pieces

  @OptionGroup var text: TextOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var engine: EngineOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var reporting: RunOptions
  @OptionGroup var input: InputOptions

  func run() throws {
    let inputs = try input.open()
    // A JSON string cannot hold bytes that are not UTF-8.
    let policy =
      format == .json && text.invalidUTF8 == .bytes ? InvalidUTF8Policy.refuse : text.invalidUTF8
    let splitter = StreamSplitter(
      try engine.checked().makePreTokenizer(for: try pattern.checked()),
      invalidUTF8: policy, threads: threads.count)
    let output = try output.open()
    let meter = reporting.diagnostics.meter("splitting", unit: "B")
    var done = 0
    var total = 0
    for input in inputs {
      var offset = 0
      func write(_ text: Span<UInt8>, _ ends: [Int]) throws {
        total += ends.count
        if format != .count { try self.write(text, ends, offset, output) }
        offset += text.count
      }
      try input.forEachBlock { block in
        try splitter.append(block) { try write($0, $1) }
        done += block.count
        meter.update(done)
      }
      do {
        try splitter.finish { try write($0, $1) }
      } catch {
        throw Failure.of(input.name, error)
      }
    }
    if format == .count { try output.write("\(total)\n") }
    try output.finish()
    meter.finish(done)
  }

  private func write(
    _ text: Span<UInt8>, _ ends: [Int], _ offset: Int, _ output: OutputFile
  ) throws {
    var start = 0
    for end in ends {
      switch format {
      case .count: break
      case .offsets: try output.write("\(offset + start) \(offset + end)\n")
      case .pieces: try output.write(ByteAlphabet.spelling(of: text.bytes(start..<end)) + "\n")
      case .json:
        let string = String(decoding: text.bytes(start..<end), as: UTF8.self)
        try output.write(JSONValue.quoted(string) + "\n")
      }
      start = end
    }
    try output.flush()
  }
}

extension Span where Element == UInt8 {
  /// A copy of the bytes of a range.
  func bytes(_ range: Range<Int>) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(range.count)
    for position in range { bytes.append(self[position]) }
    return bytes
  }
}
