#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A temporary file without a name: whatever ends the program, nothing of it is left behind.
final class SpillFile {
  private let descriptor: Int32
  private let folder: String
  /// Bytes written so far.
  private(set) var size = 0

  /// The folder for temporary files: `TMPDIR`, or `/tmp`.
  static var defaultFolder: String {
    // The answer is copied at once.
    guard let value = unsafe getenv("TMPDIR") else { return "/tmp" }
    let folder = unsafe String(cString: value)
    return folder.isEmpty ? "/tmp" : folder
  }

  /// An empty file in `folder`.
  init(folder: String) throws(FileError) {
    self.folder = folder
    var template = Array((folder + "/tokenize-XXXXXX").utf8CString)
    // mkstemp writes the last six characters before the NUL, and makes a file that nobody else may read.
    descriptor = unsafe template.withUnsafeMutableBufferPointer { name in
      guard let name = name.baseAddress else { return -1 }
      let descriptor = unsafe mkstemp(name)
      if descriptor >= 0 { _ = unsafe unlink(name) }
      return descriptor
    }
    if descriptor < 0 { throw FileError(path: folder, operation: .write, code: errno) }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
  }

  deinit { _ = close(descriptor) }

  /// Appends bytes.
  func append(_ bytes: Span<UInt8>) throws(FileError) {
    var done = 0
    while done < bytes.count {
      // What is left of the span is read, no more.
      let wrote = unsafe bytes.extracting(done..<bytes.count).withUnsafeBytes { rest in
        unsafe pwrite(descriptor, rest.baseAddress, rest.count, off_t(size))
      }
      if wrote < 0 {
        if errno == EINTR { continue }
        throw FileError(path: folder, operation: .write, code: errno)
      }
      done += wrote
      size += wrote
    }
  }

  /// Reads bytes that were written: up to `limit` of them from `offset` on.
  func read(at offset: Int, limit: Int, into buffer: inout [UInt8]) throws(FileError) {
    var failure: Int32 = 0
    buffer = unsafe [UInt8](unsafeUninitializedCapacity: limit) { bytes, count in
      while true {
        // At most `limit` bytes are written, and only those counted are taken.
        let got = unsafe pread(descriptor, bytes.baseAddress, limit, off_t(offset))
        if got < 0, errno == EINTR { continue }
        if got < 0 { failure = errno }
        count = max(0, got)
        return
      }
    }
    if failure != 0 { throw FileError(path: folder, operation: .read, code: failure) }
  }
}

/// Reads a file in blocks.
final class BlockReader {
  private let descriptor: Int32
  private let path: String

  /// Opens a file.
  init(_ path: String) throws(FileError) {
    self.path = path
    // The path ends with a NUL for the length of the call.
    descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    if descriptor < 0 { throw FileError(path: path, operation: .read, code: errno) }
    if FileBytes.isFolder(path) {
      _ = close(descriptor)
      throw FileError(path: path, operation: .read, code: FileError.isFolder)
    }
  }

  deinit { _ = close(descriptor) }

  /// The next bytes, up to `limit`; none at the end.
  func read(limit: Int, into buffer: inout [UInt8]) throws(FileError) {
    var failure: Int32 = 0
    let descriptor = descriptor
    buffer = unsafe [UInt8](unsafeUninitializedCapacity: limit) { bytes, count in
      // At most `limit` bytes are written, and only those counted are taken.
      let got = unsafe FileBytes.readSome(descriptor, bytes.baseAddress, limit, &failure)
      count = max(0, got)
    }
    if failure != 0 { throw FileError(path: path, operation: .read, code: failure) }
  }
}
