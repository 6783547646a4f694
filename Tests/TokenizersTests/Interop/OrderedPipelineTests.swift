import Testing

@testable import Tokenizers

@Suite struct OrderedPipelineTests {
  /// Holds a number on its way.
  final class Part {
    var number = 0
    var square = 0
  }

  struct Failed: Error, Equatable {
    var number: Int
  }

  /// Squares of 0..<count, in the order in which they were put.
  private func squares(
    _ count: Int, threads: Int, saysLast: Bool, failingWork: Set<Int> = [], failingTake: Int? = nil,
    failingPut: Int? = nil
  ) throws -> (put: [Int], error: Failed?) {
    var next = 0
    var put: [Int] = []
    do {
      let parts = (0..<OrderedPipeline.partCount(threads: threads)).map { _ in Part() }
      try OrderedPipeline.run(parts, threads: threads) { part in
        if next == failingTake { throw Failed(number: next) }
        if next == count { return .nothing }
        part.number = next
        next += 1
        return saysLast && next == count ? .last : .part
      } work: { part, thread in
        #expect((0..<threads).contains(thread))
        if failingWork.contains(part.number) { throw Failed(number: part.number) }
        // Later ones are done sooner.
        for _ in 0..<(part.number % 7) * 300 { part.square &+= 1 }
        part.square = part.number * part.number
      } put: { part in
        if part.number == failingPut { throw Failed(number: part.number) }
        put.append(part.square)
      }
    } catch let error as Failed {
      return (put, error)
    }
    return (put, nil)
  }

  @Test(arguments: [1, 2, 3, 8], [0, 1, 2, 3, 200])
  func givesAllInOrder(threads: Int, count: Int) throws {
    for saysLast in [true, false] {
      let result = try squares(count, threads: threads, saysLast: saysLast)
      #expect(result.put == (0..<count).map { $0 * $0 })
      #expect(result.error == nil)
    }
  }

  @Test(arguments: [1, 2, 3, 8])
  func theFirstErrorInOrderWins(threads: Int) throws {
    for number in [0, 1, 5, 99] {
      let before = (0..<number).map { $0 * $0 }
      let work = try squares(
        100, threads: threads, saysLast: true, failingWork: [number, number + 1, 99])
      #expect(work.put == before && work.error == Failed(number: number))
      let take = try squares(100, threads: threads, saysLast: true, failingTake: number)
      #expect(take.put == before && take.error == Failed(number: number))
      let put = try squares(100, threads: threads, saysLast: true, failingPut: number)
      #expect(put.put == before && put.error == Failed(number: number))
    }
  }
}
