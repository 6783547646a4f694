import Testing

extension Tag {
  /// Equalities checked on generated text.
  @Tag static var property: Self
  /// Takes seconds in a debug build.
  @Tag static var slow: Self
}
