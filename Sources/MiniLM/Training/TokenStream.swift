public import Tokenizers

/// A run of token ids in memory, each known to be below the vocabulary's size.
///
/// Ids take two bytes each where the vocabulary allows it, else four. Parts share their memory.
///
///     let stream = try TokenStream([40, 367, 2885], vocabularySize: 50257)
public struct TokenStream: Sendable {
  private enum Storage: Sendable {
    case narrow([UInt16])
    case wide([UInt32])
  }

  private let storage: Storage
  /// The part of the storage that this stream is.
  private let range: Range<Int>
  /// How many tokens the vocabulary has.
  public let vocabularySize: Int

  /// A stream of `ids`, each checked.
  public init(_ ids: [TokenID], vocabularySize: Int) throws(MiniLMError) {
    if let position = ids.firstIndex(where: { $0.rawValue >= vocabularySize }) {
      throw .tokenOutOfRange(
        id: UInt64(ids[position].rawValue), position: position, vocabularySize: vocabularySize)
    }
    if vocabularySize <= 1 << 16 {
      storage = .narrow(ids.map { UInt16($0.rawValue) })
    } else {
      storage = .wide(ids.map(\.rawValue))
    }
    range = 0..<ids.count
    self.vocabularySize = vocabularySize
  }

  /// Streams that were checked while they were read; of the two arrays one is empty.
  init(narrow: [UInt16], wide: [UInt32], vocabularySize: Int) {
    storage = wide.isEmpty ? .narrow(narrow) : .wide(wide)
    range = 0..<Swift.max(narrow.count, wide.count)
    self.vocabularySize = vocabularySize
  }

  private init(part range: Range<Int>, of whole: TokenStream) {
    storage = whole.storage
    self.range = range
    vocabularySize = whole.vocabularySize
  }

  /// How many tokens there are.
  public var count: Int { range.count }

  /// The id at `index`, from 0.
  public subscript(index: Int) -> TokenID {
    precondition(index >= 0 && index < count)
    switch storage {
    case .narrow(let ids): return TokenID(UInt32(ids[range.lowerBound + index]))
    case .wide(let ids): return TokenID(ids[range.lowerBound + index])
    }
  }

  /// The ids in `part`, as an array.
  public func ids(in part: Range<Int>) -> [TokenID] {
    var ids: [TokenID] = []
    ids.reserveCapacity(part.count)
    append(part, to: &ids)
    return ids
  }

  /// Appends the ids in `part`.
  func append(_ part: Range<Int>, to ids: inout [TokenID]) {
    precondition(part.lowerBound >= 0 && part.upperBound <= count)
    var index = range.lowerBound + part.lowerBound
    let end = index + part.count
    // Plain loops: a lazy map costs ten times as much where nothing is optimised.
    switch storage {
    case .narrow(let all):
      while index < end {
        ids.append(TokenID(UInt32(all[index])))
        index += 1
      }
    case .wide(let all):
      while index < end {
        ids.append(TokenID(all[index]))
        index += 1
      }
    }
  }

  /// The tokens in `part`, sharing this stream's memory.
  public subscript(part: Range<Int>) -> TokenStream {
    precondition(part.lowerBound >= 0 && part.upperBound <= count)
    let start = range.lowerBound + part.lowerBound
    return TokenStream(part: start..<start + part.count, of: self)
  }

  /// The first int((1 − fraction)·count) tokens for training and the rest for validation, as
  /// nanoGPT cuts its texts.
  public func split(validationFraction fraction: Double) throws(MiniLMError)
    -> (training: TokenStream, validation: TokenStream)
  {
    guard fraction >= 0, fraction < 1 else {
      throw .invalidOption(
        name: "validation fraction", value: "\(fraction)",
        expected: "0 up to but not including 1")
    }
    let cut = Swift.min(count, Int((1 - fraction) * Double(count)))
    return (self[0..<cut], self[cut..<count])
  }
}
