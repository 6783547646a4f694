#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What is written aside and not renamed yet: removed when the program is told to end.
///
/// A signal handler may do very little: the names lie ready as C strings in a table of fixed size, and
/// are removed in the reverse order of their coming, so that a folder is empty when its turn comes.
enum TemporaryFiles {
  private static let capacity = 64
  // Written by the main thread alone, slot by slot; the handler only reads.
  nonisolated(unsafe) private static var names:
    UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? =
      nil

  /// Remembers a name, and from the first on sees to the signals that end a program.
  static func add(_ path: String) {
    if unsafe names == nil {
      // Lives as long as the program.
      let table = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: capacity)
      unsafe table.initialize(repeating: nil, count: capacity)
      unsafe names = table
      for number in [SIGINT, SIGTERM, SIGHUP, SIGPIPE] { handle(number) }
    }
    guard let table = unsafe names else { return }
    for slot in 0..<capacity where unsafe table[slot] == nil {
      // Below the capacity; the copy is freed by `forget`.
      unsafe table[slot] = strdup(path)
      return
    }
  }

  /// Forgets a name: the file has been renamed or removed.
  static func forget(_ path: String) {
    guard let table = unsafe names else { return }
    for slot in 0..<capacity {
      // Below the capacity; a name is taken out before its memory is given back.
      guard let name = unsafe table[slot], unsafe strcmp(name, path) == 0 else { continue }
      unsafe table[slot] = nil
      unsafe free(name)
    }
  }

  /// A name beside `path` that nothing has yet.
  static func name(beside path: String) -> String {
    let folder = Paths.folder(of: path)
    let prefix = folder == "." && !path.hasPrefix("./") ? "" : folder == "/" ? "/" : folder + "/"
    return "\(prefix).\(Paths.name(of: path)).\(getpid())~"
  }

  private static func handle(_ number: Int32) {
    // A signal that whoever started the program wants ignored (nohup) stays so.
    let previous = signal(number, onSignal)
    if unsafe unsafeBitCast(previous, to: Int.self) == 1 { _ = signal(number, SIG_IGN) }
  }

  private static let onSignal: @convention(c) (Int32) -> Void = { number in
    // Nothing is allocated; unlink, rmdir, signal and raise may be called in a handler.
    if let table = unsafe names {
      for slot in (0..<64).reversed() {
        guard let name = unsafe table[slot] else { continue }
        if unsafe unlink(name) != 0 { _ = unsafe rmdir(name) }
      }
    }
    _ = signal(number, SIG_DFL)
    raise(number)
  }
}
