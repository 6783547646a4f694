/// Something to read: a file, or standard input.
struct Input {
  /// The path, nothing for standard input.
  let path: String?

  /// `-` and nothing are standard input.
  init(_ argument: String) { path = argument == "-" ? nil : argument }

  /// The inputs that these arguments name, in order, each known to be there; standard input for none.
  ///
  /// - Parameter includingFolders: Whether a folder stands for the files in it and below.
  static func open(_ arguments: [String], includingFolders: Bool = false) throws -> [Input] {
    var inputs: [Input] = []
    for file in arguments.isEmpty ? ["-"] : arguments {
      if includingFolders, Paths.kind(file) == .folder {
        do throws(SystemError) {
          inputs += try Paths.files(below: file).map { Input($0) }
        } catch {
          throw Failure(.noInput, "\(file): cannot be read: \(error.reason)")
        }
      } else {
        inputs.append(Input(file))
      }
    }
    for input in inputs { try input.check() }
    return inputs
  }

  /// How to call it in messages.
  var name: String { path ?? "standard input" }

  /// Bytes of a file; nothing for what is not one.
  var size: Int? {
    path.map { Paths.size($0) } ?? nil
  }

  /// Bytes of those of some inputs that are files.
  static func size(of inputs: [Input]) -> Int { inputs.reduce(0) { $0 + ($1.size ?? 0) } }

  private static let blockSize = 1 << 18

  /// Throws if it is missing, a folder, or may not be read.
  func check() throws {
    do {
      if let path {
        try Paths.checkReadable(path)
      } else if Descriptor.standardInput.kind == .folder {
        throw SystemError(code: SystemError.isFolder)
      }
    } catch let error as SystemError {
      throw failure(error)
    }
  }

  /// Opens it for reading.
  func openDescriptor() throws -> Descriptor {
    try check()
    do {
      return try path.map { try Descriptor(reading: $0) } ?? .standardInput
    } catch let error as SystemError {
      throw failure(error)
    }
  }

  /// Calls `body` with one block after the other, as they come.
  ///
  /// - Parameter whenIdle: Called when nothing more has come yet: time to hand on what is done.
  func forEachBlock(
    whenIdle: () throws -> Void = {}, _ body: (Span<UInt8>) throws -> Void
  ) throws {
    let descriptor = try openDescriptor()
    defer { if path != nil { try? descriptor.close() } }
    var block = [UInt8](repeating: 0, count: Self.blockSize)
    while true {
      if !descriptor.isReady { try whenIdle() }
      let count: Int
      do {
        count = try descriptor.read(into: &block)
      } catch {
        throw failure(error)
      }
      if count == 0 { return }
      do {
        try body(block.span.extracting(0..<count))
      } catch {
        throw Failure.of(name, error)
      }
    }
  }

  /// Calls `body` with each piece of a line, and whether the line ends with it.
  ///
  /// The newline belongs to no piece. A last line without a newline is a line; after a last newline
  /// there is none.
  func forEachLinePiece(
    whenIdle: () throws -> Void = {}, _ body: (Span<UInt8>, _ isEnd: Bool) throws -> Void
  ) throws {
    var isLineOpen = false
    try forEachBlock(whenIdle: whenIdle) { block in
      var start = 0
      while start < block.count {
        guard let end = block.firstIndex(of: 0x0A, from: start) else {
          try body(block.extracting(start..<block.count), false)
          isLineOpen = true
          break
        }
        try body(block.extracting(start..<end), true)
        isLineOpen = false
        start = end + 1
      }
    }
    if isLineOpen {
      do {
        let rest: [UInt8] = []
        try body(rest.span, true)
      } catch {
        throw Failure.of(name, error)
      }
    }
  }

  /// All of it.
  func readAll() throws -> [UInt8] {
    var bytes: [UInt8] = []
    try forEachBlock { block in
      // The pointer is not kept.
      unsafe block.withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) }
    }
    return bytes
  }

  /// The same error, said of this input.
  func failure(_ error: SystemError) -> Failure {
    Failure(
      error.isAboutInput ? .noInput : .inputOutput, "\(name): cannot be read: \(error.reason)")
  }
}

extension Span where Element == UInt8 {
  /// The first offset at or after `start` at which `byte` stands.
  func firstIndex(of byte: UInt8, from start: Int) -> Int? {
    var position = start
    while position < count {
      if self[position] == byte { return position }
      position += 1
    }
    return nil
  }
}
