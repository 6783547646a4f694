/// One token a character of the corpus it was fitted to: Unicode scalars, or grapheme clusters.
///
/// Characters are sorted by code point and numbered from 0; special tokens follow them.
public struct CharacterModel: TokenModel {
  /// What counts as one character.
  public enum Unit: String, CaseIterable, Hashable, Sendable {
    /// A Unicode scalar: a code point.
    case scalar
    /// An extended grapheme cluster (Unicode Standard Annex 29), as ICU finds it: what a reader takes
    /// for one character.
    case grapheme
  }

  /// The characters, then the special tokens.
  public let vocabulary: Vocabulary
  /// What counts as one character.
  public let unit: Unit
  /// The token for characters that the vocabulary does not hold; without one they are an error.
  public let unknown: TokenID?
  private let specialTokens: SpecialTokens
  /// Id of each scalar by code point; `UInt32.max` where the vocabulary holds none.
  private let idOfScalar: [UInt32]

  /// A model over this vocabulary.
  ///
  /// - Parameters:
  ///   - vocabulary: Characters and special tokens.
  ///   - unit: What counts as one character.
  ///   - specialTokens: Those entries of the vocabulary that no text gives; `<unk>` among them stands
  ///     for unknown characters.
  public init(vocabulary: Vocabulary, unit: Unit, specialTokens: SpecialTokens) {
    self.vocabulary = vocabulary
    self.unit = unit
    self.specialTokens = specialTokens
    unknown = specialTokens["<unk>"]
    var table: [UInt32] = []
    for id in vocabulary.tokenIDs where !specialTokens.contains(id) {
      guard let bytes = vocabulary.bytes(of: id) else { continue }
      let scalars = String(decoding: bytes, as: UTF8.self).unicodeScalars
      guard let scalar = scalars.first, scalars.count == 1 else { continue }
      let value = Int(scalar.value)
      if value >= table.count {
        table += [UInt32](repeating: .max, count: value + 1 - table.count)
      }
      table[value] = id.rawValue
    }
    idOfScalar = table
  }

  /// False: text must be valid UTF-8.
  public var encodesAnyBytes: Bool { false }

  /// Between any two scalars; for grapheme clusters, before a line end.
  public var safeCuts: SafeCutRule { unit == .scalar ? .everywhere : .lineEnds }

  /// A worker without state.
  public func makeEncoder() -> any TokenEncoder { Encoder(self) }

  /// A worker that writes each token's character.
  public func makeDecoder() -> any TokenDecoder { ByteDecoder(vocabulary) }

  private final class Encoder: TokenEncoder {
    private let model: CharacterModel
    private var ends: [Int] = []

    init(_ model: CharacterModel) { self.model = model }

    func encode(_ text: Span<UInt8>, into ids: inout [TokenID]) throws(TokenizerError) {
      let countBefore = ids.count
      do {
        switch model.unit {
        case .scalar: try encodeScalars(text, into: &ids)
        case .grapheme: try encodeGraphemes(text, into: &ids)
        }
      } catch {
        ids.removeSubrange(countBefore...)
        throw error
      }
    }

    func encode(
      _ bytes: Span<UInt8>, repaired: RepairedText, into ids: inout [TokenID]
    ) throws(TokenizerError) {
      try encode(repaired.bytes.span, into: &ids)
    }

    private func encodeScalars(_ text: Span<UInt8>, into ids: inout [TokenID])
      throws(TokenizerError)
    {
      let idOfScalar = model.idOfScalar
      let table = idOfScalar.span
      var position = 0
      while position < text.count {
        let sequence = text.utf8Sequence(at: position)
        let id = sequence.scalar < UInt32(table.count) ? table[Int(sequence.scalar)] : UInt32.max
        if id != .max {
          ids.append(TokenID(id))
        } else {
          try appendUnknown(text, position..<position + sequence.length, into: &ids)
        }
        position += sequence.length
      }
    }

    private func encodeGraphemes(
      _ text: Span<UInt8>, into ids: inout [TokenID]
    ) throws(TokenizerError) {
      ends.removeAll(keepingCapacity: true)
      do {
        try ICUText.appendGraphemeEnds(of: text, to: &ends)
      } catch {
        throw .segmentation(error)
      }
      var start = 0
      for end in ends {
        // A cluster that happens to spell a special token is a character all the same.
        if let id = model.vocabulary.id(of: text.extracting(start..<end)),
          !model.specialTokens.contains(id)
        {
          ids.append(id)
        } else {
          try appendUnknown(text, start..<end, into: &ids)
        }
        start = end
      }
    }

    private func appendUnknown(
      _ text: Span<UInt8>, _ range: Range<Int>, into ids: inout [TokenID]
    ) throws(TokenizerError) {
      guard let unknown = model.unknown else {
        throw .unknownCharacter(text.string(in: range), offset: range.lowerBound)
      }
      ids.append(unknown)
    }
  }
}
