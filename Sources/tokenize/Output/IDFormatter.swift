import Tokenizers

/// Ids as bytes, many at a time: what several threads can do at once for parts of one document.
enum IDFormatter: Sendable {
  /// Numbers of two bytes, low byte first. No id is larger.
  case u16
  /// Numbers of four bytes, low byte first.
  case u32
  /// Decimal digits with a space before each number.
  case decimal(DecimalTable)

  /// Appends the bytes of `ids`.
  func append(_ ids: [TokenID], to bytes: inout ByteBuffer) {
    switch self {
    case .u16:
      // Two bytes for each id.
      unsafe bytes.append(room: 2 * ids.count) { output in
        let output = unsafe output.bindMemory(to: UInt16.self, capacity: ids.count)
        for index in ids.indices {
          let value = UInt16(truncatingIfNeeded: ids[index].rawValue)
          unsafe output[index] = value.littleEndian
        }
        return 2 * ids.count
      }
    case .u32:
      // Four bytes for each id.
      unsafe bytes.append(room: 4 * ids.count) { output in
        let output = unsafe output.bindMemory(to: UInt32.self, capacity: ids.count)
        for index in ids.indices { unsafe output[index] = ids[index].rawValue.littleEndian }
        return 4 * ids.count
      }
    case .decimal(let table): table.append(ids, to: &bytes)
    }
  }
}

/// The digits of all ids up to a largest one, worked out once.
///
/// An entry is eight bytes: a space, at most six digits, and in the last byte how many of them count.
final class DecimalTable: Sendable {
  private let entries: [UInt64]

  /// - Parameter largest: The largest id that is looked up; what does not fit is worked out each time.
  init(largest: Int) {
    var entries: [UInt64] = []
    entries.reserveCapacity(min(largest, 999_999) + 1)
    for value in 0..<UInt64(min(largest, 999_999) + 1) {
      // That of the number without its last digit, and the digit behind it.
      let rest: UInt64 = value < 10 ? 0x20 | (1 << 56) : entries[Int(value / 10)]
      let digit = (value % 10 + 0x30) << (8 * (rest >> 56))
      entries.append((rest + (1 << 56)) | digit)
    }
    self.entries = entries
  }

  /// Appends each id after a space.
  func append(_ ids: [TokenID], to bytes: inout ByteBuffer) {
    // Eight bytes are written for each id that has an entry, and up to eleven are for others.
    unsafe bytes.append(room: 11 * ids.count + 8) { output in
      unsafe entries.withUnsafeBufferPointer { entries in
        var position = 0
        for index in ids.indices {
          let value = ids[index].rawValue
          if Int(value) < entries.count {
            let entry = unsafe entries[Int(value)]
            unsafe output.storeBytes(
              of: entry.littleEndian, toByteOffset: position, as: UInt64.self)
            position &+= Int(entry >> 56)
          } else {
            unsafe output.storeBytes(of: 0x20, toByteOffset: position, as: UInt8.self)
            position &+= 1
            for digit in String(value).utf8 {
              unsafe output.storeBytes(of: digit, toByteOffset: position, as: UInt8.self)
              position &+= 1
            }
          }
        }
        return position
      }
    }
  }
}
