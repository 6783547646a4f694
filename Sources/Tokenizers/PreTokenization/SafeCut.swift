/// Where a text may be cut so that the pre-tokens of the two parts are those of the whole.
public enum SafeCutRule: Hashable, Sendable {
  /// Nowhere that is known: a text must be split whole.
  case nowhere
}
