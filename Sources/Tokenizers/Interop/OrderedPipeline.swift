/// Work on a stream in parts: they are taken in order, worked on by several threads at the same time, and
/// handed on in the order in which they were taken.
///
/// There is no thread that only reads or only writes: a thread takes a part, works on it, hands on what is
/// finished and whose turn it is, by itself or by another, and takes the next one. It does not wait for the
/// parts before its own: there are twice as many parts as threads, and what is finished too early lies
/// until its turn comes.
package enum OrderedPipeline {
  /// What taking a part gave.
  package enum Taken {
    /// A part; more may follow.
    case part
    /// The last part.
    case last
    /// Nothing: the stream has ended.
    case nothing
  }

  /// How many parts keep so many threads at work.
  package static func partCount(threads: Int) -> Int { threads > 1 ? 2 * threads : 1 }

  /// Runs until the stream ends or something fails.
  ///
  /// - Parameters:
  ///   - parts: The memory of parts, used again and again: `partCount` of them, or any number.
  ///   - threads: How many work; one of them is the calling thread.
  ///   - take: Puts the next part of the stream into one of `parts`. Called by one thread at a time, in order.
  ///   - work: Works on a part, several of them at the same time; the number, below `threads`, is the
  ///     thread's, which works on one part at a time.
  ///   - put: Hands on what came of it. Called by one thread at a time, in the order of `take`.
  /// - Throws: The first error in the order of the stream. What was taken before it has been put, nothing
  ///   behind it.
  package static func run<Part: AnyObject>(
    _ parts: [Part], threads: Int, take: (Part) throws -> Taken,
    work: (Part, Int) throws -> Void, put: (Part) throws -> Void
  ) throws {
    guard let first = parts.first else { return }
    // A stream of one part is not worth a second thread.
    var taken = try take(first)
    if taken == .part, threads > 1, parts.count > 1 {
      return try runTogether(parts, threads: threads, take: take, work: work, put: put)
    }
    while taken != .nothing {
      try work(first, 0)
      try put(first)
      if taken == .last { return }
      taken = try take(first)
    }
  }

  /// As above, where the first part is taken already.
  private static func runTogether<Part: AnyObject>(
    _ parts: [Part], threads: Int, take: (Part) throws -> Taken,
    work: (Part, Int) throws -> Void, put: (Part) throws -> Void
  ) throws {
    try withoutActuallyEscaping(take) { take in
      try withoutActuallyEscaping(work) { work in
        try withoutActuallyEscaping(put) { put in
          let stream = Stream(parts, take: take, put: put)
          let steps = Steps(first: parts[0], work: work)
          WorkerThreads.run(threads) { thread in
            // The first thread has the part that was taken.
            var ticket = thread == 0 ? Stream.Ticket(number: 0, part: steps.first) : stream.next()
            while var held = ticket {
              if held.error == nil {
                do { try steps.work(held.part, thread) } catch { held.error = error }
              }
              stream.finish(held)
              ticket = stream.next()
            }
          }
          if let error = stream.failure { throw error }
        }
      }
    }
  }

  /// Carries what is not Sendable into the threads, which do not outlive the call.
  private struct Steps<Part: AnyObject>: @unchecked Sendable {
    let first: Part
    let work: (Part, Int) throws -> Void
  }

  /// Who may take and who may put. Sendable: `take` is called under `taking`, `put` by the one thread that
  /// has set `isPutting`, and all else is under `state`.
  private final class Stream<Part: AnyObject>: @unchecked Sendable {
    /// A place in the stream; an error if taking the part there, or work on it, failed.
    struct Ticket {
      var number: Int
      var part: Part
      var error: (any Error)?
    }

    private let take: (Part) throws -> Taken
    private let put: (Part) throws -> Void

    private let taking = Monitor()
    // Under `taking`. Ticket 0 is out from the beginning.
    private var count = 1
    private var isEnded = false

    /// What threads wait for under it are parts that are free.
    private let state = Monitor()
    private var freeParts: [Part]
    /// Finished, and not put yet.
    private var finished: [Ticket] = []
    private var nextToPut = 0
    private var isPutting = false
    /// Read under `state`, and after all threads have returned.
    private(set) var failure: (any Error)?

    init(
      _ parts: [Part], take: @escaping (Part) throws -> Taken,
      put: @escaping (Part) throws -> Void
    ) {
      self.take = take
      self.put = put
      freeParts = Array(parts.dropFirst())
    }

    /// The next ticket, with a part or an error; nothing after the end.
    func next() -> Ticket? {
      // Finished parts become free without this thread: those before them are worked on by others.
      let (part, hasFailed) = state.withLock {
        while freeParts.isEmpty { state.wait() }
        return (freeParts.removeLast(), failure != nil)
      }
      taking.lock()
      defer { taking.unlock() }
      do {
        let taken = isEnded || hasFailed ? .nothing : try take(part)
        isEnded = taken != .part
        if taken == .nothing {
          giveBack(part)
          return nil
        }
        count += 1
        return Ticket(number: count - 1, part: part)
      } catch {
        isEnded = true
        count += 1
        return Ticket(number: count - 1, part: part, error: error)
      }
    }

    private func giveBack(_ part: Part) {
      state.withLock { freeParts.append(part) }
      state.wake()
    }

    /// Puts what is finished and whose turn it is, unless another thread is about it, which then puts this
    /// too.
    func finish(_ ticket: Ticket) {
      state.lock()
      finished.append(ticket)
      if isPutting {
        state.unlock()
        return
      }
      isPutting = true
      while let index = finished.firstIndex(where: { $0.number == nextToPut }) {
        let ticket = finished.remove(at: index)
        nextToPut += 1
        var error = failure == nil ? ticket.error : nil
        if failure == nil, error == nil {
          state.unlock()
          do { try put(ticket.part) } catch let putError { error = putError }
          state.lock()
        }
        // What comes behind an error is not put.
        if let error { failure = error }
        freeParts.append(ticket.part)
        state.wake()
      }
      isPutting = false
      state.unlock()
    }
  }
}
