extension Engine {
  /// What cuts texts by `pattern`: this engine's kernels, or PCRE2 if there are none for the pattern.
  ///
  /// This is the one place that chooses.
  ///
  /// - Throws: `PreTokenizationError.badPattern` with PCRE2's message and the offset in the expression;
  ///   `PreTokenizationError.engine` if this machine does not have the engine.
  public func makePreTokenizer(
    for pattern: SplitPattern
  ) throws(PreTokenizationError) -> any PreTokenizer {
    let engine: Engine
    do {
      engine = try resolved()
    } catch {
      throw .engine(error)
    }
    if let level = MaskScanner.Level(engine), let scanner = MaskScanner(pattern, level: level) {
      return scanner
    }
    var splitter = try PatternPreTokenizer(pattern)
    splitter.level = MaskScanner.Level(engine)
    return splitter
  }
}
