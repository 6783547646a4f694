internal import CKernels

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Where threads begin that are to work beside the calling one: each on other cores than all others.
///
/// Linux may start a thread on the core of the thread that has made or woken it, and does (6.18 with two cores: more
/// often than not): it runs when the other one waits, or when the system balances its cores some milliseconds later.
/// Work of a few milliseconds is then as slow on two threads as on one. A thread that has begun on another core is free
/// to go where it likes. Elsewhere than on Linux nothing is chosen.
struct CoreShares {
  /// The cores that the calling thread may use.
  private let allowed: [UInt64]
  /// Those beside the one it is on; none if nothing is to be chosen.
  private let others: [Int]
  private let shareCount: Int
  /// How many cores the calling thread may use.
  let coreCount: Int

  /// - Parameter threads: How many there are beside the calling one.
  init(threads: Int) {
    var cores = [UInt64](repeating: 0, count: Int(CORE_WORDS))
    // Room for all words.
    let own = unsafe cores.withUnsafeMutableBufferPointer { cores in
      unsafe cores_of_this_thread(cores.baseAddress.unsafelyUnwrapped)
    }
    self.init(threads: threads, allowed: cores, own: own < 0 ? nil : Int(own))
  }

  /// - Parameters:
  ///   - allowed: A bit for each core.
  ///   - own: The calling thread's; nil if it is not known.
  init(threads: Int, allowed: [UInt64], own: Int?) {
    self.allowed = allowed
    var others: [Int] = []
    if let own {
      for (index, word) in allowed.enumerated() {
        var rest = word
        while rest != 0 {
          let core = 64 * index + rest.trailingZeroBitCount
          if core != own { others.append(core) }
          rest &= rest - 1
        }
      }
    }
    self.others = others
    shareCount = max(1, min(threads, others.count))
    coreCount =
      own == nil
      ? max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) : others.count + 1
  }

  /// The cores for one of the threads beside the calling one, as bits; nil if nothing is to be chosen. With more threads
  /// than cores each has one of them, else some that no other thread has.
  func cores(of index: Int) -> [UInt64]? {
    if others.isEmpty { return nil }
    var cores = [UInt64](repeating: 0, count: allowed.count)
    for other in stride(from: index % shareCount, to: others.count, by: shareCount) {
      cores[others[other] / 64] |= 1 << (others[other] % 64)
    }
    return cores
  }

  #if !canImport(Darwin)
    /// Has a thread that waits, or has yet to begin, go on in one of the shares.
    func place(_ thread: pthread_t, index: Int) {
      // All words.
      if let cores = cores(of: index) { unsafe set_cores(thread, cores) }
    }
  #endif

  /// Lets the thread that calls this go to all cores that the one which has placed it may use.
  func release() {
    #if !canImport(Darwin)
      if !others.isEmpty { unsafe set_cores(pthread_self(), allowed) }
    #endif
  }
}
