import ArgumentParser

/// `tokenize lm`: the small language models.
struct LMCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lm",
    abstract: "Train, sample and evaluate small language models.",
    discussion: """
      Examples:
        tokenize lm train --model bigram --vocab char corpus.txt
        tokenize lm sample runs/corpus --prompt "The "
        tokenize lm eval runs/corpus other.txt
        tokenize lm curve -o curves.svg runs/corpus runs/other
      """,
    subcommands: [
      LMTrainCommand.self, LMSampleCommand.self, LMEvalCommand.self, LMCurveCommand.self,
    ])
}
