import Foundation
import MiniLM
import TestSupport
import Tokenizers

/// A case of fixtures/gpt/reference.jsonl: what PyTorch computes in double precision.
struct GPTReference {
  let name: String
  let configuration: ModelConfiguration
  let rows: Int
  let length: Int
  let logits: [Double]
  let loss: Double
  let gradients: [Double]
  let afterTenSteps: [Double]
  let lossAfterTenSteps: Double
  /// Every how many numbers the file holds.
  var step: Int { name == "large" ? 29 : 1 }

  static let names = ["GPT-2", "nanoGPT", "untied", "post-norm", "post-norm, tied", "large"]
  static let small = names.dropLast()

  /// The case called `name`.
  static func named(_ name: String) throws -> GPTReference {
    let text = try String(
      contentsOf: Fixtures.file("fixtures/gpt/reference.jsonl"), encoding: .utf8)
    for line in text.split(separator: "\n") {
      let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
      guard let json = object as? [String: Any], json["name"] as? String == name else { continue }
      return try GPTReference(json)
    }
    throw CocoaError(.fileReadCorruptFile)
  }

  private init(_ json: [String: Any]) throws {
    func value<Value>(_ name: String) throws -> Value {
      guard let value = json[name] as? Value else { throw CocoaError(.fileReadCorruptFile) }
      return value
    }
    name = try value("name")
    let activation: String = try value("activation")
    let (norm, positions): (String, String) = (try value("norm"), try value("positions"))
    let shape = TransformerShape(
      layers: try value("layers"), heads: try value("heads"),
      feedForwardWidth: try value("feedForward"),
      activation: try Self.unwrap(TransformerShape.Activation(rawValue: activation)),
      norm: try Self.unwrap(TransformerShape.Norm(rawValue: norm)),
      positions: try Self.unwrap(TransformerShape.Positions(rawValue: positions)),
      isTied: try value("tied"))
    configuration = ModelConfiguration(
      kind: .gpt, vocabularySize: try value("vocabulary"), width: try value("width"),
      bias: try value("bias"), contextLength: try value("context"), transformer: shape)
    (rows, length) = (try value("rows"), try value("length"))
    (logits, loss, gradients) = (try value("logits"), try value("loss"), try value("gradients"))
    (afterTenSteps, lossAfterTenSteps) = (
      try value("afterTenSteps"), try value("lossAfterTenSteps")
    )
  }

  private static func unwrap<Value>(_ value: Value?) throws -> Value {
    guard let value else { throw CocoaError(.fileReadCorruptFile) }
    return value
  }

  /// The model with the small numbers that the script makes.
  func model() throws -> GPTModel {
    let model = try GPTModel(configuration)
    for (index, tensor) in model.parameters.layout.tensors.enumerated() {
      let isGain = tensor.role == .vector && tensor.name.hasSuffix(".weight")
      let values = (0..<tensor.range.count).map { i -> Float in
        let value = Float((7 * i + 5 * (i / 11) + 3 * index) % 17 - 8) / 16
        return isGain ? value / 2 + 1 : value
      }
      model.parameters.values.replace(at: tensor.range.lowerBound, with: values)
    }
    return model
  }

  /// The ids that the script makes, one more than there are positions.
  var ids: [Int] {
    (0...rows * length).map { (5 * $0 + $0 / 3) % configuration.vocabularySize }
  }

  func batch() throws -> Batch {
    let ids = ids.map { TokenID(UInt32($0)) }
    return try Batch(
      rows: rows, length: length, inputs: Array(ids.dropLast()), targets: Array(ids.dropFirst()))
  }

  /// The same in the naive version.
  func naive<Number: PlainNumber>(_ parameters: [Number]) -> NaiveGPT<Number> {
    let shape = configuration.transformer
    return NaiveGPT(
      .init(
        vocabulary: configuration.vocabularySize, width: configuration.width, heads: shape.heads,
        layers: shape.layers, feedForward: shape.feedForwardWidth ?? 0,
        context: configuration.contextLength, isPreNorm: shape.norm == .pre, isTied: shape.isTied,
        hasBias: configuration.bias, hasLearnedPositions: shape.positions == .learned,
        activation: shape.activation.rawValue), parameters: parameters)
  }

  /// Rows of inputs and of targets.
  var rowsOfIDs: (inputs: [[Int]], targets: [[Int]]) {
    let ids = ids
    let starts = (0..<rows).map { $0 * length }
    return (
      starts.map { Array(ids[$0..<$0 + length]) }, starts.map { Array(ids[$0 + 1...$0 + length]) }
    )
  }
}

/// Every `step`-th float of an arena, as doubles.
func sampled(_ storage: FloatStorage, step: Int = 1) -> [Double] {
  let all = storage.values(in: 0..<storage.count)
  return stride(from: 0, to: all.count, by: step).map { Double(all[$0]) }
}
