internal import Dispatch

/// The one place where work is spread over threads.
enum Parallel {
  /// Calls `body` once for each of 0 ..< `count`, on as many threads at once.
  ///
  /// Calls must not write what another call reads or writes; results then do not depend on timing.
  static func run(_ count: Int, _ body: (Int) -> Void) {
    if count <= 1 {
      for index in 0..<count { body(index) }
    } else {
      withoutActuallyEscaping(body) { body in
        // Shared by threads under the rule above, and done with before this call returns.
        nonisolated(unsafe) let body = body
        DispatchQueue.concurrentPerform(iterations: count) { unsafe body($0) }
      }
    }
  }

  /// Share `index` of `count` things dealt to `shares` workers in order, as evenly as can be.
  static func share(_ index: Int, of count: Int, shares: Int) -> Range<Int> {
    count * index / shares..<count * (index + 1) / shares
  }
}
