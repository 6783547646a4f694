import Tokenizers

/// A thread of its own for one piece of work.
///
/// `@unchecked`: the value is written by the thread, and read when it has ended.
final class BackgroundThread<Value: Sendable>: @unchecked Sendable {
  private let thread: SystemThread
  private let result: Result

  private final class Result: @unchecked Sendable {
    var value: Value?
  }

  /// Begins to work; nil if the system has no thread to give.
  init?(_ body: @escaping @Sendable () -> Value) {
    let result = Result()
    guard let thread = SystemThread({ result.value = body() }) else { return nil }
    self.thread = thread
    self.result = result
  }

  /// What came of it, once it is done. May be called once.
  func wait() -> Value? {
    thread.join()
    return result.value
  }
}
