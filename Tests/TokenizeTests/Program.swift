import Foundation
import TestSupport

/// The built program, run in a folder of the test's own.
struct Program {
  /// What a run gave.
  struct Result {
    var status: Int32
    var output: [UInt8]
    var error: String

    var text: String { String(decoding: output, as: UTF8.self) }
  }

  /// Where the tests are built, there the program is too.
  static let path: String = {
    let own = URL(fileURLWithPath: ProcessInfo.processInfo.arguments[0]).resolvingSymlinksInPath()
    let bundles = Bundle.allBundles.map(\.bundleURL) + [own]
    for bundle in bundles {
      var folder = bundle.deletingLastPathComponent()
      // A bundle of macOS holds its executable three folders down.
      for _ in 0..<4 {
        let candidate = folder.appendingPathComponent("tokenize")
        if isProgram(candidate) { return candidate.path }
        folder.deleteLastPathComponent()
      }
    }
    return Fixtures.file(".build/debug/tokenize").path
  }()

  private static func isProgram(_ file: URL) -> Bool {
    let values = try? file.resourceValues(forKeys: [.isRegularFileKey])
    return values?.isRegularFile ?? false
  }

  let scratch: ScratchFolder

  /// Runs the program with these arguments; standard output goes to a file.
  func run(
    _ arguments: [String], input: [UInt8] = [], environment: [String: String] = [:]
  ) throws -> Result {
    try start(Self.path, arguments, input, environment)
  }

  /// Runs the program with the words of a line: no word of it holds a space.
  func callAsFunction(_ line: String, input: String = "") throws -> Result {
    try run(line.split(separator: " ").map(String.init), input: Array(input.utf8))
  }

  /// Runs a line of the shell, in which `$T` is the program.
  func shell(_ line: String, input: [UInt8] = [], environment: [String: String] = [:]) throws
    -> Result
  {
    try start("/bin/sh", ["-c", line], input, environment)
  }

  private func start(
    _ executable: String, _ arguments: [String], _ input: [UInt8], _ environment: [String: String]
  ) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "tokenize-run-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let files = ["in", "out", "err"].map { folder.appendingPathComponent($0) }
    try Data(input).write(to: files[0])
    for file in files[1...] { try Data().write(to: file) }

    let process = Process()
    process.executableURL = URL(fileURLWithPath: executable)
    process.arguments = arguments
    process.currentDirectoryURL = scratch.url
    var variables = ProcessInfo.processInfo.environment
    variables["TOKENIZE_VOCABS"] = nil
    // What the one who runs the tests has prepared is not looked at.
    variables["TOKENIZE_PREPARED"] = ""
    variables["T"] = Self.path
    process.environment = variables.merging(environment) { $1 }
    process.standardInput = try FileHandle(forReadingFrom: files[0])
    process.standardOutput = try FileHandle(forWritingTo: files[1])
    process.standardError = try FileHandle(forWritingTo: files[2])
    try process.run()
    process.waitUntilExit()
    return Result(
      status: process.terminationStatus, output: [UInt8](try Data(contentsOf: files[1])),
      error: String(decoding: try Data(contentsOf: files[2]), as: UTF8.self))
  }

  /// Writes a text into the scratch folder.
  func write(_ text: String, to name: String) throws {
    try scratch.write(Array(text.utf8), to: name)
  }

  /// The bytes of a file in the scratch folder.
  func bytes(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: scratch.url.appendingPathComponent(name)))
  }

  /// The names in the scratch folder or one below it, sorted.
  func names(in folder: String = ".") -> [String] {
    let path = scratch.url.appendingPathComponent(folder).path
    return ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
  }

  /// A program in a new scratch folder.
  static func with<Value>(_ body: (Program) throws -> Value) throws -> Value {
    try ScratchFolder.with { try body(Program(scratch: $0)) }
  }

  /// The same with a small vocabulary called `small`, which has `<|endoftext|>`, and the text that it was
  /// trained on.
  static func withVocabulary<Value>(_ body: (Program) throws -> Value) throws -> Value {
    try with { program in
      let text = try Data(contentsOf: Fixtures.file("fixtures/texts/lighthouse.txt"))
      try program.scratch.write([UInt8](text), to: "story.txt")
      let made = try program.run([
        "train", "--merges", "200", "--special-token", "<|endoftext|>", "-o", "vocabs/small",
        "story.txt",
      ])
      guard made.status == 0 else { throw ProgramFailure(message: made.error) }
      return try body(program)
    }
  }
}

/// The program did not do what a test builds on.
struct ProgramFailure: Error {
  var message: String
}
