/// The part of a stream that has come in and is still to be worked on, up to the next place where it may
/// be cut.
///
/// Bytes are searched for a cut once: where a block brought none, the search goes on behind it.
struct PendingText {
  /// The bytes. They begin where the stream was cut last, or at its beginning.
  private(set) var bytes: [UInt8] = []
  /// How many bytes of the stream came before `bytes`.
  private(set) var offset = 0
  /// No cut lies, and no special token begins, before this offset of `bytes`.
  private(set) var searched = 0
  /// How many bytes are collected before they are worth working on.
  let blockSize: Int
  /// How many bytes there must be for another try.
  private var wanted: Int

  /// - Parameter blockSize: How many bytes are collected before they are worth working on.
  init(blockSize: Int) {
    self.blockSize = blockSize
    wanted = blockSize
  }

  /// Takes the next bytes of the stream; true if there are enough to look for a cut.
  mutating func append(_ more: Span<UInt8>) -> Bool {
    // The pointer is not kept.
    unsafe more.withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) }
    return isFull
  }

  /// Whether there are enough bytes to look for a cut.
  var isFull: Bool { bytes.count >= wanted }

  /// The last place to cut at that has not been looked at before, within these offsets.
  func lastSafeCut(_ rule: SafeCutRule, notBefore: Int = 0, notAfter: Int = .max) -> Int? {
    rule.lastSafeCut(in: bytes.span, notBefore: max(notBefore, searched), notAfter: notAfter)
  }

  /// Takes away what comes before `cut`, done with, after everything before `limit` was searched.
  mutating func remove(upTo cut: Int, searchedTo limit: Int) {
    offset += cut
    // A place near the limit may have waited for the bytes behind it.
    searched = max(0, limit - cut - SafeCutRule.reach)
    bytes.removeFirst(cut)
    wanted = bytes.count + blockSize
  }

  /// Forgets the bytes: everything before an offset of the stream is done with.
  mutating func skip(to offset: Int) {
    reset()
    self.offset = offset
  }

  /// Forgets everything: another stream begins.
  mutating func reset() {
    bytes.removeAll(keepingCapacity: true)
    offset = 0
    searched = 0
    wanted = blockSize
  }
}
