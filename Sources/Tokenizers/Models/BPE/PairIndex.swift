/// Where each pair's count and occurrences are kept: open addressing, at most half full.
struct PairIndex {
  private struct Slot {
    var pair: UInt64
    var index: UInt32
  }

  private static let free = Slot(pair: .max, index: 0)

  private var slots = [Slot](repeating: Self.free, count: 1 << 10)
  private var count = 0

  /// The index given to this pair, if any.
  @inline(__always)
  func find(_ pair: UInt64) -> Int? {
    let slots = slots.span
    let mask = slots.count - 1
    var position = Self.position(of: pair, mask)
    while true {
      let slot = slots[position]
      if slot.pair == pair { return Int(slot.index) }
      if slot.pair == .max { return nil }
      position = (position + 1) & mask
    }
  }

  /// Gives an index to a pair that has none.
  mutating func insert(_ pair: UInt64, index: Int) {
    if count * 2 >= slots.count { grow() }
    place(Slot(pair: pair, index: UInt32(index)))
    count += 1
  }

  private mutating func grow() {
    let old = slots
    slots = [Slot](repeating: Self.free, count: old.count * 4)
    for slot in old where slot.pair != .max { place(slot) }
  }

  private mutating func place(_ slot: Slot) {
    let mask = slots.count - 1
    var position = Self.position(of: slot.pair, mask)
    while slots[position].pair != .max { position = (position + 1) & mask }
    slots[position] = slot
  }

  @inline(__always)
  private static func position(of pair: UInt64, _ mask: Int) -> Int {
    let mixed = (pair ^ (pair >> 29)) &* 0x9E37_79B9_7F4A_7C15
    return Int(truncatingIfNeeded: mixed >> 32) & mask
  }
}
