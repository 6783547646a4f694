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
    // Whoever started the program may have blocked the signal, which is inherited.
    var signals = sigset_t()
    // A local of the right type.
    _ = unsafe sigemptyset(&signals)
    _ = unsafe sigaddset(&signals, SIGINT)
    _ = unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    _ = signal(SIGINT) { number in
      unsafe wish = 1
      _ = signal(number, SIG_DFL)
    }
  }

  /// Whether it is time to stop.
  static var isAsked: Bool { unsafe wish != 0 }
}
