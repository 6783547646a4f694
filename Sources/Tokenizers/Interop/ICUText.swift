internal import ICUShim

/// Text segmentation by ICU: the only calls of it.
///
/// The rules are ICU's, of the Unicode it was built with; they are not pinned.
enum ICUText {
  /// The version of Unicode of the ICU that this was compiled against.
  static var unicodeVersion: String {
    // ICU's own constant text, which ends with a NUL and lives as long as the program.
    unsafe String(cString: icu_unicode_version())
  }

  /// Appends to `ends` the end offsets of the grapheme clusters of `text`.
  ///
  ///     "e\u{301}x"  // ends 3, 4
  ///
  /// - Parameters:
  ///   - text: Valid UTF-8. Bytes that are none count as U+FFFD each, and no byte is lost.
  ///   - ends: Byte offsets; as before the call if an error is thrown.
  /// - Complexity: O(*n*).
  static func appendGraphemeEnds(
    of text: Span<UInt8>, to ends: inout [Int]
  ) throws(TextSegmentationError) {
    guard !text.isEmpty else { return }
    // ICU counts offsets in 32 bits. A cluster longer than a part would be cut; none in use is.
    var start = 0
    let before = ends.count
    do throws(TextSegmentationError) {
      let iterator = try GraphemeIterator()
      while start < text.count {
        let end = min(text.count, start + partLength)
        try iterator.appendEnds(of: text.extracting(start..<end), offset: start, to: &ends)
        if end == text.count { break }
        // The last cluster may go on in the next part, which begins with it.
        if ends.count > before + 1, ends[ends.count - 2] > start { ends.removeLast() }
        start = ends.last ?? end
      }
    } catch {
      ends.removeSubrange(before...)
      throw error
    }
  }

  private static let partLength = 1 << 30
}

/// Why text could not be segmented.
public enum TextSegmentationError: Error, Hashable, Sendable {
  /// ICU could not do it: the name of its error, `U_MEMORY_ALLOCATION_ERROR` for instance.
  case failed(name: String)
}

/// Owns ICU's search for the boundaries of grapheme clusters.
@safe private struct GraphemeIterator: ~Copyable {
  private let graphemes: OpaquePointer

  init() throws(TextSegmentationError) {
    var status: Int32 = 0
    let opened = unsafe icu_graphemes_open(&status)
    try Self.check(status)
    guard let opened = unsafe opened else { throw .failed(name: "U_MEMORY_ALLOCATION_ERROR") }
    unsafe graphemes = opened
  }

  deinit { unsafe icu_graphemes_close(graphemes) }

  /// Appends the ends of the clusters of `text`, which holds 1 to 2^30 bytes, each with `offset`
  /// added.
  func appendEnds(
    of text: Span<UInt8>, offset: Int, to ends: inout [Int]
  ) throws(TextSegmentationError) {
    var status: Int32 = 0
    // ICU reads the bytes in place, only inside of this closure: nothing is asked for afterwards before
    // another text is set.
    unsafe text.withUnsafeBytes { bytes in
      unsafe icu_graphemes_set_text(
        graphemes, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), Int64(bytes.count),
        &status)
      guard icu_failed(status) == 0 else { return }
      while true {
        let end = unsafe icu_graphemes_next(graphemes)
        if end < 0 { break }
        ends.append(offset + Int(end))
      }
    }
    try Self.check(status)
  }

  private static func check(_ status: Int32) throws(TextSegmentationError) {
    guard icu_failed(status) != 0 else { return }
    // ICU's own constant text, which ends with a NUL and lives as long as the program.
    throw .failed(name: unsafe String(cString: icu_error_name(status)))
  }
}
