import ArgumentParser
import Tokenizers

/// What is read.
struct InputOptions: ParsableArguments {
  @Argument(
    help: ArgumentHelp(
      "Files to read, each a document of its own; '-' and no file at all are standard input.",
      valueName: "file"),
    completion: .file())
  var files: [String] = []

  /// The inputs in order, each known to be there.
  func open() throws -> [Input] {
    let inputs = (files.isEmpty ? ["-"] : files).map { Input($0) }
    for input in inputs { try input.check() }
    return inputs
  }
}

/// How bytes become text.
struct TextOptions: ParsableArguments {
  @Option(
    name: .customLong("invalid-utf8"),
    help: """
      Bytes that are not UTF-8: 'bytes' keeps them, so that decoding gives them back; 'replace' puts \
      U+FFFD in their place; 'refuse' exits with 65.
      """)
  var invalidUTF8 = InvalidUTF8Policy.bytes
}
