internal import CKernels

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

/// FNV-1a over bytes that come in pieces.
struct Checksum {
  private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

  /// Takes `count` initialised bytes.
  @unsafe
  mutating func add(_ bytes: UnsafeRawPointer, count: Int) {
    unsafe value = minilm_checksum(value, bytes, count)
  }
}

/// A file that takes its name only when it is whole and on the disk.
struct AtomicFileWriter: ~Copyable {
  private let path: String
  private let asidePath: String
  private let descriptor: Int32
  private var checksum = Checksum()
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

  /// Writes `count` initialised bytes and adds them to the checksum.
  @unsafe
  mutating func write(_ bytes: UnsafeRawPointer, count: Int) throws(MiniLMError) {
    unsafe checksum.add(bytes, count: count)
    try unsafe writeAll(bytes, count: count)
  }

  private func writeAll(_ bytes: UnsafeRawPointer, count: Int) throws(MiniLMError) {
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

  /// Ends the file with its checksum and gives it its name.
  mutating func commit() throws(MiniLMError) {
    var sum = checksum.value.littleEndian
    // Eight bytes of a local.
    try unsafe writeAll(&sum, count: 8)
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

/// A checkpoint being read, in order, with its checksum kept.
struct CheckpointFileReader: ~Copyable {
  private let path: String
  private let descriptor: Int32
  private var checksum = Checksum()
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

  /// How many bytes are left, the checksum included.
  var remaining: Int { size - consumed }

  /// Fills `count` bytes, or says where the file ended.
  @unsafe
  mutating func read(
    into bytes: UnsafeMutableRawPointer, count: Int, addToChecksum: Bool = true
  ) throws(MiniLMError) {
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
    if addToChecksum { unsafe checksum.add(bytes, count: count) }
    consumed += count
  }

  /// Reads the header: all bytes up to and without the first newline, at most a mebibyte.
  mutating func readLine() throws(MiniLMError) -> [UInt8] {
    var line: [UInt8] = []
    var byte: UInt8 = 0
    while true {
      // One byte of a local; a header has a few kilobytes.
      try unsafe read(into: &byte, count: 1)
      if byte == UInt8(ascii: "\n") { return line }
      line.append(byte)
      if line.count == 1, byte != UInt8(ascii: "{") {
        throw .badCheckpoint(path: path, reason: "it does not begin with a MiniLM header")
      }
      if line.count > 1 << 20 {
        throw .badCheckpoint(path: path, reason: "its header has no end")
      }
    }
  }

  /// Throws unless the file ends here with the checksum of all before it.
  mutating func finish() throws(MiniLMError) {
    let expected = checksum.value
    var stored: UInt64 = 0
    // Eight bytes of a local.
    try unsafe read(into: &stored, count: 8, addToChecksum: false)
    if UInt64(littleEndian: stored) != expected {
      throw .badCheckpoint(path: path, reason: "its checksum is wrong: the file is damaged")
    }
    if remaining != 0 {
      throw .badCheckpoint(path: path, reason: "\(remaining) bytes follow its end")
    }
  }
}
