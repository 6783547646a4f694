/// The tokens of a vocabulary of which a prepared form holds the merges: each is what its merge joins. Spelled when
/// someone asks for one.
///
/// Bytes have the ids below 256, the token of the merge of rank *r* has 256 + *r*, and both parts of a merge have
/// lower ids. Tokens that no merge makes have ids beyond those.
enum SpelledTokens {
  /// Whether bytes have the ids below 256.
  static func areInOrder(_ idOfByte: [TokenID]) -> Bool {
    var isTaken = [Bool](repeating: false, count: 256)
    for id in idOfByte {
      guard id.rawValue < 256, !isTaken[Int(id.rawValue)] else { return false }
      isTaken[Int(id.rawValue)] = true
    }
    return idOfByte.count == 256
  }

  /// The vocabulary of a table whose merges are in order, and of other tokens.
  ///
  /// - Parameter byteCount: Bytes of all tokens together. Where the merges join other than that, as they do only if
  ///   someone has made them up, each makes a token of one byte.
  static func vocabulary(
    of table: MergeTableStorage, _ idOfByte: [TokenID], _ others: TokenList, byteCount: Int
  ) -> Vocabulary {
    let made = 256 + table.mergeCount
    return Vocabulary(
      count: made + others.ids.count, largestID: TokenID(others.ids.last ?? UInt32(made - 1)),
      known: others
    ) { spell(table, idOfByte, others, byteCount) }
  }

  /// - Complexity: Linear in the table and in the bytes of all tokens.
  private static func spell(
    _ table: MergeTableStorage, _ idOfByte: [TokenID], _ others: TokenList, _ byteCount: Int
  ) -> TokenList {
    let parts = table.parts()
    let room = byteCount - others.arena.count
    var (arena, offsets) = join(parts, idOfByte, room: room)
    if arena.count != room || zip(offsets, offsets.dropFirst()).contains(where: { $0 == $1 }) {
      arena.removeLast(arena.count - 256)
      arena += [UInt8](repeating: 0, count: parts.count)
      offsets = (0...UInt32(arena.count)).map { $0 }
    }
    let end = UInt32(arena.count)
    arena += others.arena
    offsets += others.offsets.dropFirst().map { $0 + end }
    let ids = (0..<UInt32(256 + parts.count)) + others.ids
    guard
      let list = try? TokenList(arena: arena, offsets: offsets, ids: Array(ids), areDistinct: true)
    else { preconditionFailure("tokens that have bytes and ascending ids are refused") }
    return list
  }

  /// The bytes of all bytes and of each merge's two parts, and where each begins; empty tokens where there is no room.
  private static func join(
    _ parts: [(left: UInt32, right: UInt32)], _ idOfByte: [TokenID], room: Int
  ) -> (arena: [UInt8], offsets: [UInt32]) {
    var arena: [UInt8] = []
    // What is written beyond the end of a token is overwritten by the next one.
    let slack = 16
    let offsets = unsafe [UInt32](unsafeUninitializedCapacity: 257 + parts.count) { offsets, made in
      made = offsets.count
      unsafe arena = [UInt8](unsafeUninitializedCapacity: max(256, room) + slack) { bytes, end in
        guard let base = bytes.baseAddress else { return }
        for byte in 0..<256 {
          unsafe base[Int(idOfByte[byte].rawValue)] = UInt8(byte)
          unsafe offsets[byte] = UInt32(byte)
        }
        unsafe offsets[256] = 256
        end = 256
        for index in parts.indices {
          append(parts[index].left)
          append(parts[index].right)
          unsafe offsets[257 + index] = UInt32(end)
        }

        // A part of a merge is there: symbols are lower, and ids but of bytes. It ends before the end, behind which
        // there are 16 bytes.
        @inline(__always) func append(_ symbol: UInt32) {
          let id = Int(symbol < 256 ? idOfByte[Int(symbol)].rawValue : symbol)
          let start = unsafe Int(offsets[id])
          let count = unsafe Int(offsets[id + 1]) - start
          if end + count > room { return }
          var done = 0
          repeat {
            let word = unsafe UnsafeRawPointer(base + start + done)
              .loadUnaligned(as: SIMD16<UInt8>.self)
            unsafe UnsafeMutableRawPointer(base + end + done)
              .storeBytes(of: word, as: SIMD16<UInt8>.self)
            done += 16
          } while done < count
          end += count
        }
      }
    }
    return (arena, offsets)
  }
}
