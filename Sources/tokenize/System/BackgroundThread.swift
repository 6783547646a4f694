#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A thread of its own for one piece of work.
///
/// `@unchecked`: the handle is used once, by the one that waits.
@safe final class BackgroundThread<Value: Sendable>: @unchecked Sendable {
  private let work: Work
  private let thread: pthread_t

  /// Written by the thread, read when it has ended.
  private final class Work: @unchecked Sendable {
    let body: @Sendable () -> Value
    var value: Value?

    init(_ body: @escaping @Sendable () -> Value) { self.body = body }

    func run() { value = body() }
  }

  /// Begins to work; nil if the system has no thread to give.
  init?(_ body: @escaping @Sendable () -> Value) {
    let work = Work(body)
    // Given back by the thread, which takes it over.
    let run: @Sendable () -> Void = { work.run() }
    let argument = unsafe Unmanaged.passRetained(Task(run)).toOpaque()
    #if canImport(Darwin)
      var started: pthread_t?
      let status = unsafe pthread_create(&started, nil, { unsafe Task.run($0) }, argument)
    #else
      var started = pthread_t()
      let status = unsafe pthread_create(&started, nil, { unsafe Task.run($0) }, argument)
    #endif
    guard status == 0 else {
      unsafe Unmanaged<Task>.fromOpaque(argument).release()
      return nil
    }
    self.work = work
    #if canImport(Darwin)
      guard let started = unsafe started else { return nil }
      unsafe thread = started
    #else
      thread = started
    #endif
  }

  /// What came of it, once it is done. May be called once.
  func wait() -> Value? {
    #if canImport(Darwin)
      _ = unsafe pthread_join(thread, nil)
    #else
      _ = pthread_join(thread, nil)
    #endif
    return work.value
  }
}

/// What a thread is handed: C's functions cannot be generic.
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
