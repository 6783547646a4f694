internal import Tokenizers

/// A model as files: `config.json` and a safetensors file beside it.
///
///     try ModelFiles.write(model, to: "runs/a")
///     let (model, metadata) = try ModelFiles.read(from: "runs/a")
///
/// The parameters of a GPT have the names of Hugging Face's GPT-2, whose files are read as well, with or
/// without the prefix `transformer.`, in single, half or brain precision.
public enum ModelFiles {
  /// The model after its last step, or of somebody else's training.
  public static let last = "model.safetensors"
  /// The model with the lowest validation loss.
  public static let best = "best.safetensors"
  /// What a model is made of.
  public static let configuration = "config.json"
  /// What the name of a model in several files has besides.
  public static let indexSuffix = ".index.json"

  /// Writes the configuration and then the parameters, each whole or not at all.
  public static func write(
    _ model: any LanguageModel, metadata: [String: String] = [:], to folder: String,
    name: String = last
  ) throws(MiniLMError) {
    try write(model, values: model.parameters.values, metadata: metadata, to: folder, name: name)
  }

  /// The same with `values` in the place of its parameters.
  static func write(
    _ model: any LanguageModel, values: FloatStorage, metadata: [String: String],
    to folder: String, name: String
  ) throws(MiniLMError) {
    try writeConfiguration(model.configuration, to: folder)
    // transformers wants to know whose tensors these are.
    var metadata = metadata
    metadata["format"] = "pt"
    try Safetensors.write(try parts(model, values), metadata: metadata, to: folder + "/" + name)
  }

  private static func writeConfiguration(_ configuration: ModelConfiguration, to folder: String)
    throws(MiniLMError)
  {
    let path = folder + "/" + Self.configuration
    let bytes = Array(configuration.json.prettyPrinted.utf8)
    // The same in every checkpoint of a run.
    if let present = try? PlainFileReader.contents(of: path, limit: 1 << 20), present == bytes {
      return
    }
    var writer = try WholeFileWriter(path: path)
    // The array's own bytes.
    try unsafe writer.write(bytes, count: bytes.count)
    try writer.commit()
  }

  /// The parameters, and what transformers' GPT-2 has besides: biases of zero, positions that are sines.
  private static func parts(
    _ model: any LanguageModel, _ values: FloatStorage
  ) throws(MiniLMError) -> [Safetensors.Part] {
    let configuration = model.configuration
    var parts = parameterParts(model, of: values)
    guard configuration.isGPT2, let gpt = model as? GPTModel else { return parts }
    if let sines = gpt.sines {
      parts.append(
        Safetensors.Part(
          name: "transformer.wpe.weight",
          shape: [configuration.contextLength, configuration.width],
          storage: sines, range: 0..<sines.count))
    }
    if !configuration.bias {
      var withBiases = configuration
      withBiases.bias = true
      let names = Set(parts.map(\.name))
      let missing = GPTModel.tensorSizesByName(withBiases).filter { !names.contains($0.name) }
      let zeros = try FloatStorage(count: missing.reduce(0) { max($0, $1.columns) })
      for tensor in missing {
        parts.append(
          Safetensors.Part(
            name: tensor.name, shape: [tensor.columns], storage: zeros, range: 0..<tensor.columns))
      }
    }
    return parts
  }

  /// One part for each tensor of the layout, in an arena that is laid out so.
  static func parameterParts(
    _ model: any LanguageModel, of storage: FloatStorage, prefix: String = ""
  ) -> [Safetensors.Part] {
    model.parameters.layout.tensors.map { tensor in
      Safetensors.Part(
        name: prefix + tensor.name,
        shape: tensor.role == .vector ? [tensor.columns] : [tensor.rows, tensor.columns],
        storage: storage, range: tensor.range)
    }
  }

  /// The model in `folder`, and the strings that its file carries.
  ///
  /// Where there is no file `model.safetensors` but an index of several (`model.safetensors.index.json`), as
  /// transformers cuts large models, those are read.
  public static func read(from folder: String, name: String = last) throws(MiniLMError)
    -> (model: any LanguageModel, metadata: [String: String])
  {
    let configurationPath = folder + "/" + Self.configuration
    let configuration = try readConfiguration(configurationPath)
    let path = folder + "/" + name
    let indexPath = path + Self.indexSuffix
    let shards: [String]
    let byteCount: Int
    if !PlainFileReader.exists(path), PlainFileReader.exists(indexPath) {
      let index = try SafetensorsIndex(path: indexPath)
      (shards, byteCount) = (index.shards, index.byteCount)
    } else {
      shards = [path]
      byteCount = try SafetensorsReader(path: path).entries.reduce(0) { $0 + $1.range.count }
    }
    do {
      try configuration.check()
    } catch {
      throw .badCheckpoint(path: configurationPath, reason: "\(error)")
    }
    // Sizes are compared before any memory is asked for.
    guard let count = configuration.parameterCount, byteCount >= 2 * count else {
      throw .badCheckpoint(
        path: path,
        reason: "it holds fewer parameters than the model that \(Self.configuration) describes")
    }
    var filling = ModelFilling(try configuration.makeModel())
    var metadata: [String: String] = [:]
    for shard in shards {
      let reader = try SafetensorsReader(path: shard)
      metadata.merge(reader.metadata) { first, _ in first }
      try filling.read(reader)
    }
    return (try filling.finish(path: path), metadata)
  }

  /// The configuration in a file.
  static func readConfiguration(_ path: String) throws(MiniLMError) -> ModelConfiguration {
    let bytes = try PlainFileReader.contents(of: path, limit: 1 << 20)
    let json: JSONValue
    do {
      json = try JSONValue(parsing: bytes)
    } catch {
      throw .badCheckpoint(path: path, reason: "it is not JSON: \(error)")
    }
    return try ModelConfiguration(json: json, path: path)
  }
}
