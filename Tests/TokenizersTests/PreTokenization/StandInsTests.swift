import TestSupport
import Testing

@testable import Tokenizers

@Suite struct StandInsTests {
  @Test(.tags(.slow)) func everyUnsettledScalarHasAStandInThatIsAlike() {
    for run in ScalarSet.runs where run.scalarClass.isUnsettled {
      for value in [run.first, (run.first + run.last) / 2, run.last] {
        guard let scalar = Unicode.Scalar(value) else { continue }
        let text = Array("a\(scalar)é".utf8)
        let replaced = StandIns.replace(in: text.span, from: 1)
        #expect(replaced?.count == text.count)
        guard let replaced else { continue }
        let sequence = replaced.span.utf8Sequence(at: 1)
        #expect(replaced.first == text.first && replaced.suffix(2) == text.suffix(2))
        #expect(sequence.kind == .scalar && sequence.length == text.count - 3)
        let standIn = ScalarClass(sequence.scalar)
        let isKept = Array(replaced) == text && run.scalarClass.category == .unassigned
        #expect(
          isKept || standIn.byte | 0x40 == run.scalarClass.byte, "U+\(String(value, radix: 16))")
        #expect(isKept || !standIn.isUnsettled, "U+\(String(value, radix: 16))")
      }
    }
  }

  /// The kernel against the table, wherever in 64 bytes a scalar stands and whatever is around it.
  @Test(.tags(.property), arguments: UInt64(1)...20)
  func nextUnsettledIsTheFirstOfTheTable(seed: UInt64) {
    var generator = TextGenerator(seed: seed)
    for _ in 0..<40 {
      let count = generator.random.below(60)
      let text =
        generator.plainText(fragments: count)
        + (generator.random.below(2) == 0 ? [] : generator.text(fragments: 30))
      var expected = 0
      while expected < text.count {
        let sequence = text.span.utf8Sequence(at: expected)
        if ScalarClass(sequence.scalar).isUnsettled { break }
        expected += sequence.length
      }
      let found = text.span.nextUnsettled(in: 0..<text.count)
      #expect(found == expected, "seed \(seed): \(escaped(text))")
    }
  }

  /// Every scalar alone among settled ones: the groups that the kernel knows are those of the table.
  @Test(.tags(.slow)) func everyUnsettledScalarIsFound() {
    let before = Array("é日本 a".utf8)
    let after = [UInt8](repeating: 0x61, count: 80)
    for run in ScalarSet.runs {
      for value in stride(from: run.first, through: run.last, by: 61) + [run.last] {
        guard let scalar = Unicode.Scalar(value) else { continue }
        let text = before + Array(String(Character(scalar)).utf8) + after
        let found = text.span.nextUnsettled(in: 0..<text.count)
        let expected = run.scalarClass.isUnsettled ? before.count : text.count
        #expect(found == expected, "U+\(String(value, radix: 16))")
      }
    }
  }
}
