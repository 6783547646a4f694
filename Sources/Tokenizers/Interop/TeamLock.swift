internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A lock that the members of a team hold all at the same time, or one of them alone.
///
/// Made for work that is nearly always done together: a member takes a lock of its own, in a cache line of its own, and
/// who wants to be alone takes those of all. One who waits to be alone is let in before others come back. For a team
/// of one nothing is locked at all.
///
/// Not a read-write lock of the system: there, members that come and go can keep one who wants to be alone waiting for
/// ever.
final class TeamLock: Sendable {
  /// A member's lock. POSIX, and not the standard library's: thread sanitizers know it.
  @safe private final class Gate: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>

    init() {
      // A cache line of its own, and the one that the processor fetches with it.
      let memory = unsafe UnsafeMutableRawPointer.allocate(
        byteCount: max(128, MemoryLayout<pthread_mutex_t>.stride), alignment: 128)
      unsafe mutex = memory.initializeMemory(as: pthread_mutex_t.self, to: pthread_mutex_t())
      let status = unsafe pthread_mutex_init(mutex, nil)
      precondition(status == 0, "no lock: error \(status)")
    }

    deinit {
      unsafe pthread_mutex_destroy(mutex)
      unsafe UnsafeMutableRawPointer(mutex).deallocate()
    }

    func lock() { _ = unsafe pthread_mutex_lock(mutex) }
    func unlock() { _ = unsafe pthread_mutex_unlock(mutex) }
  }

  /// None for a team of one.
  private let gates: [Gate]
  /// Held by who is alone, or waits for it.
  private let alone = Gate()
  private let waiting = Atomic<Int>(0)

  /// - Parameter members: At least one.
  init(members: Int) {
    gates = members > 1 ? (0..<members).map { _ in Gate() } : []
  }

  /// Waits until nobody is alone. A member that is in must not ask again.
  func enter(_ member: Int) {
    if gates.isEmpty { return }
    if waiting.load(ordering: .relaxed) > 0 {
      // Behind who waits.
      alone.lock()
      alone.unlock()
    }
    gates[member].lock()
  }

  func leave(_ member: Int) {
    if !gates.isEmpty { gates[member].unlock() }
  }

  /// Does something while no member is in. Not to be called by one that is.
  func withAll<Result: ~Copyable>(_ body: () -> Result) -> Result {
    if gates.isEmpty { return body() }
    waiting.add(1, ordering: .relaxed)
    alone.lock()
    for gate in gates { gate.lock() }
    defer {
      for gate in gates { gate.unlock() }
      alone.unlock()
      waiting.subtract(1, ordering: .relaxed)
    }
    return body()
  }
}
