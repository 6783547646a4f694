internal import Tokenizers

/// A model and all that its training goes on from.
///
/// In a folder it is `config.json` (what the model is made of) and `training.safetensors`: the parameters
/// under their names, each of the optimizer's slots under `optimizer.0.` and so on, their average, if one is
/// kept, under `average.`, and in the metadata `config` (the same again), `state` (options, step, place in the
/// data, random numbers) and the caller's own strings as `meta.<key>`. That file is whole in itself: it is written aside and renamed, so that at no
/// time there is anything but one whole checkpoint. After it `model.safetensors` is written, the parameters
/// or their average alone, for whoever uses the model.
///
/// Read again it gives the same bits.
public struct Checkpoint {
  /// What the model was trained with.
  public var options: TrainingOptions
  /// The model.
  public var model: any LanguageModel
  /// Updates made.
  public var step: Int
  /// Updates that the optimizer counts.
  public var optimizerStep: Int
  /// Momentum or moments; empty where they were not asked for.
  public var slots: [FloatStorage]
  /// The moving average of the parameters, where there is one.
  public var average: FloatStorage?
  /// Where the batches are.
  public var loader: BatchLoader.State
  /// The lowest validation loss so far.
  public var bestValidationLoss: Double?
  /// Strings of the caller's own: the vocabulary's name and hash, say.
  public var metadata: [String: String]

  /// The file that training goes on from.
  public static let fileName = "training.safetensors"

  /// Writes the files; on failure each that was there before is untouched.
  public func save(to folder: String) throws(MiniLMError) {
    var strings = ["config": model.configuration.json.compact, "state": state.compact]
    for (key, value) in metadata { strings["meta." + key] = value }
    try Safetensors.write(
      Self.parts(model, slots, average), metadata: strings, to: folder + "/" + Self.fileName)
    try saveModel(to: folder, name: ModelFiles.last)
  }

  /// All numbers, by name.
  private static func parts(
    _ model: any LanguageModel, _ slots: [FloatStorage], _ average: FloatStorage?
  ) -> [Safetensors.Part] {
    var parts = ModelFiles.parameterParts(model, of: model.parameters.values)
    for (index, slot) in slots.enumerated() {
      parts += ModelFiles.parameterParts(model, of: slot, prefix: "optimizer.\(index).")
    }
    if let average { parts += ModelFiles.parameterParts(model, of: average, prefix: "average.") }
    return parts
  }

  /// Writes the model alone: the average of its parameters, where there is one.
  public func saveModel(to folder: String, name: String) throws(MiniLMError) {
    var strings = ["step": "\(step)"]
    for (key, value) in metadata { strings[key] = value }
    try ModelFiles.write(
      model, values: average ?? model.parameters.values, metadata: strings, to: folder, name: name)
  }

  private var state: JSONValue {
    var members: [JSONValue.Member] = [
      .init("format", .string("minilm-training")), .init("version", .integer(2)),
      .init("options", options.json), .init("step", .integer(step)),
      .init("optimizer_step", .integer(optimizerStep)), .init("slots", .integer(slots.count)),
      .init("epoch", .integer(loader.epoch)), .init("position", .integer(loader.position)),
      .init(
        "random",
        .string(loader.random.state.map { String($0, radix: 16) }.joined(separator: " "))),
    ]
    if let bestValidationLoss, bestValidationLoss.isFinite {
      members.append(.init("best_validation_loss", .number(bestValidationLoss)))
    }
    return .object(members)
  }

  /// Reads `training.safetensors`.
  public static func load(from folder: String) throws(MiniLMError) -> Checkpoint {
    let path = folder + "/" + fileName
    func bad(_ reason: String) -> MiniLMError { .badCheckpoint(path: path, reason: reason) }
    var reader = try SafetensorsReader(path: path)
    let metadata = reader.metadata
    guard let state = metadata["state"].flatMap({ try? JSONValue(parsing: Array($0.utf8)) }),
      let config = metadata["config"].flatMap({ try? JSONValue(parsing: Array($0.utf8)) }),
      state["format"]?.stringValue == "minilm-training", metadata["checksum"] != nil
    else { throw bad("it is no checkpoint of a training run") }
    guard state["version"]?.integerValue == 2 else {
      throw bad("it is of another version than 2, which this program reads")
    }
    let configuration = try ModelConfiguration(json: config, path: path)
    guard
      let options = state["options"].flatMap({
        TrainingOptions(json: $0, configuration: configuration)
      }),
      let step = state["step"]?.integerValue, step >= 0,
      let optimizerStep = state["optimizer_step"]?.integerValue, optimizerStep >= 0,
      let slotCount = state["slots"]?.integerValue, slotCount == options.optimizer.slotCount,
      let epoch = state["epoch"]?.integerValue, let position = state["position"]?.integerValue,
      let random = state["random"]?.stringValue.flatMap(generator)
    else { throw bad("its state lacks a member or has one of the wrong kind") }
    do {
      try options.check()
      try configuration.check()
    } catch {
      throw bad("\(error)")
    }
    // Sizes are compared before any memory is asked for.
    let floats = reader.entries.reduce(0) { $0 + $1.range.count } / 4
    let copies = 1 + slotCount + (options.averageDecay == nil ? 0 : 1)
    guard let count = configuration.parameterCount,
      floats == count.multipliedReportingOverflow(by: copies).partialValue
    else { throw bad("its parameters are not those of the model it describes") }
    let model = try configuration.makeModel()
    var slots: [FloatStorage] = []
    for _ in 0..<slotCount { slots.append(try FloatStorage(count: count)) }
    let average = options.averageDecay == nil ? nil : try FloatStorage(count: count)

    // What is expected, by name: which arena, and where in it.
    var expected: [String: (FloatStorage, Int, [Int])] = [:]
    for part in parts(model, slots, average) {
      expected[part.name] = (part.storage, part.range.lowerBound, part.shape)
    }
    try reader.read { entry throws(MiniLMError) in
      guard let (storage, offset, shape) = expected.removeValue(forKey: entry.name),
        shape == entry.shape, entry.element == .float32
      else {
        throw bad("tensor '\(entry.name)' is not one of the model it describes")
      }
      return (storage, offset)
    }
    if let name = expected.keys.min() { throw bad("tensor '\(name)' is missing") }
    var own: [String: String] = [:]
    for (name, value) in metadata where name.hasPrefix("meta.") {
      own[String(name.dropFirst(5))] = value
    }
    return Checkpoint(
      options: options, model: model, step: step, optimizerStep: optimizerStep, slots: slots,
      average: average, loader: BatchLoader.State(epoch: epoch, position: position, random: random),
      bestValidationLoss: state["best_validation_loss"]?.doubleValue, metadata: own)
  }

  private static func generator(_ text: String) -> RandomGenerator? {
    RandomGenerator(state: text.split(separator: " ").compactMap { UInt64($0, radix: 16) })
  }
}
