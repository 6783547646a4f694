internal import CKernels

/// How memory that is freed goes back to the system.
package enum SystemMemory {
  /// From now on large blocks go back at once, for programs that keep to a bound.
  ///
  /// glibc otherwise keeps blocks of up to 32 MB for later, in a heap that grows holes: training that has
  /// 65 MB in use at most was seen to take 400.
  package static func giveFreedBlocksBack() { give_freed_memory_back() }

  /// From now on some freed megabytes stay for later, for programs that soon end.
  package static func keepFreedBlocks() { keep_freed_memory() }

  /// Gives so many bytes of the heap their pages, if freed blocks are kept: the blocks that come next find them there.
  static func providePages(_ byteCount: Int) {
    guard byteCount > 0, byteCount < 1 << 22, keeps_freed_memory() != 0 else { return }
    let room = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 16)
    // Nothing is read, or written.
    unsafe HugePages.populate(room)
    unsafe room.deallocate()
  }
}
