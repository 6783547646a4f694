#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Pages for memory that others have allocated.
enum HugePages {
  /// Asks for the pages of some room, all of which is about to be written, at once: one by one, as they are
  /// touched, they cost twice as much. Advice only, which older kernels do not know.
  static func populate(_ room: UnsafeMutableRawBufferPointer) {
    #if !canImport(Darwin)
      let page = 4096
      guard room.count >= 1 << 16, let base = room.baseAddress else { return }
      // Whole pages of the room only. MADV_POPULATE_WRITE, which not every C library names.
      let start = unsafe base.alignedUp(toMultipleOf: page)
      let count = unsafe (room.count - (start - base)) / page * page
      _ = unsafe madvise(start, count, 23)
    #endif
  }

  /// Asks for huge pages for the room of an array that was just reserved and is not written to yet.
  ///
  /// Advice only: without them the memory is the same, but each 4 KiB of it cost a fault when they are first
  /// written, a tenth of a first pass over a long text.
  static func advise(_ room: UnsafeMutableRawBufferPointer) {
    #if !canImport(Darwin)
      let page = 4096
      guard room.count >= 4 << 20, let base = room.baseAddress else { return }
      // Whole pages of the room only.
      let start = unsafe base.alignedUp(toMultipleOf: page)
      let count = unsafe (room.count - (start - base)) / page * page
      _ = unsafe madvise(start, count, MADV_HUGEPAGE)
    #endif
  }
}

extension [TokenID] {
  /// Makes room for more ids behind those that there are, on huge pages if it is much.
  mutating func reserve(_ room: Int) {
    if capacity - count >= room { return }
    reserveCapacity(count + room)
    append(addingCapacity: room) { output in
      unsafe output.withUnsafeMutableBufferPointer { buffer, _ in
        // The room behind the ids that there are; nothing is written through the pointer.
        unsafe HugePages.advise(UnsafeMutableRawBufferPointer(buffer))
      }
    }
  }
}
