import TestSupport
import Testing

@testable import Tokenizers

struct ChecksumTests {
  private func sum(_ parts: [UInt8]...) -> UInt64 {
    var sum = Checksum()
    for part in parts { unsafe part.withUnsafeBytes { unsafe sum.add($0) } }
    return sum.value
  }

  /// Any change of one byte, at each length around the lanes' 32 bytes.
  @Test(.tags(.property)) func everyByteCounts() {
    var random = SeededRandom(seed: 3)
    for count in [1, 7, 8, 9, 31, 32, 33, 63, 64, 65, 200] {
      let bytes = (0..<count).map { _ in UInt8(random.below(256)) }
      let expected = sum(bytes)
      for offset in bytes.indices {
        for bit in 0..<8 {
          var changed = bytes
          changed[offset] ^= 1 << UInt8(bit)
          #expect(sum(changed) != expected, "byte \(offset) of \(count)")
        }
      }
    }
  }

  @Test func lengthOrderAndPartsCount() {
    let zeros = (0...70).map { sum([UInt8](repeating: 0, count: $0)) }
    #expect(Set(zeros).count == zeros.count)
    let (one, two) = ([UInt8](1...40), [UInt8](41...80))
    #expect(sum(one, two) != sum(two, one))
    #expect(sum(one, two) != sum(one + two))
    #expect(sum(one, two) == sum(one, two))
  }
}
