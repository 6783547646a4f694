internal import CKernels

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A lock, and a condition that is waited for under it.
///
/// POSIX, and not the standard library's: thread sanitizers know it.
@safe final class Monitor: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>

  init() {
    // Each in cache lines of its own, and not in the one that the processor fetches with another's.
    unsafe mutex = Self.place(pthread_mutex_t())
    unsafe condition = Self.place(pthread_cond_t())
    var status = unsafe pthread_mutex_init(mutex, nil)
    precondition(status == 0, "no lock: error \(status)")
    status = unsafe pthread_cond_init(condition, nil)
    precondition(status == 0, "no condition: error \(status)")
  }

  deinit {
    unsafe pthread_cond_destroy(condition)
    unsafe pthread_mutex_destroy(mutex)
    unsafe UnsafeMutableRawPointer(condition).deallocate()
    unsafe UnsafeMutableRawPointer(mutex).deallocate()
  }

  private static func place<Value>(_ value: Value) -> UnsafeMutablePointer<Value> {
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: max(128, MemoryLayout<Value>.stride), alignment: 128)
    return unsafe memory.initializeMemory(as: Value.self, to: value)
  }

  /// How often is looked again before a thread sleeps: about a tenth of a millisecond. What wakes it, and the core that
  /// has nothing to do meanwhile, takes as long where the core is a virtual machine's.
  private static let turns = 2_000

  /// Looks again for a while until something has happened; false if it has not.
  static func spin(until hasHappened: () -> Bool) -> Bool {
    for _ in 0..<turns {
      if hasHappened() { return true }
      pause_briefly()
    }
    return false
  }

  func lock() {
    if Self.spin(until: { unsafe pthread_mutex_trylock(mutex) == 0 }) { return }
    _ = unsafe pthread_mutex_lock(mutex)
  }

  func unlock() { _ = unsafe pthread_mutex_unlock(mutex) }

  func withLock<Result>(_ body: () throws -> Result) rethrows -> Result {
    lock()
    defer { unlock() }
    return try body()
  }

  /// Gives the lock back until `wake` is called, or for no reason: what is waited for is to be looked at again.
  func wait() { _ = unsafe pthread_cond_wait(condition, mutex) }

  /// Wakes all that wait.
  func wake() { _ = unsafe pthread_cond_broadcast(condition) }
}
