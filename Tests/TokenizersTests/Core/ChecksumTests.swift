import TestSupport
import Testing

@testable import Tokenizers

struct ChecksumTests {
  private func sum(_ parts: [UInt8]...) -> UInt64 {
    var sum = Checksum()
    for part in parts { unsafe part.withUnsafeBytes { unsafe sum.add($0) } }
    return sum.value
  }

  /// Any change of one byte, at each length around the 64 bytes of a step.
  @Test(.tags(.property)) func everyByteCounts() {
    var random = SeededRandom(seed: 3)
    for count in [1, 7, 8, 9, 63, 64, 65, 127, 128, 129, 200] {
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

  /// The definition: word *i* goes to lane *i* modulo 8.
  private func sumByDefinition(_ bytes: [UInt8]) -> UInt64 {
    func step(_ sum: UInt64, _ word: UInt64) -> UInt64 {
      let product = (sum ^ word) &* 0x9E37_79B9_7F4A_7C15
      return product ^ product >> 29
    }
    let padded = bytes + [UInt8](repeating: 0, count: (64 - bytes.count % 64) % 64)
    var lanes = (1...8 as ClosedRange<UInt64>).map { $0 }
    for index in 0..<padded.count / 8 {
      // Little-endian.
      let word = padded[8 * index..<8 * index + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
      lanes[index % 8] = step(lanes[index % 8], word)
    }
    return lanes.reduce(UInt64(bytes.count), step)
  }

  @Test(.tags(.property)) func eightLanesTakeTurns() {
    var random = SeededRandom(seed: 4)
    for count in Array(0...130) + [1000, 4096] {
      let bytes = (0..<count).map { _ in UInt8(random.below(256)) }
      let (all, expected) = (sum(bytes), sumByDefinition(bytes))
      #expect(all == expected, "\(count) bytes")
      let cut = random.below(count / 64 + 1) * 64
      let pieces = sum(Array(bytes[..<cut]), Array(bytes[cut...]))
      #expect(pieces == expected, "\(count) bytes, cut at \(cut)")
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
