/// Where results go: standard output, or a file that appears only when it is whole.
///
/// Bytes are collected in a large buffer. A file is written under another name beside its own and
/// renamed by `finish`; without `finish` nothing of it is left.
final class OutputFile {
  private static let bufferSize = 1 << 18
  /// What is as large as this is not worth copying into the buffer.
  private static let large = 1 << 15

  /// How to call it in messages.
  let name: String
  private let descriptor: Descriptor
  /// The name written under, and the one to get; nothing for what is written to directly.
  private let renaming: (temporary: String, final: String)?
  private var buffer: [UInt8] = []
  private var isOpen = true
  /// Where the first byte went, if it may be written over later.
  private let start: Int?

  /// Opens `path`, or standard output for nothing and for `-`.
  ///
  /// - Parameter permissions: Of a file; those of the one that is replaced, or what the umask leaves, if nil.
  init(_ path: String?, permissions: UInt32? = nil) throws {
    buffer.reserveCapacity(Self.bufferSize + 64)
    guard let path, path != "-" else {
      name = "standard output"
      descriptor = .standardOutput
      renaming = nil
      start = descriptor.overwritablePosition
      return
    }
    name = path
    do {
      switch Paths.kind(path) {
      case .folder:
        throw SystemError(code: SystemError.isFolder)
      case .other:
        // A device or a pipe: there is nothing to rename.
        descriptor = try Descriptor(writing: path)
        renaming = nil
      case .file, nil:
        // A link stays a link: the file that it points to is replaced.
        let final = Paths.resolved(path) ?? path
        let temporary = TemporaryFiles.name(beside: final)
        descriptor = try Descriptor(creating: temporary)
        TemporaryFiles.add(temporary)
        renaming = (temporary, final)
        if let permissions = permissions ?? Paths.permissions(final) {
          descriptor.setPermissions(permissions)
        }
      }
    } catch let error as SystemError {
      throw Failure(.cannotCreate, "\(path): cannot be written: \(error.reason)")
    }
    start = descriptor.overwritablePosition
  }

  deinit { discard() }

  /// Whether a person is looking.
  var isTerminal: Bool { descriptor.isTerminal }

  /// Whether what was written first can be changed in the end.
  var isOverwritable: Bool { start != nil }

  /// Appends bytes.
  func write(_ bytes: Span<UInt8>) throws {
    if bytes.count >= Self.large {
      try flush()
      try writeThrough(bytes)
      return
    }
    // The pointer is not kept.
    unsafe bytes.withUnsafeBufferPointer { unsafe buffer.append(contentsOf: $0) }
    if buffer.count >= Self.bufferSize { try flush() }
  }

  /// Appends bytes.
  func write(_ bytes: [UInt8]) throws { try write(bytes.span) }

  /// Appends text.
  func write(_ text: String) throws {
    buffer.append(contentsOf: text.utf8)
    if buffer.count >= Self.bufferSize { try flush() }
  }

  /// Lets `body` append to the buffer itself: a small piece at a time, so that it stays bounded.
  @inline(__always)
  func withBuffer(_ body: (inout [UInt8]) -> Void) throws {
    body(&buffer)
    if buffer.count >= Self.bufferSize { try flush() }
  }

  /// Hands on what is in the buffer.
  func flush() throws {
    if buffer.isEmpty { return }
    // Taken out, so that its memory is neither shared nor copied.
    var bytes: [UInt8] = []
    swap(&bytes, &buffer)
    defer {
      bytes.removeAll(keepingCapacity: true)
      swap(&bytes, &buffer)
    }
    try writeThrough(bytes.span)
  }

  /// Drops what is in the buffer: what it belongs to has failed.
  func drop() { buffer.removeAll(keepingCapacity: true) }

  /// Writes over the first bytes. Only where `isOverwritable`.
  func overwriteStart(_ bytes: [UInt8]) throws {
    guard let start else { return }
    try flush()
    do {
      try descriptor.overwrite(bytes, at: start)
    } catch {
      throw failure(error)
    }
  }

  /// Ends it: all bytes are written, and a file gets its name.
  func finish() throws {
    guard isOpen else { return }
    try flush()
    do {
      // Closing tells of errors that writing did not.
      isOpen = false
      try descriptor.close()
    } catch {
      remove()
      throw failure(error)
    }
    guard let renaming else { return }
    do {
      try Paths.rename(renaming.temporary, to: renaming.final)
      TemporaryFiles.forget(renaming.temporary)
    } catch {
      remove()
      throw Failure(.cannotCreate, "\(name): cannot be made: \(error.reason)")
    }
  }

  /// Leaves nothing behind but what has gone out already.
  func discard() {
    guard isOpen else { return }
    isOpen = false
    buffer = []
    if renaming != nil { try? descriptor.close() }
    remove()
  }

  private func remove() {
    guard let renaming else { return }
    Paths.remove(renaming.temporary)
    TemporaryFiles.forget(renaming.temporary)
  }

  private func writeThrough(_ bytes: Span<UInt8>) throws {
    do {
      try descriptor.write(bytes)
    } catch {
      // The reader has what it wanted.
      if error.isBrokenPipe, renaming == nil { Machine.endByClosedPipe() }
      throw failure(error)
    }
  }

  private func failure(_ error: SystemError) -> Failure {
    Failure(.inputOutput, "\(name): cannot be written: \(error.reason)")
  }
}
