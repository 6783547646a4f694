import ArgumentParser

/// What every command has: how much it says, and how many cores it takes.
struct RunOptions: ParsableArguments {
  @Flag(name: .shortAndLong, help: "Say nothing but errors.")
  var quiet = false

  @Option(
    help:
      "Show progress on standard error; 'auto': where that is a terminal; 'json': one object a line."
  )
  var progress = ProgressMode.auto

  @Option(help: "Use colours; 'auto': on a terminal, unless NO_COLOR is set.")
  var color = ColorMode.auto

  var diagnostics: Diagnostics {
    Diagnostics(isQuiet: quiet, progress: progress, color: color)
  }
}

/// How many cores a command takes.
struct ThreadOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "How many threads work at the same time (default: one for each core).", valueName: "n"))
  var threads: Int?

  var count: Int { threads ?? Machine.coreCount }

  func validate() throws { try Self.check(threads) }

  static func check(_ threads: Int?) throws {
    if let threads, !(1...1024).contains(threads) {
      throw ValidationError("--threads is \(threads); 1 to 1024 expected")
    }
  }
}
