/// Memory that was got before it is known who needs it.
///
/// `@unchecked`: the memory is touched under the monitor.
final class MemoryAhead: @unchecked Sendable {
  private let monitor = Monitor()
  private var memory: ZeroedMemory?

  /// Puts it here, in the place of what was.
  func put(_ memory: consuming ZeroedMemory?) {
    monitor.lock()
    self.memory = memory
    monitor.unlock()
  }

  /// Takes it, if there is some of exactly this size.
  func take(_ byteCount: Int) -> ZeroedMemory? {
    monitor.lock()
    defer { monitor.unlock() }
    let has = memory?.byteCount
    return has == byteCount ? memory.take() : nil
  }
}
