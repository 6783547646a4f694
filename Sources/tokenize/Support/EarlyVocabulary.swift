import Synchronization
import Tokenizers

/// The vocabulary that a command line names, read while the line is still being parsed: parsing takes a
/// third of the time of a short command, and reading a vocabulary about half.
///
/// Only a guess: whatever goes wrong here is passed over in silence, and met again where the vocabulary is
/// asked for in earnest.
enum EarlyVocabulary {
  private struct Job: Sendable {
    let name: String
    let thread: BackgroundThread<Tokenizer?>
  }

  private static let job = Mutex<Job?>(nil)

  /// Begins to read, if the arguments name one vocabulary that is a folder or a file, and there is a second
  /// core.
  static func begin(_ arguments: [String]) {
    guard Machine.coreCount > 1, let name = name(in: arguments),
      let path = try? VocabularyLocator.find(name), VocabularyLocator.isOfFiles(path)
    else { return }
    let thread = BackgroundThread {
      try? Tokenizer(contentsOf: path, prepared: PreparedFolders.all)
    }
    if let thread { job.withLock { $0 = Job(name: name, thread: thread) } }
  }

  /// The tokenizer of this name as its files say, if it has been begun with and can be read.
  static func take(_ name: String) -> Tokenizer? {
    let begun = job.withLock { job -> Job? in
      guard let begun = job, begun.name == name else { return nil }
      job = nil
      return begun
    }
    return begun?.thread.wait() ?? nil
  }

  /// Waits for what nobody has asked for: a program must not end beside a thread that works.
  static func finish() {
    let begun = job.withLock { job -> Job? in
      defer { job = nil }
      return job
    }
    _ = begun?.thread.wait()
  }

  /// The value of `--vocab`, if it is given once.
  private static func name(in arguments: [String]) -> String? {
    var names: [String] = []
    for (index, argument) in arguments.enumerated() {
      if argument == "--vocab", index + 1 < arguments.count {
        names.append(arguments[index + 1])
      } else if argument.hasPrefix("--vocab=") {
        names.append(String(argument.dropFirst("--vocab=".count)))
      }
    }
    return names.count == 1 ? names[0] : nil
  }
}
