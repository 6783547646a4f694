internal import Dispatch

/// Work on a stream in parts: they are taken in order, worked on by several threads at the same time, and
/// handed on in the order in which they were taken.
///
/// There is no thread that only reads or only writes: a worker takes a part, works on it, waits for its
/// turn, hands it on, and takes the next one. So what a worker holds stays in the cache of its core, and
/// no more parts exist than there are workers.
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

  /// Runs the workers until the stream ends or one of them fails.
  ///
  /// - Parameters:
  ///   - workers: What each thread owns: the memory of one part. One worker works on the calling thread.
  ///   - take: Puts the next part into a worker. Called by one thread at a time, in order.
  ///   - work: Works on the part that a worker holds, several of them at the same time.
  ///   - put: Hands on what came of it. Called by one thread at a time, in the order of `take`.
  /// - Throws: The first error in the order of the stream. What was taken before it has been put, nothing
  ///   behind it.
  package static func run<Worker: AnyObject>(
    _ workers: [Worker], take: (Worker) throws -> Taken, work: (Worker) throws -> Void,
    put: (Worker) throws -> Void
  ) throws {
    guard let first = workers.first else { return }
    // A stream of one part is not worth a second thread.
    var taken = try take(first)
    if taken == .part, workers.count > 1 {
      return try runTogether(workers, take: take, work: work, put: put)
    }
    while taken != .nothing {
      try work(first)
      try put(first)
      if taken == .last { return }
      taken = try take(first)
    }
  }

  /// As above, where the first worker holds a part already and there are several workers.
  private static func runTogether<Worker: AnyObject>(
    _ workers: [Worker], take: (Worker) throws -> Taken, work: (Worker) throws -> Void,
    put: (Worker) throws -> Void
  ) throws {
    let state = State(turns: workers.count)
    try withoutActuallyEscaping(take) { take in
      try withoutActuallyEscaping(work) { work in
        try withoutActuallyEscaping(put) { put in
          let steps = Steps(workers: workers, take: take, work: work, put: put)
          DispatchQueue.concurrentPerform(iterations: workers.count) { index in
            let worker = steps.workers[index]
            var ticket = index == 0 ? State.Ticket(number: 0, error: nil) : nil
            while true {
              if ticket == nil { ticket = state.next { try steps.take(worker) } }
              guard var held = ticket else { return }
              ticket = nil
              if held.error == nil {
                do { try steps.work(worker) } catch { held.error = error }
              }
              if !state.inTurn(held, { try steps.put(worker) }) { return }
            }
          }
          if let error = state.failure { throw error }
        }
      }
    }
  }

  /// Carries closures and workers into the threads. They do not outlive the call, which waits for all
  /// threads; `take` is called under `State.taking`, `put` in turn, and a worker belongs to one thread.
  private struct Steps<Worker: AnyObject>: @unchecked Sendable {
    let workers: [Worker]
    let take: (Worker) throws -> Taken
    let work: (Worker) throws -> Void
    let put: (Worker) throws -> Void
  }

  /// Who may take and who may put. Sendable: every access is under `taking` or in turn.
  private final class State: @unchecked Sendable {
    /// A place in the stream; an error if taking the part there failed.
    struct Ticket {
      var number: Int
      var error: (any Error)?
    }

    private let taking = DispatchSemaphore(value: 1)
    /// Ticket n may put when `turns[n % count]` is signalled. No two of the tickets that are out share one,
    /// since there are no more of them than workers and they are put in order.
    private let turns: [DispatchSemaphore]
    // Under `taking`. Ticket 0 is out from the beginning.
    private var count = 1
    private var isEnded = false
    // Written in turn, read in turn and after all threads have returned.
    private(set) var failure: (any Error)?

    init(turns: Int) {
      // Made with 0 and signalled: a semaphore must not end below what it was made with.
      self.turns = (0..<turns).map { _ in DispatchSemaphore(value: 0) }
      self.turns[0].signal()
    }

    /// The next ticket, with a part or an error; nothing after the end.
    func next(_ take: () throws -> Taken) -> Ticket? {
      taking.wait()
      defer { taking.signal() }
      if isEnded { return nil }
      do {
        let taken = try take()
        isEnded = taken != .part
        if taken == .nothing { return nil }
        count += 1
        return Ticket(number: count - 1, error: nil)
      } catch {
        isEnded = true
        count += 1
        return Ticket(number: count - 1, error: error)
      }
    }

    /// Waits for the turn of a ticket, and puts or fails; false if the worker may stop.
    func inTurn(_ ticket: Ticket, _ put: () throws -> Void) -> Bool {
      turns[ticket.number % turns.count].wait()
      defer { turns[(ticket.number + 1) % turns.count].signal() }
      if failure != nil { return false }
      var error = ticket.error
      if error == nil {
        do { try put() } catch let putError { error = putError }
      }
      guard let error else { return true }
      failure = error
      taking.wait()
      isEnded = true
      taking.signal()
      return false
    }
  }
}
