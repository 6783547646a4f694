import ArgumentParser
import Tokenizers

/// `tokenize lm curve`
struct LMCurveCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "curve",
    abstract: "Draw the validation losses of several runs into one picture.",
    discussion: """
      An SVG on standard output. A run's own picture, with its training loss, is the curve.svg in its folder. \
      Runs without validation text are drawn by their training loss.

      Examples:
        tokenize lm curve -o curves.svg runs/sgd runs/adam
      """)

  @Argument(
    help: ArgumentHelp("The folders of the runs.", valueName: "run"), completion: .directory)
  var folders: [String]

  @OptionGroup var output: OutputOptions

  func run() throws {
    var lines: [LossCurve.Line] = []
    for (index, folder) in folders.enumerated() {
      let run = RunFolder(path: folder)
      guard Paths.kind(run.logPath) == .file else {
        throw Failure(.noInput, "\(folder): there is no log.jsonl of a run in it")
      }
      let losses = LossCurve.losses(in: try FileBytes.read(run.logPath))
      lines.append(
        LossCurve.Line(
          name: Paths.name(of: folder),
          color: LossCurve.colors[index % LossCurve.colors.count], width: 2,
          points: losses.validation.isEmpty ? losses.training : losses.validation))
    }
    guard let curve = LossCurve(lines: lines, title: "Validation loss") else {
      throw Failure(
        .badData, "none of the runs has been evaluated twice: there is no curve to draw")
    }
    let output = try output.open()
    try output.write(curve.svg)
    try output.finish()
  }
}
