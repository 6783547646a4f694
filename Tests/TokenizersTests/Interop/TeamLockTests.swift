import Testing

@testable import Tokenizers

/// Members of a team together, and one of them alone.
@Suite struct TeamLockTests {
  private final class Shared: @unchecked Sendable {
    var value = 0
    var halves = (0, 0)
  }

  /// Members read while one changes what they read: never in the middle of it.
  @Test(arguments: [1, 2, 5]) func whoIsAloneIsAlone(members: Int) {
    let lock = TeamLock(members: members)
    let shared = Shared()
    let torn = ParallelWork.map(members) { member in
      var torn = 0
      for turn in 0..<2000 {
        lock.enter(member)
        if shared.halves.0 != shared.halves.1 { torn += 1 }
        lock.leave(member)
        if turn % 7 == member % 7 {
          lock.withAll {
            shared.halves.0 += 1
            shared.value += 1
            shared.halves.1 += 1
          }
        }
      }
      return torn
    }
    #expect(torn.allSatisfy { $0 == 0 })
    let turns = (0..<members).reduce(0) { sum, member in
      sum + (0..<2000).count { $0 % 7 == member % 7 }
    }
    #expect(shared.value == turns)
  }

  @Test func whatIsDoneAloneGivesItsResult() {
    #expect(TeamLock(members: 1).withAll { 3 } == 3)
    #expect(TeamLock(members: 2).withAll { 4 } == 4)
  }
}
