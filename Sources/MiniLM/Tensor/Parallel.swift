internal import CKernels

/// The one place where work is spread over threads.
///
/// They are our own and wait for the next piece of work, first by spinning: a step of a small model has
/// several meetings, and waking a thread each time would cost more than what it does.
enum Parallel {
  /// Calls `body` once for each of 0 ..< `count`, on as many threads at once; the same index comes to the
  /// same thread each time, where its memory is warm.
  ///
  /// Calls must not write what another call reads or writes; results then do not depend on timing. A call
  /// from inside a call, or beside one of another thread, does all its work itself.
  static func run(_ count: Int, _ body: (Int) -> Void) {
    if count <= 1 {
      for index in 0..<count { body(index) }
      return
    }
    withoutActuallyEscaping(body) { body in
      var body = body
      // The closure outlives the call, which returns when all work is done.
      unsafe withUnsafeMutablePointer(to: &body) { pointer in
        unsafe minilm_parallel(
          count,
          { context, index in
            guard let context = unsafe context else { return }
            unsafe context.assumingMemoryBound(to: ((Int) -> Void).self).pointee(index)
          }, pointer)
      }
    }
  }

  /// Share `index` of `count` things dealt to `shares` workers in order, as evenly as can be.
  static func share(_ index: Int, of count: Int, shares: Int) -> Range<Int> {
    count * index / shares..<count * (index + 1) / shares
  }
}
