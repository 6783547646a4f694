/// What can go wrong while a model is built, trained, saved, loaded or sampled.
///
/// Each description says what was met, what was expected and, where there is one, what to try.
public enum MiniLMError: Error, Equatable, Sendable, CustomStringConvertible {
  /// An option has a value that makes no sense.
  case invalidOption(name: String, value: String, expected: String)
  /// A model's numbers would not fit in memory.
  case modelTooLarge(model: String, size: String, limit: String, advice: String)
  /// Memory for `bytes` bytes was refused by the system.
  case outOfMemory(bytes: Int)
  /// A token id is not in the vocabulary; `position` counts tokens from 0.
  case tokenOutOfRange(id: UInt64, position: Int, vocabularySize: Int)
  /// A token stream's bytes are not what its format says; `offset` counts bytes from 0.
  case malformedTokens(offset: Int, found: String, expected: String)
  /// There are fewer tokens than one example needs.
  case corpusTooShort(part: String, tokens: Int, needed: Int, advice: String)
  /// The arrays of a batch do not agree with its shape.
  case badBatch(String)
  /// A prompt without tokens: the models predict what follows a token.
  case emptyPrompt
  /// Logits that no choice can be made from.
  case badLogits(String)
  /// Loss or gradients are no longer finite at this step.
  case diverged(step: Int, what: String)
  /// A checkpoint that is not whole, not ours, or not for this model.
  case badCheckpoint(path: String, reason: String)
  /// A file could not be opened for reading.
  case cannotRead(path: String, reason: String)
  /// A file could not be made.
  case cannotCreate(path: String, reason: String)
  /// Reading or writing failed half-way.
  case inputOutput(path: String, reason: String)

  /// One sentence for a person.
  public var description: String {
    switch self {
    case .invalidOption(let name, let value, let expected):
      return "\(name) is \(value): expected \(expected)"
    case .modelTooLarge(let model, let size, let limit, let advice):
      return "\(model) needs \(size), and at most \(limit) can be used here: \(advice)"
    case .outOfMemory(let bytes):
      return "the system gave no memory for \(ByteCount.text(bytes)): try a smaller model or batch"
    case .tokenOutOfRange(let id, let position, let vocabularySize):
      return "token \(position) has id \(id), outside the vocabulary of \(vocabularySize) tokens "
        + "(ids 0 to \(vocabularySize - 1)): was it encoded with another vocabulary?"
    case .malformedTokens(let offset, let found, let expected):
      return "byte \(offset) of the token stream: found \(found), expected \(expected)"
    case .corpusTooShort(let part, let tokens, let needed, let advice):
      return "\(part) has \(tokens) tokens and at least \(needed) are needed: \(advice)"
    case .badBatch(let reason):
      return "the batch does not fit together: \(reason)"
    case .emptyPrompt:
      return "the prompt has no tokens: give at least one for the model to continue from"
    case .badLogits(let reason):
      return "nothing can be sampled from these logits: \(reason)"
    case .diverged(let step, let what):
      return "training diverged at step \(step): \(what); "
        + "try a smaller learning rate or gradient clipping"
    case .badCheckpoint(let path, let reason):
      return "\(path): not a checkpoint that can be used: \(reason)"
    case .cannotRead(let path, let reason):
      return "\(path): cannot be read: \(reason)"
    case .cannotCreate(let path, let reason):
      return "\(path): cannot be made: \(reason)"
    case .inputOutput(let path, let reason):
      return "\(path): reading or writing failed: \(reason)"
    }
  }
}

/// Byte counts as people read them.
enum ByteCount {
  /// `count` bytes with one decimal in the largest unit (of 1,000) that keeps it above 1.
  static func text(_ count: Int) -> String {
    let units = ["bytes", "kB", "MB", "GB", "TB", "PB", "EB"]
    var scaled = Double(count)
    var unit = 0
    while scaled >= 1000, unit < units.count - 1 {
      scaled /= 1000
      unit += 1
    }
    if unit == 0 { return "\(count) bytes" }
    let tenths = Int((scaled * 10).rounded())
    return "\(tenths / 10).\(tenths % 10) \(units[unit])"
  }
}
