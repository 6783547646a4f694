import Testing

@testable import Tokenizers

@Suite struct OrderedPipelineTests {
  /// Holds a number on its way.
  final class Worker {
    var number = 0
    var square = 0
  }

  struct Failed: Error, Equatable {
    var number: Int
  }

  /// Squares of 0..<count, in the order in which they were put.
  private func squares(
    _ count: Int, workers: Int, saysLast: Bool, failingWork: Set<Int> = [], failingTake: Int? = nil,
    failingPut: Int? = nil
  ) throws -> (put: [Int], error: Failed?) {
    var next = 0
    var put: [Int] = []
    do {
      try OrderedPipeline.run((0..<workers).map { _ in Worker() }) { worker in
        if next == failingTake { throw Failed(number: next) }
        if next == count { return .nothing }
        worker.number = next
        next += 1
        return saysLast && next == count ? .last : .part
      } work: { worker in
        if failingWork.contains(worker.number) { throw Failed(number: worker.number) }
        // Later ones are done sooner.
        for _ in 0..<(worker.number % 7) * 300 { worker.square &+= 1 }
        worker.square = worker.number * worker.number
      } put: { worker in
        if worker.number == failingPut { throw Failed(number: worker.number) }
        put.append(worker.square)
      }
    } catch let error as Failed {
      return (put, error)
    }
    return (put, nil)
  }

  @Test(arguments: [1, 2, 3, 8], [0, 1, 2, 3, 200])
  func givesAllInOrder(workers: Int, count: Int) throws {
    for saysLast in [true, false] {
      let result = try squares(count, workers: workers, saysLast: saysLast)
      #expect(result.put == (0..<count).map { $0 * $0 })
      #expect(result.error == nil)
    }
  }

  @Test(arguments: [1, 2, 3, 8])
  func theFirstErrorInOrderWins(workers: Int) throws {
    for number in [0, 1, 5, 99] {
      let before = (0..<number).map { $0 * $0 }
      let work = try squares(
        100, workers: workers, saysLast: true, failingWork: [number, number + 1, 99])
      #expect(work.put == before && work.error == Failed(number: number))
      let take = try squares(100, workers: workers, saysLast: true, failingTake: number)
      #expect(take.put == before && take.error == Failed(number: number))
      let put = try squares(100, workers: workers, saysLast: true, failingPut: number)
      #expect(put.put == before && put.error == Failed(number: number))
    }
  }

  @Test func joinsArrays() {
    #expect(ParallelWork.joined([[Int]]()) == [])
    #expect(ParallelWork.joined([[1, 2], [], [3]]) == [1, 2, 3])
    let many = (0..<50).map { Array(repeating: $0, count: $0) }
    #expect(ParallelWork.joined(many) == many.flatMap { $0 })
  }
}
