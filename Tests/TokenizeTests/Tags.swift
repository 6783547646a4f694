import Testing

extension Tag {
  /// Equalities checked on generated input.
  @Tag static var property: Self
}
