internal import Tokenizers

extension ParameterStore {
  /// Fills tensor `name` with normal numbers, in order.
  func fillNormal(_ name: String, deviation: Double, _ random: inout RandomGenerator) {
    guard let tensor = layout.tensors.first(where: { $0.name == name }) else {
      preconditionFailure("no tensor \(name)")
    }
    let elements = unsafe values.pointer(at: tensor.range)
    for i in 0..<tensor.range.count {
      // Within the tensor's range.
      unsafe elements[i] = Float(random.normal() * deviation)
    }
  }
}

extension [TokenID] {
  /// The last id as an index below `vocabularySize`.
  func lastID(vocabularySize: Int) throws(MiniLMError) -> Int {
    guard let last else { throw .emptyPrompt }
    guard last.rawValue < vocabularySize else {
      throw .tokenOutOfRange(
        id: UInt64(last.rawValue), position: count - 1, vocabularySize: vocabularySize)
    }
    return Int(last.rawValue)
  }
}
