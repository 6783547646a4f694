internal import Synchronization

/// A lock that the members of a team hold all at the same time, or one of them alone.
///
/// Made for work that is nearly always done together: a member takes a lock of its own, in a cache line of its own, and
/// who wants to be alone takes those of all. One who waits to be alone is let in before others come back. For a team
/// of one nothing is locked at all.
///
/// Not a read-write lock of the system: there, members that come and go can keep one who wants to be alone waiting for
/// ever.
final class TeamLock: Sendable {
  /// None for a team of one.
  private let gates: [Monitor]
  /// Held by who is alone, or waits for it.
  private let alone = Monitor()
  private let waiting = Atomic<Int>(0)

  /// - Parameter members: At least one.
  init(members: Int) {
    gates = members > 1 ? (0..<members).map { _ in Monitor() } : []
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
