internal import Synchronization

/// Threads that work beside the calling one, and wait for the next call in between.
///
/// Not Grand Central Dispatch: its threads begin where the system puts them, which is beside the caller on the
/// caller's core too often (`CoreShares`), and a thread of its own that waits for events begins with the first of them.
enum WorkerThreads {
  /// Calls `body` with each number below `count`, on as many threads, of which the calling one is the first, and
  /// returns when all calls have returned. There are as many threads as cores at most; where there are fewer than calls,
  /// a thread makes several, one after the other.
  ///
  /// A call may itself call this, and so may several threads at once: who finds all threads at work is joined by those
  /// that have done theirs.
  static func run(_ count: Int, _ body: (Int) -> Void) {
    if count <= 1 {
      if count == 1 { body(0) }
      return
    }
    withoutActuallyEscaping(body) { body in
      let job = Job(count: count, body)
      let isWaiting = idle.lend(job)
      job.work()
      job.finish()
      if isWaiting { idle.withdraw(job) }
    }
  }

  private static let idle = IdleWorkers()

  /// One call of `run`.
  ///
  /// `@unchecked`: all that changes is touched under the monitor, and `body` between a number that was taken and the
  /// end of the call with it.
  private final class Job: @unchecked Sendable {
    let count: Int
    let shares: CoreShares
    private let monitor = Monitor()
    /// Nothing when all calls have returned: a thread that comes late finds no number, and holds on to nothing.
    private var body: ((Int) -> Void)?
    private var next = 0
    private var returned = 0
    private let isDone = Atomic<Bool>(false)

    init(count: Int, _ body: @escaping (Int) -> Void) {
      self.count = count
      self.body = body
      shares = CoreShares(threads: count - 1)
    }

    /// Takes numbers until there are no more.
    func work() {
      while let number = take() {
        call(number)
        monitor.lock()
        returned += 1
        let isLast = returned == count
        if isLast { isDone.store(true, ordering: .releasing) }
        monitor.unlock()
        if isLast { monitor.wake() }
      }
    }

    /// Whether there are numbers that no thread has taken.
    var hasMore: Bool { monitor.withLock { next < count } }

    private func take() -> Int? {
      monitor.withLock {
        if next == count { return nil }
        next += 1
        return next - 1
      }
    }

    /// Not inlined: whoever made `body` takes it back when the last call has returned, and by then nobody may hold on
    /// to it any more.
    @inline(never) private func call(_ number: Int) { body?(number) }

    /// Waits until all calls have returned.
    func finish() {
      _ = Monitor.spin { isDone.load(ordering: .acquiring) }
      monitor.lock()
      while returned < count { monitor.wait() }
      body = nil
      monitor.unlock()
    }
  }

  /// The threads that have nothing to do.
  private final class IdleWorkers: @unchecked Sendable {
    private let monitor = Monitor()
    private var workers: [Worker] = []
    private var startedCount = 0
    /// Jobs that want more threads than there were, the first one first.
    private var waiting: [Job] = []

    /// Has the job worked on by as many threads as it wants, or as there are.
    ///
    /// - Returns: Whether it waits for more of them, until it is withdrawn.
    func lend(_ job: Job) -> Bool {
      let most = job.shares.coreCount - 1
      let wanted = min(job.count - 1, most)
      var (lent, new) = monitor.withLock {
        let count = min(wanted, workers.count)
        let new = max(0, min(wanted - count, most - startedCount))
        startedCount += new
        if count + new < wanted { waiting.append(job) }
        defer { workers.removeLast(count) }
        return (Array(workers.suffix(count)), new)
      }
      let isWaiting = lent.count + new < wanted
      while new > 0, let worker = Worker.start(for: self) {
        lent.append(worker)
        new -= 1
      }
      // Those that the system did not give.
      if new > 0 { monitor.withLock { startedCount -= new } }
      for (index, worker) in lent.enumerated() { worker.begin(job, index: index) }
      return isWaiting
    }

    func withdraw(_ job: Job) {
      monitor.withLock { waiting.removeAll { $0 === job } }
    }

    /// A job that waits for the worker, which has done its own; or else the worker waits.
    func takeBack(_ worker: Worker) -> Job? {
      monitor.withLock {
        while let job = waiting.first {
          if job.hasMore { return job }
          waiting.removeFirst()
        }
        workers.append(worker)
        return nil
      }
    }
  }

  /// A thread that waits for another job when its part of one is done.
  ///
  /// `@unchecked`: the job is touched under the monitor, the thread by who lends the worker.
  private final class Worker: @unchecked Sendable {
    private let monitor = Monitor()
    private var job: Job?
    private let hasJob = Atomic<Bool>(false)
    /// Whether it looks for a job on a core of its own: there it stays, and need not be placed.
    private var isLooking = false
    private var thread: SystemThread?

    /// Nil if the system has no thread to give.
    static func start(for idle: IdleWorkers) -> Worker? {
      let worker = Worker()
      worker.thread = SystemThread { worker.run(for: idle) }
      return worker.thread == nil ? nil : worker
    }

    func begin(_ job: Job, index: Int) {
      if !monitor.withLock({ isLooking }) { thread?.place(in: job.shares, index: index) }
      monitor.withLock {
        self.job = job
        hasJob.store(true, ordering: .releasing)
      }
      monitor.wake()
    }

    private func run(for idle: IdleWorkers) {
      while true {
        let (job, wasLooking) = next()
        if !wasLooking { job.shares.release() }
        job.work()
        while let other = idle.takeBack(self) { other.work() }
      }
    }

    /// The next job, and whether it came while this was looking for one.
    private func next() -> (Job, Bool) {
      _ = Monitor.spin { hasJob.load(ordering: .acquiring) }
      return monitor.withLock {
        while true {
          if let job {
            defer { isLooking = true }
            self.job = nil
            hasJob.store(false, ordering: .relaxed)
            return (job, isLooking)
          }
          isLooking = false
          monitor.wait()
        }
      }
    }
  }
}
