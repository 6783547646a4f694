/// Immutable data from which encoders are made: one model serves any number of threads.
public protocol TokenModel: Sendable {
  /// All tokens with their ids, special tokens included.
  var vocabulary: Vocabulary { get }

  /// Whether any bytes at all can be encoded and come back from decoding, valid UTF-8 or not.
  var encodesAnyBytes: Bool { get }

  /// Where a text may be cut without changing its ids.
  var safeCuts: SafeCutRule { get }

  /// A worker with its own scratch memory, for one thread at a time.
  func makeEncoder() -> any TokenEncoder

  /// Workers for as many threads that work on one text together: they may share what they remember.
  func makeEncoders(_ count: Int) -> [any TokenEncoder]

  /// A worker that turns ids into bytes.
  func makeDecoder() -> any TokenDecoder

  /// Makes what else would be made when there is enough to do for it.
  func prepare()
}

extension TokenModel {
  /// Nothing: for models that put nothing off.
  public func prepare() {}

  /// Each with its own.
  public func makeEncoders(_ count: Int) -> [any TokenEncoder] {
    (0..<count).map { _ in makeEncoder() }
  }
}

/// Encodes texts one after another; owns its scratch memory, so it is never used by two threads at a time.
public protocol TokenEncoder: AnyObject {
  /// Says that about so many bytes are to be encoded now, in any number of calls: what pays for long texts only may be
  /// done.
  func expect(_ byteCount: Int)

  /// Appends the ids of a whole text to `ids`. On an error `ids` is as it was before.
  ///
  /// - Parameters:
  ///   - text: Valid UTF-8; its end counts as the end of the text.
  ///   - ids: Where to append.
  func encode(_ text: Span<UInt8>, into ids: inout [TokenID]) throws(TokenizerError)

  /// Appends the ids of bytes that are not all valid UTF-8.
  ///
  /// Called only where the model's `encodesAnyBytes` is true.
  ///
  /// - Parameters:
  ///   - bytes: What to encode.
  ///   - repaired: The same with each maximal bad sequence as U+FFFD: what to split.
  ///   - ids: Where to append.
  func encode(
    _ bytes: Span<UInt8>, repaired: RepairedText, into ids: inout [TokenID]
  ) throws(TokenizerError)
}

extension TokenEncoder {
  /// Nothing.
  public func expect(_ byteCount: Int) {}
}

/// Turns ids into bytes, one piece of a stream after another.
public protocol TokenDecoder: AnyObject {
  /// Appends the bytes of `ids` to `bytes`.
  ///
  /// - Parameters:
  ///   - ids: The next ids of the stream.
  ///   - skipped: Special tokens that leave no bytes.
  ///   - bytes: Where to append.
  /// - Throws: `TokenizerError.unknownTokenID` with the index within `ids`; `bytes` then holds what
  ///   came before it.
  func decode(
    _ ids: Span<TokenID>, skipping skipped: SpecialTokens?, into bytes: inout [UInt8]
  ) throws(TokenizerError)
}
