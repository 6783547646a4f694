internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// How memory that is new to the process gets its pages.
///
/// A huge page is cleared in a tenth of a millisecond where the system has it at hand, a fifth of what its 512 small
/// pages cost. But a virtual machine that gives free memory back to its host (free page reporting) has it fetched
/// again: 2.5 to 6 ms each were measured, four times the price of small pages, and those at hand are taken first. So
/// each one is timed, and after a slow one no more are asked for. All of this is advice: memory is the same with any
/// pages.
enum HugePages {
  static let size = 2 << 20
  private static let smallPage = 4096

  #if !canImport(Darwin)
    /// MADV_POPULATE_WRITE, which not every C library names, and kernels know from 5.14 on.
    private static let populateWrite: CInt = 23
    /// Small pages in place of a huge one take 0.8 ms.
    private static let slow = Duration.milliseconds(1)
    private static let isSlow = Atomic<Bool>(false)
  #endif

  /// Whether they are worth asking for.
  static var areWorthwhile: Bool {
    #if canImport(Darwin)
      false
    #else
      !isSlow.load(ordering: .relaxed)
    #endif
  }

  /// A size that is filled by huge pages, where one of them would be filled by half at least; else the size itself.
  static func rounded(_ byteCount: Int) -> Int {
    let last = byteCount % size
    return areWorthwhile && last >= size / 2 ? byteCount - last + size : byteCount
  }

  /// Asks for the small pages of some room, all of which is about to be written, at once: one by one, as they are
  /// touched, they cost half as much again.
  static func populate(_ room: UnsafeMutableRawBufferPointer) {
    #if !canImport(Darwin)
      guard room.count >= 1 << 16, let base = room.baseAddress else { return }
      // Whole pages of the room only.
      let start = unsafe base.alignedUp(toMultipleOf: smallPage)
      let count = unsafe (room.count - (start - base)) / smallPage * smallPage
      _ = unsafe madvise(start, count, populateWrite)
    #endif
  }

  /// The same, on huge pages where they fit and are worth it.
  static func populateHuge(_ room: UnsafeMutableRawBufferPointer) {
    #if !canImport(Darwin)
      guard let base = room.baseAddress else { return }
      let end = unsafe base + room.count
      var next = unsafe base
      while areWorthwhile {
        let start = unsafe next.alignedUp(toMultipleOf: size)
        guard unsafe end - start >= size else { break }
        if unsafe start > next {
          unsafe populate(UnsafeMutableRawBufferPointer(start: next, count: start - next))
        }
        _ = unsafe madvise(start, size, MADV_HUGEPAGE)
        time { _ = unsafe madvise(start, size, populateWrite) }
        unsafe next = start + size
      }
      unsafe populate(UnsafeMutableRawBufferPointer(start: next, count: end - next))
    #endif
  }

  /// Asks for huge pages for zeroed memory that nobody has touched yet, and that begins where one may; they come as
  /// they are touched. The first one comes at once, to be timed.
  static func advise(_ room: UnsafeMutableRawBufferPointer) {
    #if !canImport(Darwin)
      guard areWorthwhile, room.count >= size, let base = room.baseAddress else { return }
      _ = unsafe madvise(base, room.count, MADV_HUGEPAGE)
      time { unsafe base.storeBytes(of: 0, as: UInt8.self) }
      // The next ones would be as slow.
      if !areWorthwhile { _ = unsafe madvise(base, room.count, MADV_NOHUGEPAGE) }
    #endif
  }

  #if !canImport(Darwin)
    /// Notes whether getting one was slow.
    private static func time(_ getOne: () -> Void) {
      let begin = ContinuousClock.now
      getOne()
      if ContinuousClock.now - begin > slow { isSlow.store(true, ordering: .relaxed) }
    }
  #endif
}
