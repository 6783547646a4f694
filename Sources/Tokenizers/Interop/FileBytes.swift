#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Why a file could not be opened, read or written.
public struct FileError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What was tried.
  public enum Operation: String, Hashable, Sendable {
    /// Opening or reading.
    case read
    /// Creating or writing.
    case write
  }

  /// The file's path as the user gave it.
  public let path: String
  /// What was tried.
  public let operation: Operation
  /// The system's number for what went wrong (`errno`).
  public let code: Int32

  /// An error of the system about a file.
  public init(path: String, operation: Operation, code: Int32) {
    self.path = path
    self.operation = operation
    self.code = code
  }

  /// The path and the system's own words.
  public var description: String {
    // strerror gives a string of the C library for every number.
    let reason = unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
    return "\(path): cannot be \(operation == .read ? "read" : "written"): \(reason)"
  }

  /// The error number for a folder where a file was expected.
  static let isFolder = EISDIR
}

/// Whole files as bytes: the only calls of this library into the file system.
public enum FileBytes {
  /// The bytes of a file.
  ///
  /// - Throws: `FileError` if it is missing, a folder, or cannot be read.
  public static func read(_ path: String) throws(FileError) -> [UInt8] {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileError(path: path, operation: .read, code: errno) }
    defer { _ = close(descriptor) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else {
      throw FileError(path: path, operation: .read, code: errno)
    }
    if status.st_mode & S_IFMT == S_IFDIR {
      throw FileError(path: path, operation: .read, code: FileError.isFolder)
    }
    // One byte more than the file says, so that the end is met without growing; pipes say 0.
    var bytes: [UInt8] = []
    while true {
      var failure: Int32 = 0
      var got = 0
      let room = max(Int(status.st_size) + 1 - bytes.count, 1 << 16)
      let chunk = unsafe [UInt8](unsafeUninitializedCapacity: room) { buffer, initialized in
        if bytes.isEmpty { unsafe HugePages.populate(UnsafeMutableRawBufferPointer(buffer)) }
        // read writes at most `room` bytes, and only those it counts are taken.
        got = unsafe Self.readSome(descriptor, buffer.baseAddress, room, &failure)
        initialized = max(0, got)
      }
      if got < 0 { throw FileError(path: path, operation: .read, code: failure) }
      if got == 0 { return bytes }
      if bytes.isEmpty { bytes = chunk } else { bytes += chunk }
    }
  }

  /// The bytes of several files, read at the same time.
  ///
  /// - Throws: `FileError` for the first that is missing, a folder, or cannot be read.
  static func read(_ paths: [String]) throws(FileError) -> [[UInt8]] {
    var files: [[UInt8]] = []
    for file in ParallelWork.map(
      paths.count,
      { index in
        Result { () throws(FileError) in try read(paths[index]) }
      })
    {
      files.append(try file.get())
    }
    return files
  }

  static func readSome(
    _ descriptor: Int32, _ buffer: UnsafeMutablePointer<UInt8>?, _ count: Int,
    _ failure: inout Int32
  ) -> Int {
    while true {
      #if canImport(Darwin)
        let got = unsafe Darwin.read(descriptor, buffer, count)
      #elseif canImport(Musl)
        let got = unsafe Musl.read(descriptor, buffer, count)
      #else
        let got = unsafe Glibc.read(descriptor, buffer, count)
      #endif
      if got >= 0 { return got }
      if errno == EINTR { continue }
      failure = errno
      return -1
    }
  }

  /// Whether there is a folder at `path`.
  public static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// Whether there is anything at `path`.
  public static func exists(_ path: String) -> Bool {
    var status = stat()
    return unsafe stat(path, &status) == 0
  }
}
