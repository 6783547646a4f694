#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// An open file of a known size, read at any place of it. Closed with its owner.
final class PinnedFile {
  private let descriptor: Int32
  /// Bytes that it had when it was opened.
  let count: Int
  private let owner: uid_t
  private let permissions: mode_t

  /// Opens a plain file; nil if there is none, or it may not be read.
  init?(_ path: String) {
    // The path ends with a NUL for the length of the call. Not blocking: what is no plain file is not read.
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    var status = stat()
    // A local of the right type.
    guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      _ = close(descriptor)
      return nil
    }
    self.descriptor = descriptor
    count = Int(status.st_size)
    owner = status.st_uid
    permissions = status.st_mode
  }

  deinit { _ = close(descriptor) }

  /// Whether only this user, or the system's, can have written it.
  var isOwn: Bool {
    (owner == geteuid() || owner == 0) && permissions & (S_IWGRP | S_IWOTH) == 0
  }

  /// Fills `room` with the bytes from an offset on; false if there are not as many.
  func read(_ room: UnsafeMutableRawBufferPointer, at offset: Int) -> Bool {
    var done = 0
    while done < room.count {
      // At most what is left of the room.
      let got = unsafe pread(
        descriptor, room.baseAddress.map { unsafe $0 + done }, room.count - done,
        off_t(offset + done))
      if got < 0, errno == EINTR { continue }
      if got <= 0 { return false }
      done += got
    }
    return true
  }

  /// The bytes from an offset on as an array; nil if there are not as many.
  func array<Element: BitwiseCopyable>(_ count: Int, at offset: Int) -> [Element]? {
    var isRead = false
    let array = unsafe [Element](unsafeUninitializedCapacity: count) { buffer, initialized in
      // Plain data: any bytes are elements. Counted only where all of them were written.
      let room = unsafe UnsafeMutableRawBufferPointer(
        rebasing: UnsafeMutableRawBufferPointer(buffer)[
          ..<(count * MemoryLayout<Element>.stride)])
      unsafe HugePages.populate(room)
      isRead = unsafe read(room, at: offset)
      initialized = isRead ? count : 0
    }
    return isRead ? array : nil
  }

  /// Whether a range of another file has the bytes of this one from an offset on. A piece at a time, so that
  /// neither is ever in memory as a whole.
  func holds(_ other: PinnedFile, _ range: Range<Int>, at offset: Int) -> Bool {
    let piece = 1 << 15
    return unsafe withUnsafeTemporaryAllocation(byteCount: 2 * piece, alignment: 64) { room in
      let one = unsafe UnsafeMutableRawBufferPointer(rebasing: room[..<piece])
      let two = unsafe UnsafeMutableRawBufferPointer(rebasing: room[piece...])
      var start = 0
      while start < range.count {
        let count = min(piece, range.count - start)
        let (one, two) = unsafe (
          UnsafeMutableRawBufferPointer(rebasing: one[..<count]),
          UnsafeMutableRawBufferPointer(rebasing: two[..<count])
        )
        guard unsafe read(one, at: offset + start),
          unsafe other.read(two, at: range.lowerBound + start)
        else {
          return false
        }
        // `count` bytes of both.
        guard let left = one.baseAddress, let right = two.baseAddress,
          unsafe memcmp(left, right, count) == 0
        else { return false }
        start += count
      }
      return true
    }
  }
}
