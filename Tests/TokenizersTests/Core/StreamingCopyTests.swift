import CKernels
import TestSupport
import Testing

@Suite struct StreamingCopyTests {
  /// All of it and nothing beside it, wherever both begin and end.
  @Test(.tags(.property), arguments: UInt64(1)...200)
  func copiesWhatItIsTold(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let count = random.below(random.pick([3, 70, 300, 5000]))
    let (from, to) = (random.below(70), random.below(70))
    let source = (0..<from + count).map { _ in UInt8(truncatingIfNeeded: random.below(256)) }
    let before = (0..<to + count + 70).map { _ in UInt8(truncatingIfNeeded: random.below(256)) }
    var target = before
    unsafe source.withUnsafeBytes { source in
      unsafe target.withUnsafeMutableBytes { target in
        guard let source = source.baseAddress, let target = target.baseAddress else { return }
        // In bounds: both have room for `count` bytes there.
        unsafe streaming_copy(target + to, source + from, count)
      }
    }
    var expected = before
    expected.replaceSubrange(to..<to + count, with: source[from...])
    #expect(target == expected)
  }
}
