/// A model and all that its training goes on from.
///
/// The file, all numbers little-endian:
///
///     one line of JSON, an object of strings, numbers and booleans:
///       "format":"minilm-checkpoint", "version":1, "vocabulary_size", the options, "step",
///       "optimizer_step", "slots", "epoch", "position", "random" (four words in hexadecimal),
///       "best_validation_loss" (where there is one), "payload_bytes", the tensors as
///       "name rows columns;…", and the caller's own strings as "meta.<key>";
///       blanks before its newline bring the numbers after it to a multiple of 64 bytes
///     float32 × parameters, in the order of the tensors
///     float32 × parameters, for each slot of the optimizer
///     uint64: FNV-1a (64 bits) of every byte before it
///
/// It is written aside and renamed, so that a name never stands for half a file; read again it
/// gives the same bits.
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
  /// Where the batches are.
  public var loader: BatchLoader.State
  /// The lowest validation loss so far.
  public var bestValidationLoss: Double?
  /// Strings of the caller's own: the vocabulary's name and hash, say.
  public var metadata: [String: String]

  private static let alignment = 64

  /// Writes the file; on failure whatever had this name before is untouched.
  public func save(to path: String) throws(MiniLMError) {
    let tensors = model.parameters.layout.tensors
      .map { "\($0.name) \($0.rows) \($0.columns)" }.joined(separator: ";")
    let floats = model.parameters.count * (1 + slots.count)
    var members: [(String, FlatJSON.Value)] = [
      ("format", .string("minilm-checkpoint")), ("version", .number("1")),
      ("vocabulary_size", .number("\(model.vocabularySize)")),
    ]
    members += options.headerMembers
    members += [
      ("step", .number("\(step)")), ("optimizer_step", .number("\(optimizerStep)")),
      ("slots", .number("\(slots.count)")), ("epoch", .number("\(loader.epoch)")),
      ("position", .number("\(loader.position)")),
      (
        "random",
        .string(loader.random.state.map { String($0, radix: 16) }.joined(separator: " "))
      ),
      ("tensors", .string(tensors)), ("payload_bytes", .number("\(4 * floats)")),
    ]
    if let bestValidationLoss, bestValidationLoss.isFinite {
      members.append(("best_validation_loss", .number("\(bestValidationLoss)")))
    }
    for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
      members.append(("meta." + key, .string(value)))
    }
    var header = Array(FlatJSON.write(members).utf8)
    while header.count % Self.alignment != Self.alignment - 1 { header.append(UInt8(ascii: " ")) }
    header.append(UInt8(ascii: "\n"))

    var writer = try AtomicFileWriter(path: path)
    // The array's own bytes.
    let span = header
    try unsafe writer.write(span, count: span.count)
    for storage in [model.parameters.values] + slots {
      // Parameters are little-endian in memory on every platform this is built for.
      try unsafe writer.write(storage.pointer(at: 0..<storage.count), count: 4 * storage.count)
    }
    try writer.commit()
  }

  /// Reads a file; `withOptimizer` false leaves `slots` empty, for a model that is only used.
  public static func load(from path: String, withOptimizer: Bool = true) throws(MiniLMError)
    -> Checkpoint
  {
    func bad(_ reason: String) -> MiniLMError { .badCheckpoint(path: path, reason: reason) }
    var reader = try CheckpointFileReader(path: path)
    guard let header = FlatJSON.read(try reader.readLine()),
      header["format"]?.text == "minilm-checkpoint"
    else { throw bad("it does not begin with a MiniLM header") }
    guard header["version"]?.integer == 1 else {
      throw bad("it is of another version than 1, which this program reads")
    }
    guard let options = TrainingOptions(header: header),
      let vocabularySize = header["vocabulary_size"]?.integer,
      let step = header["step"]?.integer, step >= 0,
      let optimizerStep = header["optimizer_step"]?.integer, optimizerStep >= 0,
      let slotCount = header["slots"]?.integer, slotCount == options.optimizer.slotCount,
      let epoch = header["epoch"]?.integer, let position = header["position"]?.integer,
      let random = header["random"]?.text.flatMap(generator),
      let payload = header["payload_bytes"]?.integer
    else { throw bad("its header lacks a member or has one of the wrong kind") }
    do {
      try options.check()
    } catch {
      throw bad("\(error)")
    }
    // Sizes are compared before any memory is asked for.
    let configuration = options.configuration(vocabularySize: vocabularySize)
    try configuration.check()
    guard let count = configuration.parameterCount, payload == 4 * count * (1 + slotCount) else {
      throw bad("its parameters are not those of the model its header names")
    }
    guard reader.remaining == payload + 8 else {
      let missing = payload + 8 - reader.remaining
      throw bad(
        missing > 0
          ? "it is cut short: \(missing) of its bytes are missing"
          : "\(-missing) bytes follow its end")
    }
    let model = try configuration.makeModel()
    let tensors = model.parameters.layout.tensors
      .map { "\($0.name) \($0.rows) \($0.columns)" }.joined(separator: ";")
    guard header["tensors"]?.text == tensors else {
      throw bad("its tensors are not those of the model its header names")
    }
    try unsafe reader.read(into: model.parameters.values.pointer(at: 0..<count), count: 4 * count)
    var slots: [FloatStorage] = []
    for _ in 0..<slotCount {
      // Read even where it is not wanted: the checksum is over all.
      let slot = try FloatStorage(count: count)
      try unsafe reader.read(into: slot.pointer(at: 0..<count), count: 4 * count)
      if withOptimizer { slots.append(slot) }
    }
    try reader.finish()
    var metadata: [String: String] = [:]
    for (name, value) in header where name.hasPrefix("meta.") {
      metadata[String(name.dropFirst(5))] = value.text
    }
    return Checkpoint(
      options: options, model: model, step: step, optimizerStep: optimizerStep, slots: slots,
      loader: BatchLoader.State(epoch: epoch, position: position, random: random),
      bestValidationLoss: header["best_validation_loss"]?.double, metadata: metadata)
  }

  private static func generator(_ text: String) -> RandomGenerator? {
    RandomGenerator(state: text.split(separator: " ").compactMap { UInt64($0, radix: 16) })
  }
}
