internal import Dispatch

/// Runs pieces of work on several threads and waits for all of them.
enum ParallelWork {
  /// Calls `body` with each index below `count`, at the same time where there are cores for it.
  ///
  /// - Parameters:
  ///   - count: How many pieces of work.
  ///   - body: Touches only what belongs to its index: pieces run at the same time.
  /// - Returns: What each call gave, in the order of the indices.
  static func map<Value>(_ count: Int, _ body: (Int) -> Value) -> [Value] {
    if count <= 1 { return (0..<count).map(body) }
    let optionals = unsafe [Value?](unsafeUninitializedCapacity: count) { buffer, initialized in
      // Each index is written once, by the one call that has it; all calls have returned when this does.
      unsafe buffer.initialize(repeating: nil)
      let slots = unsafe Elements(buffer: buffer)
      withoutActuallyEscaping(body) { body in
        nonisolated(unsafe) let body = body
        DispatchQueue.concurrentPerform(iterations: count) { index in
          unsafe slots.buffer[index] = body(index)
        }
      }
      initialized = count
    }
    return optionals.compactMap { $0 }
  }

  /// Calls `body` with each of the first `count` elements and its index, at the same time where there are
  /// cores for it. An element belongs to one call alone.
  ///
  /// - Returns: What each call gave, in the order of the indices.
  static func mapInPlace<Element, Value>(
    _ elements: inout [Element], count: Int, _ body: (inout Element, Int) -> Value
  ) -> [Value] {
    unsafe elements.withUnsafeMutableBufferPointer { buffer in
      let slots = unsafe Elements(buffer: buffer)
      // In bounds, and no two calls have the same index.
      return map(min(count, buffer.count)) { index in unsafe body(&slots.buffer[index], index) }
    }
  }

  /// Carries a buffer into the threads. Safe as used here: no two threads touch the same element, and the
  /// buffer outlives them.
  @unsafe private struct Elements<Element>: @unchecked Sendable {
    let buffer: UnsafeMutableBufferPointer<Element>
  }
}
