internal import Synchronization

/// The index of a vocabulary's tokens, made when the vocabulary is or when someone looks for a token first.
///
/// A class: copies of a vocabulary share it, and threads that all come first make it more than once at worst.
final class TokenIndex: Sendable {
  private let storage = AtomicLazyReference<TokenIndexStorage>()

  /// Makes it of the vocabulary's tokens.
  func make(arena: Span<UInt8>, offsets: Span<UInt32>) throws(TokenIndexStorage.Duplicate) {
    _ = storage.storeIfNil(try TokenIndexStorage(arena: arena, offsets: offsets))
  }

  /// It, made now if it is not there.
  @inline(__always)
  func made(arena: [UInt8], offsets: [UInt32]) -> TokenIndexStorage {
    if let made = storage.load() { return made }
    return makeNow(arena, offsets)
  }

  @inline(never)
  private func makeNow(_ arena: [UInt8], _ offsets: [UInt32]) -> TokenIndexStorage {
    guard
      let made = try? TokenIndexStorage(
        arena: arena.span, offsets: offsets.span, passingOver: true)
    else { preconditionFailure("only tokens that are the same twice are refused") }
    return storage.storeIfNil(made)
  }
}
