/// The bytes of all tokens in slots of sixteen: what decoding many ids runs on.
///
/// A slot holds up to fifteen bytes of a token and in its last byte how many they are, so that a token is
/// written by one load and one store, whatever its length; what is written behind its end is overwritten by
/// the next one. A length of 0 marks an id that no token has, 255 a token that does not fit or has to be
/// looked at.
@safe struct TokenTable: ~Copyable {
  static let slot = 16

  private let memory: ZeroedMemory
  private let count: Int
  /// The tokens that have to be looked at.
  let marked: [TokenID]

  /// Nil if the ids are so sparse that a table by id would be mostly empty.
  ///
  /// - Parameter marked: Tokens that `write` is to stop at.
  init?(_ vocabulary: Vocabulary, marked: [TokenID]) {
    guard let largest = vocabulary.largestID, Int(largest.rawValue) < 4 * vocabulary.count + 4096
    else { return nil }
    count = Int(largest.rawValue) + 1
    memory = ZeroedMemory(byteCount: count * Self.slot)
    self.marked = marked
    let tokens = vocabulary.tokens
    for position in tokens.ids.indices {
      let range = tokens.range(at: position)
      // Inside of the memory: no id is larger than the largest.
      let slot = unsafe memory.base + Int(tokens.ids[position]) * Self.slot
      if range.count >= Self.slot {
        unsafe slot.storeBytes(of: 255, toByteOffset: 15, as: UInt8.self)
        continue
      }
      for (offset, index) in range.enumerated() {
        unsafe slot.storeBytes(of: tokens.arena[index], toByteOffset: offset, as: UInt8.self)
      }
      unsafe slot.storeBytes(of: UInt8(range.count), toByteOffset: 15, as: UInt8.self)
    }
    for id in marked where Int(id.rawValue) < count {
      unsafe (memory.base + Int(id.rawValue) * Self.slot).storeBytes(
        of: 255, toByteOffset: 15, as: UInt8.self)
    }
  }

  /// Writes the bytes of `ids` from an index on, up to the first one that cannot be written so.
  ///
  /// - Parameters:
  ///   - index: Where to begin; where it stopped afterwards, `ids.count` if it did not.
  ///   - output: Has room for 16 bytes for each id.
  /// - Returns: How many bytes were written that count.
  @unsafe func write(
    _ ids: UnsafeBufferPointer<TokenID>, from index: inout Int, to output: UnsafeMutableRawPointer
  ) -> Int {
    let slots = unsafe memory.base
    let end = ids.count
    var length = 0
    var position = index
    while position < end {
      let id = Int(unsafe ids[position].rawValue)
      if id >= count { break }
      let slot = unsafe slots + id &* Self.slot
      let low = unsafe slot.load(as: UInt64.self)
      let high = unsafe slot.load(fromByteOffset: 8, as: UInt64.self)
      unsafe output.storeBytes(of: low, toByteOffset: length, as: UInt64.self)
      unsafe output.storeBytes(of: high, toByteOffset: length &+ 8, as: UInt64.self)
      let count = Int(UInt64(littleEndian: high) >> 56)
      if count &- 1 > 14 || count == 0 { break }
      length &+= count
      position &+= 1
    }
    index = position
    return length
  }
}
