import ArgumentParser

/// Where results go.
struct OutputOptions: ParsableArguments {
  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      """
      Write to this file, which appears only when it is whole, instead of to standard output.
      """, valueName: "file"),
    completion: .file())
  var output: String?

  func open() throws -> OutputFile { try OutputFile(output) }
}
