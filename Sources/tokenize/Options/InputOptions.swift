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
  ///
  /// - Parameter includingFolders: Whether a folder stands for the files in it and below.
  func open(includingFolders: Bool = false) throws -> [Input] {
    try Input.open(files, includingFolders: includingFolders)
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
