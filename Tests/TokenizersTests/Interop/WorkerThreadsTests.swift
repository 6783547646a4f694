import Foundation
import Synchronization
import Testing

@testable import Tokenizers

@Suite struct WorkerThreadsTests {
  /// Not a mutex of the standard library, which thread sanitizers do not know.
  private final class Counter: Sendable {
    let value = Atomic<Int>(0)
  }

  @Test(arguments: [0, 1, 2, 3, 8, 100])
  func eachNumberIsCalledOnce(count: Int) {
    // Again and again: threads that have worked wait for more.
    for _ in 0..<50 {
      let calls = (0..<count).map { _ in Counter() }
      WorkerThreads.run(count) { calls[$0].value.add(1, ordering: .relaxed) }
      #expect(calls.allSatisfy { $0.value.load(ordering: .relaxed) == 1 })
    }
  }

  @Test func aCallMayCallAgain() {
    let sum = Atomic<Int>(0)
    WorkerThreads.run(4) { outer in
      WorkerThreads.run(5) { inner in sum.add(10 * outer + inner, ordering: .relaxed) }
    }
    #expect(sum.load(ordering: .relaxed) == 10 * 5 * 6 + 4 * 10)
  }

  @Test func severalCallersDoNotMeet() async {
    await withTaskGroup(of: Int.self) { group in
      for caller in 0..<6 {
        group.addTask {
          var sum = 0
          for round in 0..<40 {
            sum += ParallelWork.map(3) { caller * round + $0 }.reduce(0, +)
          }
          return sum - (0..<40).reduce(0) { $0 + 3 * caller * $1 + 3 }
        }
      }
      for await difference in group { #expect(difference == 0) }
    }
  }

  @Test func callsBehindALongOneAreMadeMeanwhile() {
    // The first call ends when all others have returned, if there is a second core for them.
    guard CoreShares(threads: 1).coreCount > 1 else { return }
    let others = Atomic<Int>(0)
    WorkerThreads.run(20) { number in
      if number > 0 {
        others.add(1, ordering: .releasing)
      } else {
        while others.load(ordering: .acquiring) < 19 {}
      }
    }
    #expect(others.load(ordering: .acquiring) == 19)
  }

  /// All threads are at work when the inner calls are to be made: one of them comes when it has done its own.
  @Test func whoIsDoneJoinsAJobThatWaits() {
    guard CoreShares(threads: 1).coreCount > 1 else { return }
    let isInside = Atomic<Bool>(false)
    let count = CoreShares(threads: 1).coreCount
    let inner = Atomic<Int>(0)
    let caller = pthread_self()
    WorkerThreads.run(count) { outer in
      if outer > 0 {
        // Until the job inside has found nobody.
        while !isInside.load(ordering: .acquiring) {}
        return
      }
      WorkerThreads.run(2) { number in
        if number == 1 { return inner.store(1, ordering: .releasing) }
        isInside.store(true, ordering: .releasing)
        // The other call is made by a thread that is done outside, unless all of those are callers.
        while pthread_equal(pthread_self(), caller) != 0,
          inner.load(ordering: .acquiring) == 0
        {}
      }
    }
    #expect(inner.load(ordering: .acquiring) == 1)
  }

  struct Failed: Error, Equatable {
    let number: Int
  }

  @Test(arguments: [1, 2])
  func bothGiveWhatTheyGave(threads: Int) throws {
    let result = try ParallelWork.both(threads: threads) {
      7
    } and: {
      "seven"
    }
    #expect(result == (7, "seven"))
    #expect(throws: Failed(number: 1)) {
      try ParallelWork.both(threads: threads) {
        throw Failed(number: 1)
      } and: {
        2
      }
    }
    #expect(throws: Failed(number: 2)) {
      try ParallelWork.both(threads: threads) {
        1
      } and: {
        throw Failed(number: 2)
      }
    }
    #expect(throws: Failed(number: 1)) {
      try ParallelWork.both(threads: threads) {
        throw Failed(number: 1)
      } and: {
        throw Failed(number: 2)
      }
    }
  }
}
