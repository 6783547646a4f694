#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

// One word, written by the handler and read by the main thread.
nonisolated(unsafe) private var wish: sig_atomic_t = 0

/// The first wish to end (Ctrl-C) is noted, for work that can stop in good order; the second one ends.
enum Interruption {
  /// Begins to listen.
  static func watch() {
    _ = signal(SIGINT) { number in
      unsafe wish = 1
      _ = signal(number, SIG_DFL)
    }
  }

  /// Whether it is time to stop.
  static var isAsked: Bool { unsafe wish != 0 }
}
