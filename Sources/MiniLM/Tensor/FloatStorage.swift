#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A fixed run of floats, all zero at first: the arena that parameters, gradients, moments or
/// activations live in.
///
/// It is a class without locks: a run of elements is written by one worker at a time and read by
/// others only while nobody writes it. Whoever splits work says which elements each worker owns.
@safe
public final class FloatStorage: @unchecked Sendable {
  /// How many floats there are.
  public let count: Int
  /// The first of `count` initialised floats, at a multiple of 64 bytes: a line of the cache, and the
  /// widest vector.
  let base: UnsafeMutablePointer<Float>
  /// What calloc gave, owned by this object until it ends.
  private let memory: UnsafeMutableRawPointer

  /// Zeros, `count` of them; pages that are never written cost no memory.
  public init(count: Int) throws(MiniLMError) {
    precondition(count >= 0)
    let (bytes, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<Float>.stride)
    let (withRoom, tooLarge) = bytes.addingReportingOverflow(64)
    // calloc gives zeros, which are initialised floats.
    guard !overflow, !tooLarge, let memory = unsafe calloc(withRoom, 1) else {
      throw .outOfMemory(bytes: overflow ? Int.max : bytes)
    }
    self.count = count
    unsafe self.memory = memory
    // At most 63 bytes further, so that `bytes` are left.
    unsafe self.base = memory.alignedUp(toMultipleOf: 64).bindMemory(
      to: Float.self, capacity: count)
  }

  deinit {
    // Made by calloc in init, given away to nobody.
    unsafe free(memory)
  }

  /// The float at `index`.
  public subscript(index: Int) -> Float {
    get {
      precondition(index >= 0 && index < count)
      // In bounds by the line above.
      return unsafe base[index]
    }
    set {
      precondition(index >= 0 && index < count)
      // In bounds by the line above.
      unsafe base[index] = newValue
    }
  }

  /// A copy of the floats in `range`.
  public func values(in range: Range<Int>) -> [Float] {
    // `pointer(at:count:)` has checked the range.
    unsafe Array(UnsafeBufferPointer(start: pointer(at: range), count: range.count))
  }

  /// Writes `values` from `offset` on.
  public func replace(at offset: Int, with values: [Float]) {
    unsafe values.withUnsafeBufferPointer { source in
      guard let first = source.baseAddress else { return }
      // `pointer(at:)` checks that the target has room for them.
      unsafe pointer(at: offset..<offset + source.count).update(from: first, count: source.count)
    }
  }

  /// Takes over the floats of `other`, which has as many.
  func copy(from other: FloatStorage) {
    precondition(other.count == count)
    // Two arenas of `count` initialised floats.
    unsafe base.update(from: other.base, count: count)
  }

  /// Gives its floats to `other`, which has as many, for those of that one.
  func exchange(with other: FloatStorage) {
    precondition(other.count == count)
    // Both are initialised and in bounds, and apart unless they are the same.
    for index in 0..<count { unsafe swap(&base[index], &other.base[index]) }
  }

  /// Sets the floats in `range` to `value`.
  func fill(_ range: Range<Int>, with value: Float) {
    // `pointer(at:)` has checked the range.
    unsafe pointer(at: range).update(repeating: value, count: range.count)
  }

  /// Sets the floats in `range` to zero.
  func zero(_ range: Range<Int>) {
    // All zero bits are 0.0, and `pointer(at:)` has checked the range.
    _ = unsafe memset(pointer(at: range), 0, range.count * MemoryLayout<Float>.stride)
  }

  /// Where `range` begins, once it is known to lie inside.
  func pointer(at range: Range<Int>) -> UnsafeMutablePointer<Float> {
    precondition(range.lowerBound >= 0 && range.upperBound <= count)
    return unsafe base + range.lowerBound
  }
}
