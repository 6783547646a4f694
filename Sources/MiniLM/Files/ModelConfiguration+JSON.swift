internal import Tokenizers

/// Configurations as `config.json`, and back.
///
/// What transformers' GPT-2 can compute is written as its configuration; a member `minilm` holds ours, whole.
/// Other models have that member alone, and a `model_type` that transformers does not know: better than one
/// that it would take for something else.
extension ModelConfiguration {
  /// Whether transformers' GPT-2 is the same model.
  var isGPT2: Bool { kind == .gpt && transformer.norm == .pre }

  var json: JSONValue {
    var own: [JSONValue.Member] = [
      .init("kind", .string(kind.rawValue)), .init("vocab_size", .integer(vocabularySize)),
      .init("width", .integer(width)), .init("bias", .bool(bias)),
      .init("context_length", .integer(contextLength)),
    ]
    guard kind == .gpt else {
      return .members(["model_type": .string("minilm"), "minilm": .object(own)])
    }
    let shape = transformer
    let feedForward: JSONValue = shape.feedForwardWidth.map { .integer($0) } ?? .null
    own += [
      .init("layers", .integer(shape.layers)), .init("heads", .integer(shape.heads)),
      .init("feed_forward", feedForward), .init("activation", .string(shape.activation.rawValue)),
      .init("norm", .string(shape.norm.rawValue)),
      .init("positions", .string(shape.positions.rawValue)),
      .init("dropout", .number(shape.dropout)), .init("tied", .bool(shape.isTied)),
      .init("epsilon", .number(shape.epsilon)),
    ]
    guard isGPT2 else {
      return .members(["model_type": .string("minilm"), "minilm": .object(own)])
    }
    let activation =
      switch shape.activation {
      case .gelu: "gelu"
      case .geluTanh: "gelu_new"
      case .relu: "relu"
      }
    return .members([
      "architectures": .array([.string("GPT2LMHeadModel")]), "model_type": .string("gpt2"),
      "vocab_size": .integer(vocabularySize), "n_positions": .integer(contextLength),
      "n_embd": .integer(width), "n_layer": .integer(shape.layers),
      "n_head": .integer(shape.heads), "n_inner": feedForward,
      "activation_function": .string(activation), "embd_pdrop": .number(shape.dropout),
      "attn_pdrop": .number(shape.dropout), "resid_pdrop": .number(shape.dropout),
      "layer_norm_epsilon": .number(shape.epsilon), "initializer_range": .number(0.02),
      "tie_word_embeddings": .bool(shape.isTied), "bos_token_id": .null, "eos_token_id": .null,
      "torch_dtype": .string("float32"), "minilm": .object(own),
    ])
  }

  /// A configuration from `config.json`, ours or that of transformers' GPT-2.
  init(json: JSONValue, path: String) throws(MiniLMError) {
    if let own = json["minilm"] {
      guard let configuration = Self.own(own) else {
        throw .badCheckpoint(
          path: path, reason: "its member 'minilm' lacks something or has it of the wrong kind")
      }
      self = configuration
      return
    }
    self = try Self.gpt2(json, path: path)
  }

  private static func own(_ json: JSONValue) -> ModelConfiguration? {
    guard let kind = json["kind"]?.stringValue.flatMap(ModelKind.init),
      let vocabularySize = json["vocab_size"]?.integerValue,
      let width = json["width"]?.integerValue, let bias = json["bias"]?.boolValue
    else { return nil }
    guard kind == .gpt else {
      return ModelConfiguration(
        kind: kind, vocabularySize: vocabularySize, width: width, bias: bias)
    }
    guard let contextLength = json["context_length"]?.integerValue,
      let shape = TransformerShape(json: json)
    else { return nil }
    return ModelConfiguration(
      kind: kind, vocabularySize: vocabularySize, width: width, bias: bias,
      contextLength: contextLength, transformer: shape)
  }

  /// What transformers writes for GPT-2; its defaults are those of GPT2Config.
  private static func gpt2(_ json: JSONValue, path: String) throws(MiniLMError)
    -> ModelConfiguration
  {
    func bad(_ reason: String) -> MiniLMError { .badCheckpoint(path: path, reason: reason) }
    let type = json["model_type"]?.stringValue
    guard type == "gpt2" else {
      throw bad("it describes a model of type '\(type ?? "")'; 'gpt2' and our own can be read")
    }
    for name in ["scale_attn_by_inverse_layer_idx", "add_cross_attention"]
    where json[name]?.boolValue == true {
      throw bad("it asks for '\(name)', which is not built here")
    }
    if json["scale_attn_weights"]?.boolValue == false {
      throw bad("it asks for attention without its scale, which is not built here")
    }
    let activation: TransformerShape.Activation
    switch json["activation_function"]?.stringValue ?? "gelu_new" {
    case "gelu_new", "gelu_pytorch_tanh", "gelu_fast": activation = .geluTanh
    case "gelu", "gelu_python": activation = .gelu
    case "relu": activation = .relu
    case let name: throw bad("its activation function is '\(name)', which is not built here")
    }
    var shape = TransformerShape(
      layers: json["n_layer"]?.integerValue ?? 12, heads: json["n_head"]?.integerValue ?? 12,
      feedForwardWidth: json["n_inner"]?.integerValue, activation: activation,
      isTied: json["tie_word_embeddings"]?.boolValue ?? true)
    shape.epsilon = json["layer_norm_epsilon"]?.doubleValue ?? 1e-5
    shape.dropout = json["resid_pdrop"]?.doubleValue ?? 0.1
    let positions = json["n_positions"]?.integerValue ?? json["n_ctx"]?.integerValue ?? 1024
    return ModelConfiguration(
      kind: .gpt, vocabularySize: json["vocab_size"]?.integerValue ?? 50257,
      width: json["n_embd"]?.integerValue ?? 768, contextLength: positions, transformer: shape)
  }
}

extension TransformerShape {
  fileprivate init?(json: JSONValue) {
    guard let layers = json["layers"]?.integerValue, let heads = json["heads"]?.integerValue,
      let activation = json["activation"]?.stringValue.flatMap(Activation.init),
      let norm = json["norm"]?.stringValue.flatMap(Norm.init),
      let positions = json["positions"]?.stringValue.flatMap(Positions.init),
      let dropout = json["dropout"]?.doubleValue, let isTied = json["tied"]?.boolValue,
      let epsilon = json["epsilon"]?.doubleValue
    else { return nil }
    self.init(
      layers: layers, heads: heads, feedForwardWidth: json["feed_forward"]?.integerValue,
      activation: activation, norm: norm, positions: positions, dropout: dropout, isTied: isTied,
      epsilon: epsilon)
  }
}

extension JSONValue {
  /// The value of any number.
  var doubleValue: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }
}
