/// Runs pieces of work on several threads and waits for all of them.
package enum ParallelWork {
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
      WorkerThreads.run(count) { index in unsafe slots.buffer[index] = body(index) }
      initialized = count
    }
    return optionals.compactMap { $0 }
  }

  /// Does two things, at the same time where there is a core for each.
  ///
  /// - Parameter threads: One has them done one after the other.
  package static func both<First, Second>(
    threads: Int, _ first: () throws -> First, and second: () throws -> Second
  ) throws -> (First, Second) {
    if threads <= 1 { return (try first(), try second()) }
    var (one, two): (Result<First, any Error>?, Result<Second, any Error>?)
    // Each is written by one call, and read when both have returned.
    unsafe withUnsafeMutablePointer(to: &one) { one in
      unsafe withUnsafeMutablePointer(to: &two) { two in
        WorkerThreads.run(2) { index in
          if index == 0 {
            unsafe one.pointee = Result(catching: first)
          } else {
            unsafe two.pointee = Result(catching: second)
          }
        }
      }
    }
    guard let one, let two else { preconditionFailure("a call was left out") }
    return (try one.get(), try two.get())
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
