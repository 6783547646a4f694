import ArgumentParser
import Tokenizers

/// The program. Reads options, calls the libraries, writes.
@main
struct Tokenize: ParsableCommand {
  static let programVersion = "0.1.0"

  static let configuration = CommandConfiguration(
    commandName: "tokenize",
    abstract: "Train tokenizers, turn text into token ids and back, feed small language models.",
    discussion: """
      Results go to standard output, everything else to standard error. No file, or '-', is standard \
      input. Exit status: 0 done, 1 a check found something, 64 wrong usage, 65 bad data, 66 input \
      missing or unreadable, 73 output cannot be made, 74 reading or writing failed.

      Examples:
        tokenize train --merges 50 corpus.txt
        tokenize encode --vocab gpt2 corpus.txt | tokenize decode --vocab gpt2
        tokenize compare --vocab gpt2 corpus.txt
      """,
    version: """
      tokenize \(programVersion)
      Unicode \(UnicodeVersion.pinned) for splitting text, pinned
      PCRE2 \(LibraryVersions.pcre2)
      ICU with Unicode \(LibraryVersions.icuUnicode) for grapheme clusters
      Engine \(engine)
      Engines of this machine: \(Engine.available.map(\.rawValue).joined(separator: ", "))
      """,
    subcommands: [
      TrainCommand.self, VerifyCommand.self, EncodeCommand.self, DecodeCommand.self,
      CountCommand.self,
      CompareCommand.self, ConvertCommand.self, InspectCommand.self, SplitCommand.self,
      PrepareCommand.self,
      LMCommand.self,
    ])

  /// The engine in use, or why there is none.
  private static var engine: String {
    do throws(EngineError) {
      return try Engine.automatic.resolved().rawValue
    } catch {
      return "none: \(error)"
    }
  }

  static func main() {
    Machine.endQuietlyOnClosedPipe()
    do {
      if let request = plainRequest(CommandLine.arguments) {
        SystemMemory.keepFreedBlocks()
        try request.run()
      } else {
        EarlyVocabulary.begin(CommandLine.arguments)
        var command = try parseAsRoot()
        try command.run()
      }
    } catch {
      end(error)
    }
    EarlyVocabulary.finish()
  }

  /// Ends the program at once when all is written: memory that is given back piece by piece, as objects are left,
  /// takes noticeably longer than what the system takes back as a whole.
  static func endDone() -> Never {
    EarlyVocabulary.finish()
    Machine.end(ExitStatus.success.rawValue)
  }

  /// Says what went wrong and ends the program with the status that belongs to it.
  private static func end(_ error: any Error) -> Never {
    EarlyVocabulary.finish()
    if let failure = Failure(error) {
      Diagnostics.plain.error(failure.message)
      Machine.end(failure.status.rawValue)
    }
    let code = exitCode(for: error)
    let message = fullMessage(for: error)
    if code.isSuccess {
      // Help, the version, a completion script.
      do {
        let output = try OutputFile(nil)
        try output.write(message.isEmpty ? "" : message + "\n")
        try output.finish()
      } catch {
        end(error)
      }
    } else if !message.isEmpty {
      Diagnostics.write(message + "\n")
    }
    Machine.end(code.rawValue)
  }
}
