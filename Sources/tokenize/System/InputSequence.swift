/// Inputs that are read one after the other, by whoever comes, into memory of theirs.
final class InputSequence {
  private let inputs: [Input]
  private var current = 0
  private var descriptor: Descriptor?
  /// Whether all that is read now comes at once, as from a file; from a pipe it may take its time.
  private(set) var isFile = true

  init(_ inputs: [Input]) { self.inputs = inputs }

  deinit { close() }

  /// Opens an input.
  func open(_ index: Int) throws {
    close()
    current = index
    let opened = try inputs[index].openDescriptor()
    isFile = opened.kind == .file
    descriptor = opened
  }

  /// Reads into `bytes` from an index on; returns how many, 0 at the end of the input, which is closed then.
  func read(_ bytes: inout [UInt8], _ start: Int) throws -> Int {
    guard let descriptor else { return 0 }
    do {
      let count = try descriptor.read(into: &bytes, from: start)
      if count == 0 { close() }
      return count
    } catch {
      throw inputs[current].failure(error)
    }
  }

  private func close() {
    if let descriptor, inputs[current].path != nil { try? descriptor.close() }
    descriptor = nil
  }
}
