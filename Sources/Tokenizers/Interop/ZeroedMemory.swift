#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A block of zeroed memory, given back with its owner.
///
/// Blocks of some size come straight from the system, which zeroes a page when it is first touched: what is
/// not used costs nothing. Of large ones huge pages are asked for before that, where they are worth it, since a
/// table that is touched at random takes a fault for each page; they begin where a huge page may.
@safe struct ZeroedMemory: ~Copyable {
  /// From here on a block is mapped: below, clearing it costs less than asking for it.
  private static let smallestMapped = 1 << 15

  /// The first byte, aligned for any type.
  let base: UnsafeMutableRawPointer
  let byteCount: Int
  /// What is given back: nothing if the block was allocated.
  private let mapped: UnsafeMutableRawPointer?
  private let mappedCount: Int

  /// - Parameters:
  ///   - byteCount: At least one byte.
  ///   - isSparse: Whether its user will ask for pages where they are needed (`HugePages.populateHuge`), or much of it
  ///     is never touched.
  init(byteCount: Int, isSparse: Bool = false) {
    self.byteCount = byteCount
    #if canImport(Darwin)
      let flags = MAP_PRIVATE | MAP_ANON
    #else
      let flags = MAP_PRIVATE | MAP_ANONYMOUS
    #endif
    if byteCount >= Self.smallestMapped {
      let isHuge = byteCount >= HugePages.size
      // Addresses before and behind an aligned block are never touched, and so take no memory.
      let mappedCount = isHuge ? byteCount + HugePages.size : byteCount
      let mapped = unsafe mmap(nil, mappedCount, PROT_READ | PROT_WRITE, flags, -1, 0)
      if let mapped = unsafe mapped, unsafe mapped != MAP_FAILED {
        if isHuge {
          // At most one huge page further on, for which there is room.
          unsafe base = mapped.alignedUp(toMultipleOf: HugePages.size)
          if !isSparse {
            unsafe HugePages.advise(UnsafeMutableRawBufferPointer(start: base, count: byteCount))
          }
        } else {
          unsafe base = mapped
        }
        unsafe self.mapped = unsafe mapped
        self.mappedCount = mappedCount
        return
      }
    }
    // Swift's allocator ends the program where there is no memory left, as it does for arrays.
    unsafe base = .allocate(byteCount: byteCount, alignment: 64)
    unsafe base.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
    unsafe mapped = nil
    mappedCount = 0
  }

  deinit {
    if let mapped = unsafe mapped {
      _ = unsafe munmap(mapped, mappedCount)
    } else {
      unsafe base.deallocate()
    }
  }
}
