#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What the program asks the machine.
enum Machine {
  /// Cores that are running.
  static let coreCount = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))

  /// Seconds by a clock that only goes forward.
  static var seconds: Double {
    var time = timespec()
    // A local of the right type.
    _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }

  /// A closed pipe ends the program quietly, even where whoever started it ignores that signal.
  static func endQuietlyOnClosedPipe() {
    _ = signal(SIGPIPE, SIG_DFL)
  }

  /// Ends the program as a closed pipe does.
  static func endByClosedPipe() -> Never {
    _ = signal(SIGPIPE, SIG_DFL)
    raise(SIGPIPE)
    end(128 + SIGPIPE)
  }

  /// Ends the program at once: nothing is written through the C library's buffers, and nothing waits to be tidied up.
  static func end(_ status: Int32) -> Never { _exit(status) }
}
