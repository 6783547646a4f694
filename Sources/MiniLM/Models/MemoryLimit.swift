#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// How much memory a model may take.
enum MemoryLimit {
  /// No model's parameters alone may be larger, whatever the machine: 4 GiB.
  static let largestModelBytes = 4 << 30

  /// Three quarters of the machine's memory, for parameters, gradients and moments together.
  static let bytes: Int = {
    let pages = sysconf(Int32(_SC_PHYS_PAGES))
    let pageSize = sysconf(Int32(_SC_PAGESIZE))
    // Where the system does not say, the limit on parameters is the only one.
    guard pages > 0, pageSize > 0 else { return 4 * largestModelBytes }
    return pages / 4 * 3 * pageSize
  }()
}
