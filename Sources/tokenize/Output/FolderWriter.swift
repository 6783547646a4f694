/// A folder that appears only when it is whole: written aside and renamed.
struct FolderWriter {
  /// Names that the program gives to files: a folder with others is nobody's to replace.
  private static let own: Set<String> = [
    "vocab.json", "merges.txt", "tokenizer.json", "manifest.json", "config.json",
    "model.safetensors",
    "best.safetensors", "training.safetensors", "log.jsonl", "curve.svg", "tokenizer", "run.json",
  ]

  let path: String
  let replaces: Bool

  /// A folder to be; `replaces` allows one that is there already to be replaced.
  ///
  /// - Throws: `Failure` (73) if something is there that is not to be replaced.
  init(_ path: String, replaces: Bool) throws {
    var path = Substring(path)
    while path.count > 1, path.last == "/" { path.removeLast() }
    self.path = String(path)
    self.replaces = replaces
    try check()
  }

  private func check() throws {
    guard let kind = Paths.kind(path) else { return }
    guard kind == .folder else {
      throw Failure(.cannotCreate, "\(path): is a file; a folder is to be made there")
    }
    let names = Paths.names(in: path)
    if names.isEmpty { return }
    if !replaces {
      throw Failure(
        .cannotCreate, "\(path): is there already; --force replaces it, -o makes another")
    }
    if let other = names.first(where: { !Self.own.contains($0) }) {
      throw Failure(
        .cannotCreate, "\(path): holds '\(other)', which this program has not made: not replaced")
    }
  }

  /// Writes the files.
  func write(_ files: [(name: String, bytes: [UInt8])]) throws {
    try check()
    let aside = TemporaryFiles.name(beside: path)
    do {
      try Paths.makeFolders(Paths.folder(of: path))
      Paths.remove(aside)
      try Paths.makeFolder(aside)
    } catch {
      throw Failure(.cannotCreate, "\(path): cannot be made: \(error.reason)")
    }
    TemporaryFiles.add(aside)
    defer { TemporaryFiles.forget(aside) }
    do {
      for file in files {
        try makeInnerFolder(aside, file.name)
        let output = try OutputFile(aside + "/" + file.name)
        try output.write(file.bytes)
        TemporaryFiles.add(aside + "/" + file.name)
        try output.finish()
      }
      try replace(by: aside)
      for file in files { TemporaryFiles.forget(aside + "/" + file.name) }
    } catch {
      for file in files { TemporaryFiles.forget(aside + "/" + file.name) }
      Paths.remove(aside)
      throw error
    }
  }

  /// The folder that a file like `tokenizer/vocab.json` lies in.
  private func makeInnerFolder(_ aside: String, _ name: String) throws {
    guard name.contains("/") else { return }
    let inner = aside + "/" + Paths.folder(of: name)
    do {
      if Paths.kind(inner) == nil { TemporaryFiles.add(inner) }
      try Paths.makeFolder(inner)
    } catch {
      throw Failure(.cannotCreate, "\(path): cannot be made: \(error.reason)")
    }
  }

  private func replace(by aside: String) throws {
    let old = aside + "old"
    do {
      if Paths.kind(path) != nil {
        // There is no call that exchanges two folders everywhere: for a moment there is none.
        Paths.remove(old)
        try Paths.rename(path, to: old)
      }
      do {
        try Paths.rename(aside, to: path)
      } catch {
        try? Paths.rename(old, to: path)
        throw error
      }
      Paths.remove(old)
    } catch let error as SystemError {
      throw Failure(.cannotCreate, "\(path): cannot be made: \(error.reason)")
    }
  }
}
