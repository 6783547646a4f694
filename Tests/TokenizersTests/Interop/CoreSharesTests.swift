import Testing

@testable import Tokenizers

@Suite struct CoreSharesTests {
  private func cores(_ set: [UInt64]?) -> [Int]? {
    set.map { set in (0..<64 * set.count).filter { set[$0 / 64] >> ($0 % 64) & 1 == 1 } }
  }

  @Test func eachThreadBeginsOnCoresOfItsOwn() {
    // Cores 0, 1, 2, 3 and 66, of which the caller is on 1.
    let shares = CoreShares(threads: 2, allowed: [0b1111, 0b100], own: 1)
    #expect(shares.coreCount == 5)
    #expect(cores(shares.cores(of: 0)) == [0, 3])
    #expect(cores(shares.cores(of: 1)) == [2, 66])
  }

  @Test func moreThreadsThanCoresHaveOneEach() {
    let shares = CoreShares(threads: 5, allowed: [0b1011], own: 3)
    #expect((0..<5).map { cores(shares.cores(of: $0)) } == [[0], [1], [0], [1], [0]])
  }

  @Test func nothingIsChosenWithoutAChoice() {
    #expect(CoreShares(threads: 1, allowed: [0b100], own: 2).cores(of: 0) == nil)
    #expect(CoreShares(threads: 1, allowed: [0b111], own: nil).cores(of: 0) == nil)
    #expect(CoreShares(threads: 1, allowed: [0b111], own: nil).coreCount >= 1)
  }

  @Test func whatTheSystemSaysIsASet() {
    let shares = CoreShares(threads: 3)
    #expect(shares.coreCount >= 1)
    for index in 0..<3 {
      if let set = cores(shares.cores(of: index)) { #expect(!set.isEmpty) }
    }
  }
}
