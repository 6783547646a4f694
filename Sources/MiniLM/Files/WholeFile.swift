#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// What the system said about the last failure.
private func systemReason() -> String {
  // strerror gives a C string that is copied at once.
  unsafe String(cString: strerror(errno))
}

/// A file that takes its name only when it is whole and on the disk.
struct WholeFileWriter: ~Copyable {
  private let path: String
  private let asidePath: String
  private let descriptor: Int32
  private var isOpen = true

  init(path: String) throws(MiniLMError) {
    // Renaming over a device would replace it, and over a folder fails when all is written.
    var existing = stat()
    if unsafe stat(path, &existing) == 0, existing.st_mode & S_IFMT != S_IFREG {
      throw .cannotCreate(path: path, reason: "something other than a plain file has this name")
    }
    let asidePath = "\(path).partial-\(getpid())"
    let descriptor = unsafe open(asidePath, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    if descriptor < 0 { throw .cannotCreate(path: path, reason: systemReason()) }
    self.path = path
    self.asidePath = asidePath
    self.descriptor = descriptor
  }

  deinit {
    // Left without `commit`: something failed, and nothing of it stays.
    if isOpen {
      _ = close(descriptor)
      _ = unsafe unlink(asidePath)
    }
  }

  /// Writes `count` initialised bytes.
  @unsafe
  func write(_ bytes: UnsafeRawPointer, count: Int) throws(MiniLMError) {
    var done = 0
    while done < count {
      #if canImport(Darwin)
        let written = unsafe Darwin.write(descriptor, bytes + done, count - done)
      #elseif canImport(Musl)
        let written = unsafe Musl.write(descriptor, bytes + done, count - done)
      #else
        let written = unsafe Glibc.write(descriptor, bytes + done, count - done)
      #endif
      if written < 0 {
        if errno == EINTR { continue }
        throw .inputOutput(path: path, reason: systemReason())
      }
      done += written
    }
  }

  /// Ends the file and gives it its name.
  mutating func commit() throws(MiniLMError) {
    if fsync(descriptor) != 0, errno != EINVAL, errno != EROFS {
      throw .inputOutput(path: path, reason: systemReason())
    }
    let closed = close(descriptor)
    isOpen = false
    if unsafe closed != 0 || rename(asidePath, path) != 0 {
      let reason = systemReason()
      _ = unsafe unlink(asidePath)
      throw .inputOutput(path: path, reason: reason)
    }
  }
}

/// A plain file being read, in order.
struct PlainFileReader: ~Copyable {
  let path: String
  private let descriptor: Int32
  private var consumed = 0
  /// The size of the whole file.
  let size: Int

  init(path: String) throws(MiniLMError) {
    let descriptor = unsafe open(path, O_RDONLY)
    if descriptor < 0 { throw .cannotRead(path: path, reason: systemReason()) }
    let end = lseek(descriptor, 0, SEEK_END)
    let start = lseek(descriptor, 0, SEEK_SET)
    if end < 0 || start != 0 {
      _ = close(descriptor)
      throw .cannotRead(path: path, reason: "it is not a plain file")
    }
    self.path = path
    self.descriptor = descriptor
    size = Int(end)
  }

  deinit { _ = close(descriptor) }

  /// How many bytes are left.
  var remaining: Int { size - consumed }

  /// Fills `count` bytes, or says where the file ended.
  @unsafe
  mutating func read(into bytes: UnsafeMutableRawPointer, count: Int) throws(MiniLMError) {
    var done = 0
    while done < count {
      #if canImport(Darwin)
        let got = unsafe Darwin.read(descriptor, bytes + done, count - done)
      #elseif canImport(Musl)
        let got = unsafe Musl.read(descriptor, bytes + done, count - done)
      #else
        let got = unsafe Glibc.read(descriptor, bytes + done, count - done)
      #endif
      if got < 0 {
        if errno == EINTR { continue }
        let reason = systemReason()
        throw consumed + done == 0
          ? .cannotRead(path: path, reason: reason) : .inputOutput(path: path, reason: reason)
      }
      if got == 0 {
        throw .badCheckpoint(
          path: path, reason: "it ends at byte \(consumed + done), before it is whole")
      }
      done += got
    }
    consumed += count
  }

  /// The next `count` bytes, which are known to be there.
  mutating func bytes(_ count: Int) throws(MiniLMError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    if count == 0 { return bytes }
    // The array's own bytes.
    try unsafe read(into: &bytes, count: count)
    return bytes
  }

  /// Whether something has this name.
  static func exists(_ path: String) -> Bool {
    // The path is a C string while the call lasts.
    unsafe access(path, F_OK) == 0
  }

  /// All of a file of at most `limit` bytes.
  static func contents(of path: String, limit: Int) throws(MiniLMError) -> [UInt8] {
    var reader = try PlainFileReader(path: path)
    guard reader.size <= limit else {
      throw .badCheckpoint(path: path, reason: "it has \(reader.size) bytes, more than it could")
    }
    return try reader.bytes(reader.size)
  }
}
