#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A thread of the system's.
@safe package struct SystemThread: @unchecked Sendable {
  #if canImport(Darwin)
    // Not nil.
    private let handle: pthread_t?
  #else
    private let handle: pthread_t
  #endif

  /// Begins to work; nil if the system has no thread to give.
  ///
  /// Signals are not delivered to it: who handles them expects to be on a thread that it knows.
  package init?(_ body: @escaping @Sendable () -> Void) {
    // Taken over by the thread.
    let argument = unsafe Unmanaged.passRetained(Task(body)).toOpaque()
    var before = sigset_t()
    var blocked = sigset_t()
    unsafe sigfillset(&blocked)
    // A fault of the thread's own must be heard of.
    for fault in [SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV] { unsafe sigdelset(&blocked, fault) }
    unsafe pthread_sigmask(SIG_BLOCK, &blocked, &before)
    defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }
    #if canImport(Darwin)
      var started: pthread_t?
    #else
      var started = pthread_t()
    #endif
    let status = unsafe pthread_create(&started, nil, { unsafe Task.run($0) }, argument)
    guard status == 0 else {
      unsafe Unmanaged<Task>.fromOpaque(argument).release()
      return nil
    }
    #if canImport(Darwin)
      unsafe handle = started
    #else
      handle = started
    #endif
  }

  /// Waits for its end. To be called once at most.
  package func join() {
    #if canImport(Darwin)
      if let handle = unsafe handle { _ = unsafe pthread_join(handle, nil) }
    #else
      _ = pthread_join(handle, nil)
    #endif
  }

  /// Has it go on in one of the shares of cores, while it waits or has yet to begin.
  func place(in shares: CoreShares, index: Int) {
    #if !canImport(Darwin)
      shares.place(handle, index: index)
    #endif
  }

  /// What a thread is handed: C's functions take no closure.
  private final class Task {
    private let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }

    /// Takes over and runs the task at an address.
    static func run(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
      // The address that `passRetained` gave, once.
      if let argument = unsafe argument {
        unsafe Unmanaged<Task>.fromOpaque(argument).takeRetainedValue().body()
      }
      return nil
    }
  }
}
