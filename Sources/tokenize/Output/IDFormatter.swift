import Synchronization
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

/// The digits of all ids up to a largest one, worked out once there are enough ids to write.
///
/// An entry is eight bytes: a space, at most six digits, and in the last byte how many of them count.
final class DecimalTable: Sendable {
  /// Ids that are written without the table: fewer are not worth making it.
  private static let patience = 4096

  private enum State {
    case waiting(count: Int)
    case made([UInt64])
  }

  private let largest: Int
  private let state = Mutex(State.waiting(count: 0))

  /// - Parameter largest: The largest id that is looked up; what does not fit is worked out each time.
  init(largest: Int) { self.largest = largest }

  /// The entries, for `count` more ids; none as long as they are not worth making.
  private func entries(for count: Int) -> [UInt64] {
    state.withLock { state in
      switch state {
      case .made(let entries): return entries
      case .waiting(let before) where before + count < Self.patience:
        state = .waiting(count: before + count)
        return []
      case .waiting:
        let entries = Self.entries(to: min(largest, 999_999))
        state = .made(entries)
        return entries
      }
    }
  }

  private static func entries(to largest: Int) -> [UInt64] {
    var entries: [UInt64] = []
    entries.reserveCapacity(largest + 1)
    for value in 0..<UInt64(largest + 1) {
      // That of the number without its last digit, and the digit behind it.
      let rest: UInt64 = value < 10 ? 0x20 | (1 << 56) : entries[Int(value / 10)]
      let digit = (value % 10 + 0x30) << (8 * (rest >> 56))
      entries.append((rest + (1 << 56)) | digit)
    }
    return entries
  }

  /// Appends each id after a space.
  func append(_ ids: [TokenID], to bytes: inout ByteBuffer) {
    let entries = entries(for: ids.count)
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
