#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Names of files: what is asked of the file system, and what can be told from the text alone.
enum Paths {
  /// What stands at a path, links followed; nothing if there is nothing, or it may not be known.
  static func kind(_ path: String) -> Descriptor.Kind? {
    var status = stat()
    // The path ends with a NUL for the length of the call; a local of the right type.
    return unsafe stat(path, &status) == 0 ? Descriptor.kind(of: status) : nil
  }

  /// The bytes of the file at a path; nothing for what is no file.
  static func size(_ path: String) -> Int? {
    var status = stat()
    // As above.
    guard unsafe stat(path, &status) == 0, Descriptor.kind(of: status) == .file else { return nil }
    return Int(status.st_size)
  }

  /// The permissions of what stands at a path.
  static func permissions(_ path: String) -> UInt32? {
    var status = stat()
    // As above.
    return unsafe stat(path, &status) == 0 ? UInt32(status.st_mode & 0o7777) : nil
  }

  /// Throws what the system says against reading a path.
  static func checkReadable(_ path: String) throws(SystemError) {
    // The path ends with a NUL for the length of the call.
    if unsafe access(path, R_OK) != 0 { throw .last }
    if kind(path) == .folder { throw SystemError(code: EISDIR) }
  }

  /// The names in a folder, sorted; none if it cannot be read.
  static func names(in folder: String) -> [String] {
    // The stream is closed below, and each entry is read before the next one is asked for.
    guard let stream = unsafe opendir(folder) else { return [] }
    defer { unsafe _ = closedir(stream) }
    var names: [String] = []
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// The files in a folder and in those below it, in the order of their names. Names that begin with a dot
  /// are left out, and so are links and what is neither file nor folder.
  static func files(below folder: String) throws(SystemError) -> [String] {
    // The path ends with a NUL for the length of the call.
    if unsafe access(folder, R_OK | X_OK) != 0 { throw .last }
    var found: [String] = []
    for name in names(in: folder) where !name.hasPrefix(".") {
      let path = folder.hasSuffix("/") ? folder + name : folder + "/" + name
      var status = stat()
      // The same, and a local of the right type; a link is not followed.
      guard unsafe lstat(path, &status) == 0 else { continue }
      if status.st_mode & S_IFMT == S_IFLNK { continue }
      switch Descriptor.kind(of: status) {
      case .file: found.append(path)
      case .folder: found += try files(below: path)
      case .other: continue
      }
    }
    return found
  }

  /// The path without links and dots, of something that is there.
  static func resolved(_ path: String) -> String? {
    // realpath allocates the answer, which is copied and freed.
    guard let answer = unsafe realpath(path, nil) else { return nil }
    defer { unsafe free(answer) }
    return unsafe String(cString: answer)
  }

  /// Makes a folder; one that is there already is as good.
  static func makeFolder(_ path: String) throws(SystemError) {
    // The path ends with a NUL for the length of the call.
    if unsafe mkdir(path, 0o777) != 0 {
      if errno == EEXIST, kind(path) == .folder { return }
      throw .last
    }
  }

  /// Makes a folder and those that it lies in.
  static func makeFolders(_ path: String) throws(SystemError) {
    if kind(path) == .folder { return }
    let parent = folder(of: path)
    if parent != path, parent != "." { try makeFolders(parent) }
    try makeFolder(path)
  }

  /// Gives a file or folder another name, in the place of a file that has it.
  static func rename(_ old: String, to new: String) throws(SystemError) {
    // Both paths end with a NUL for the length of the call.
    #if canImport(Glibc)
      let failed = unsafe Glibc.rename(old, new)
    #elseif canImport(Musl)
      let failed = unsafe Musl.rename(old, new)
    #else
      let failed = unsafe Darwin.rename(old, new)
    #endif
    if failed != 0 { throw .last }
  }

  /// Removes a file, or a folder with all it holds; whether it worked does not matter to the caller.
  static func remove(_ path: String) {
    var status = stat()
    // The path ends with a NUL for the length of each call; links are removed, not followed.
    guard unsafe lstat(path, &status) == 0 else { return }
    if Descriptor.kind(of: status) == .folder {
      for name in names(in: path) { remove(path + "/" + name) }
      _ = unsafe rmdir(path)
    } else {
      _ = unsafe unlink(path)
    }
  }

  /// Everything before the last slash, `.` if there is none.
  static func folder(of path: String) -> String {
    var path = Substring(path)
    while path.count > 1, path.last == "/" { path.removeLast() }
    guard let slash = path.lastIndex(of: "/") else { return "." }
    let folder = path[..<slash]
    return folder.isEmpty ? "/" : String(folder)
  }

  /// Everything after the last slash.
  static func name(of path: String) -> String {
    path.split(separator: "/").last.map(String.init) ?? path
  }

  /// The name without its last ending: `corpus` for `data/corpus.txt`.
  static func stem(of path: String) -> String {
    let name = name(of: path)
    guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return name }
    return String(name[..<dot])
  }

  /// The program's own file, links resolved.
  static let program: String? = {
    #if canImport(Darwin)
      var size: UInt32 = 0
      // Asked without room first, it tells how much is needed.
      _ = unsafe _NSGetExecutablePath(nil, &size)
      var bytes = [CChar](repeating: 0, count: Int(size) + 1)
      guard unsafe _NSGetExecutablePath(&bytes, &size) == 0 else { return nil }
      return unsafe resolved(String(cString: bytes))
    #else
      return resolved("/proc/self/exe")
    #endif
  }()

  /// A variable of the environment.
  static func environment(_ name: String) -> String? {
    // The answer is copied before anything could change the environment.
    unsafe getenv(name).map { unsafe String(cString: $0) }
  }
}
