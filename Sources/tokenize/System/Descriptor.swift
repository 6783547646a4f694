#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What the system answered when it refused, in its own words.
struct SystemError: Error {
  let code: Int32

  /// The number for a folder where a file was expected.
  static let isFolder = EISDIR

  /// The error of the call that has just failed.
  static var last: SystemError { SystemError(code: errno) }

  var reason: String {
    // strerror gives a string of the C library for every number.
    unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
  }

  var isBrokenPipe: Bool { code == EPIPE }
  /// Whether it is the input's fault: missing, a folder, not to be read.
  var isAboutInput: Bool {
    [ENOENT, ENOTDIR, EACCES, EPERM, EISDIR, ELOOP, ENAMETOOLONG, ENXIO].contains(code)
  }
}

/// An open file of the system.
struct Descriptor {
  let number: Int32

  static let standardInput = Descriptor(number: STDIN_FILENO)
  static let standardOutput = Descriptor(number: STDOUT_FILENO)
  static let standardError = Descriptor(number: STDERR_FILENO)

  init(number: Int32) { self.number = number }

  /// Opens a file for reading.
  init(reading path: String) throws(SystemError) {
    // The path ends with a NUL for the length of the call.
    number = unsafe open(path, O_RDONLY | O_CLOEXEC)
    if number < 0 { throw .last }
  }

  /// Opens what is there already for writing: a device, a pipe.
  init(writing path: String) throws(SystemError) {
    // The path ends with a NUL for the length of the call.
    number = unsafe open(path, O_WRONLY | O_CLOEXEC)
    if number < 0 { throw .last }
  }

  /// Makes a file that is not there yet; the process's umask applies.
  init(creating path: String) throws(SystemError) {
    // The path ends with a NUL for the length of the call.
    number = unsafe open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    if number < 0 { throw .last }
  }

  /// Reads up to the buffer's length, from an index on; 0 at the end.
  func read(into buffer: inout [UInt8], from start: Int = 0) throws(SystemError) -> Int {
    let number = number
    while true {
      // At most the buffer's own length is written into it.
      let got = unsafe buffer.withUnsafeMutableBytes { bytes in
        let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[start...])
        return unsafe Self.systemRead(number, rest.baseAddress, rest.count)
      }
      if got >= 0 { return got }
      if errno != EINTR { throw .last }
    }
  }

  /// Whether a read would have something to give at once, the end included.
  var isReady: Bool {
    var request = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
    // One entry, a local of the right type.
    return unsafe poll(&request, 1, 0) != 0
  }

  /// Writes all of `bytes`.
  func write(_ bytes: Span<UInt8>) throws(SystemError) {
    var done = 0
    while done < bytes.count {
      // What is left of the span is read, no more.
      let wrote = unsafe bytes.extracting(done..<bytes.count).withUnsafeBytes { rest in
        unsafe Self.systemWrite(number, rest.baseAddress, rest.count)
      }
      if wrote < 0 {
        if errno == EINTR { continue }
        throw .last
      }
      done += wrote
    }
  }

  /// Writes over what stands at `offset` of a file.
  func overwrite(_ bytes: [UInt8], at offset: Int) throws(SystemError) {
    // The array's own bytes, and their number.
    let wrote = unsafe bytes.withUnsafeBytes { rest in
      unsafe pwrite(number, rest.baseAddress, rest.count, off_t(offset))
    }
    if wrote != bytes.count { throw wrote < 0 ? .last : SystemError(code: EIO) }
  }

  /// Goes back to the beginning of a file.
  func rewind() throws(SystemError) {
    if lseek(number, 0, SEEK_SET) < 0 { throw .last }
  }

  /// Where the next byte goes, if this is a file whose bytes may be written over; else nothing.
  var overwritablePosition: Int? {
    guard kind == .file, fcntl(number, F_GETFL) & O_APPEND == 0 else { return nil }
    let position = lseek(number, 0, SEEK_CUR)
    return position < 0 ? nil : Int(position)
  }

  /// Leaves nothing of a file.
  func truncate() throws(SystemError) {
    if ftruncate(number, 0) != 0 { throw .last }
  }

  /// Gives a file the permissions of the one that it will replace, as far as may be.
  func setPermissions(_ permissions: UInt32) { _ = fchmod(number, mode_t(permissions)) }

  func close() throws(SystemError) {
    if Self.systemClose(number) != 0, errno != EINTR { throw .last }
  }

  var isTerminal: Bool { isatty(number) == 1 }

  /// What stands behind a name or a descriptor.
  enum Kind { case file, folder, other }

  var kind: Kind? {
    var status = stat()
    // A local of the right type.
    return unsafe fstat(number, &status) == 0 ? Self.kind(of: status) : nil
  }

  static func kind(of status: stat) -> Kind {
    switch status.st_mode & S_IFMT {
    case S_IFREG: .file
    case S_IFDIR: .folder
    default: .other
    }
  }

  // The methods above have the names of these calls.
  private static func systemRead(
    _ number: Int32, _ bytes: UnsafeMutableRawPointer?, _ count: Int
  ) -> Int {
    #if canImport(Glibc)
      unsafe Glibc.read(number, bytes, count)
    #elseif canImport(Musl)
      unsafe Musl.read(number, bytes, count)
    #else
      unsafe Darwin.read(number, bytes, count)
    #endif
  }

  private static func systemWrite(
    _ number: Int32, _ bytes: UnsafeRawPointer?, _ count: Int
  ) -> Int {
    #if canImport(Glibc)
      unsafe Glibc.write(number, bytes, count)
    #elseif canImport(Musl)
      unsafe Musl.write(number, bytes, count)
    #else
      unsafe Darwin.write(number, bytes, count)
    #endif
  }

  private static func systemClose(_ number: Int32) -> Int32 {
    #if canImport(Glibc)
      Glibc.close(number)
    #elseif canImport(Musl)
      Musl.close(number)
    #else
      Darwin.close(number)
    #endif
  }
}
