#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A block of zeroed memory, given back with its owner.
///
/// Large blocks come straight from the system, which zeroes pages when they are first touched; huge pages
/// are asked for before that, since a table that is touched at random takes a fault for each page.
@safe struct ZeroedMemory: ~Copyable {
  private static let hugePage = 2 << 20

  /// The first byte, aligned for any type.
  let base: UnsafeMutableRawPointer
  private let byteCount: Int
  private let isMapped: Bool

  /// At least one byte.
  init(byteCount: Int) {
    self.byteCount = byteCount
    #if canImport(Darwin)
      let flags = MAP_PRIVATE | MAP_ANON
    #else
      let flags = MAP_PRIVATE | MAP_ANONYMOUS
    #endif
    if byteCount >= Self.hugePage {
      let mapped = unsafe mmap(nil, byteCount, PROT_READ | PROT_WRITE, flags, -1, 0)
      if let mapped = unsafe mapped, unsafe mapped != MAP_FAILED {
        #if !canImport(Darwin)
          // Advice only: without huge pages the memory is the same.
          _ = unsafe madvise(mapped, byteCount, MADV_HUGEPAGE)
        #endif
        unsafe base = mapped
        isMapped = true
        return
      }
    }
    // Swift's allocator ends the program where there is no memory left, as it does for arrays.
    unsafe base = .allocate(byteCount: byteCount, alignment: 64)
    unsafe base.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
    isMapped = false
  }

  deinit {
    if isMapped {
      _ = unsafe munmap(base, byteCount)
    } else {
      unsafe base.deallocate()
    }
  }
}
