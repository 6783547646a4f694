internal import Tokenizers

/// A model on the way to having its parameters, each from the tensor of its name, out of one file or several.
struct ModelFilling {
  private let model: any LanguageModel
  private var missing: [String: TensorDescription] = [:]
  /// Biases that the model does not have: where they were, their names and values.
  private var zeros: [(path: String, name: String, values: FloatStorage)] = []

  init(_ model: any LanguageModel) {
    self.model = model
    for tensor in model.parameters.layout.tensors { missing[tensor.name] = tensor }
  }

  /// Takes what a file holds.
  mutating func read(_ reader: consuming SafetensorsReader) throws(MiniLMError) {
    let path = reader.path
    var reader = reader
    try reader.read { entry throws(MiniLMError) in try place(of: entry, path: path) }
  }

  /// Where a tensor goes; nowhere, if the model needs it not.
  private mutating func place(of entry: Safetensors.Entry, path: String) throws(MiniLMError)
    -> (FloatStorage, Int)?
  {
    let configuration = model.configuration
    let isGPT = configuration.kind == .gpt
    let name = isGPT ? Self.fullName(entry.name) : entry.name
    if let tensor = missing.removeValue(forKey: name) {
      let shape = tensor.role == .vector ? [tensor.columns] : [tensor.rows, tensor.columns]
      guard entry.shape == shape else {
        throw .badCheckpoint(
          path: path,
          reason: "tensor '\(entry.name)' is \(Self.text(entry.shape)); "
            + "\(Self.text(shape)) expected")
      }
      return (model.parameters.values, tensor.range.lowerBound)
    }
    if isGPT, Self.isBuffer(name) || name == "transformer.wpe.weight" { return nil }
    if isGPT, name == "lm_head.weight", configuration.transformer.isTied { return nil }
    if configuration.isGPT2, !configuration.bias, name.hasSuffix(".bias") {
      let zero = try FloatStorage(count: entry.count)
      zeros.append((path, entry.name, zero))
      return (zero, 0)
    }
    throw .badCheckpoint(
      path: path, reason: "tensor '\(entry.name)' belongs to no part of the model")
  }

  /// The model, once all of it was there; `path` is what an error speaks of.
  func finish(path: String) throws(MiniLMError) -> any LanguageModel {
    for (path, name, values) in zeros
    where values.values(in: 0..<values.count).contains(where: { $0 != 0 }) {
      throw .badCheckpoint(
        path: path, reason: "tensor '\(name)' is not zero, and the model has no biases")
    }
    if let name = missing.keys.min() {
      throw .badCheckpoint(path: path, reason: "tensor '\(name)' is missing")
    }
    return model
  }

  /// GPT-2's own files leave the prefix out.
  private static func fullName(_ name: String) -> String {
    name.hasPrefix("transformer.") || name.hasPrefix("lm_head.") ? name : "transformer." + name
  }

  /// Masks that old files hold beside the parameters.
  private static func isBuffer(_ name: String) -> Bool {
    name.hasSuffix(".attn.bias") || name.hasSuffix(".attn.masked_bias")
  }

  private static func text(_ shape: [Int]) -> String {
    shape.map { "\($0)" }.joined(separator: " × ")
  }
}
