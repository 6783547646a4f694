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
}
