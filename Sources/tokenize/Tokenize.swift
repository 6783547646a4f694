import ArgumentParser

@main
struct Tokenize: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "tokenize")
}
