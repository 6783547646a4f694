/// What an automaton knows of the texts over a few bytes, for others to begin with.
final class MergeAutomatonSeed: Sendable {
  /// A text of numbers without anything between them has no end that one could count on, and there are not many states
  /// that it can be in: 2,484 for GPT-2.
  static let digits = Array("0123456789".utf8)
  /// Bytes at the beginning of a text that show whether it is one of these.
  private static let probe = 64

  private let alphabet: [UInt8]
  let steps: StepTable.Contents
  let entries: [MergeAutomaton.Entry]
  let starts: [Int]
  let slots: [MergeAutomaton.Slot]
  let classes: MergeClasses.Contents

  init(
    alphabet: [UInt8], steps: StepTable.Contents, entries: [MergeAutomaton.Entry], starts: [Int],
    slots: [MergeAutomaton.Slot], classes: MergeClasses.Contents
  ) {
    self.alphabet = alphabet
    self.steps = steps
    self.entries = entries
    self.starts = starts
    self.slots = slots
    self.classes = classes
  }

  /// Whether a text begins as one over these bytes.
  func suits(_ bytes: Span<UInt8>) -> Bool {
    for index in 0..<min(bytes.count, Self.probe) where !alphabet.contains(bytes[index]) {
      return false
    }
    return true
  }
}
