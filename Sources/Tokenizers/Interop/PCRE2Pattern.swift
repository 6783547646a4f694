internal import CPCRE2

/// A regular expression compiled by PCRE2, in UTF-8 with Unicode properties: the only owner of its
/// code.
///
/// It is translated to machine code where PCRE2 can do so, else run by PCRE2's interpreter. `\C`,
/// which would match half a scalar, is refused.
// Safe to the outside: the handle never leaves this file. `@unchecked`: the code is written during
// `init` only, and PCRE2 lets threads share compiled code.
@safe final class PCRE2Pattern: @unchecked Sendable {
  fileprivate let code: OpaquePointer
  /// Whether machine code was made.
  let isJITCompiled: Bool
  /// How many pairs of offsets a match needs: the whole match and each group.
  let pairCount: UInt32
  /// Whether the expression may match no character at all; PCRE2 answers yes when in doubt.
  let canMatchEmpty: Bool

  /// Compiles `expression`, which may hold NUL bytes.
  ///
  /// - Parameters:
  ///   - anchored: Whether a match must begin where the search begins.
  ///   - usesJIT: False leaves the work to the interpreter.
  init(
    _ expression: String, anchored: Bool, usesJIT: Bool = true
  ) throws(PreTokenizationError) {
    let options =
      PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C | (anchored ? PCRE2_ANCHORED : 0)
    var error: Int32 = 0
    var errorOffset = 0
    var expression = expression
    // The pattern is only read, for as long as the call lasts, by its length.
    let compiled = expression.withUTF8 { utf8 in
      unsafe pcre2_compile_8(
        utf8.baseAddress, utf8.count, options, &error, &errorOffset, nil)
    }
    guard let compiled = unsafe compiled else {
      throw .badPattern(message: PCRE2Pattern.message(of: error), offset: errorOffset)
    }
    unsafe code = compiled
    isJITCompiled = unsafe usesJIT && pcre2_jit_compile_8(compiled, PCRE2_JIT_COMPLETE) == 0
    // Both answers are 32 bits wide, as PCRE2 documents.
    var groups: UInt32 = 0
    var empty: UInt32 = 1
    unsafe pcre2_pattern_info_8(compiled, UInt32(PCRE2_INFO_CAPTURECOUNT), &groups)
    unsafe pcre2_pattern_info_8(compiled, UInt32(PCRE2_INFO_MATCHEMPTY), &empty)
    pairCount = groups + 1
    canMatchEmpty = empty != 0
  }

  deinit { unsafe pcre2_code_free_8(code) }

  /// The bytes that a match may begin with; nil where PCRE2 does not tell, or knows the one character that it is.
  var firstBytes: [Bool]? {
    var bitmap: UnsafePointer<UInt8>?
    let status = unsafe pcre2_pattern_info_8(code, UInt32(PCRE2_INFO_FIRSTBITMAP), &bitmap)
    guard status == 0, let bitmap = unsafe bitmap else { return nil }
    // 256 bits, as PCRE2 documents.
    return (0..<256).map { unsafe bitmap[$0 >> 3] >> UInt8($0 & 7) & 1 == 1 }
  }

  /// PCRE2's own words for one of its error codes.
  static func message(of error: Int32) -> String {
    unsafe withTemporaryBuffer { buffer in
      // At most the buffer's length is written, its terminator included.
      let length = unsafe pcre2_get_error_message_8(error, buffer.baseAddress, buffer.count)
      guard length > 0 else { return "error \(error)" }
      return unsafe String(decoding: buffer[..<Int(length)], as: UTF8.self)
    }
  }

  /// The version of Unicode that PCRE2 was built with, "14.0.0" for instance.
  static let libraryUnicodeVersion: String = unsafe withTemporaryBuffer { buffer in
    // Asked without a buffer first, PCRE2 tells how long the answer is.
    let length = pcre2_config_8(UInt32(PCRE2_CONFIG_UNICODE_VERSION), nil)
    guard length > 1, length <= buffer.count else { return "0" }
    unsafe pcre2_config_8(UInt32(PCRE2_CONFIG_UNICODE_VERSION), buffer.baseAddress)
    return unsafe String(decoding: buffer[..<Int(length - 1)], as: UTF8.self)
  }

  /// The major number of `libraryUnicodeVersion`, 0 when it cannot be told.
  static let libraryUnicodeMajor: Int =
    libraryUnicodeVersion.split(separator: ".").first.flatMap { Int($0) } ?? 0

  /// The version of PCRE2 and its date.
  static let libraryVersion: String = unsafe withTemporaryBuffer { buffer in
    let length = pcre2_config_8(UInt32(PCRE2_CONFIG_VERSION), nil)
    guard length > 1, length <= buffer.count else { return "unknown" }
    unsafe pcre2_config_8(UInt32(PCRE2_CONFIG_VERSION), buffer.baseAddress)
    return unsafe String(decoding: buffer[..<Int(length - 1)], as: UTF8.self)
  }

  private static func withTemporaryBuffer(
    _ body: (UnsafeMutableBufferPointer<UInt8>) -> String
  ) -> String {
    unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 256) { buffer in
      unsafe buffer.initialize(repeating: 0)
      return unsafe body(buffer)
    }
  }
}

/// Runs one pattern: owns the offsets that matches are written to, so that each thread has its own.
@safe struct PCRE2Matcher: ~Copyable {
  private let pattern: PCRE2Pattern
  private let matchData: OpaquePointer
  private let context: OpaquePointer
  private let offsets: UnsafeMutablePointer<Int>

  /// Makes room for the matches of `pattern`; throws when there is no memory.
  init(_ pattern: PCRE2Pattern) throws(PreTokenizationError) {
    let data = unsafe pcre2_match_data_create_8(pattern.pairCount, nil)
    let context = unsafe pcre2_match_context_create_8(nil)
    guard let data = unsafe data, let context = unsafe context else {
      unsafe pcre2_match_data_free_8(data)
      unsafe pcre2_match_context_free_8(context)
      throw .matchFailed(message: PCRE2Pattern.message(of: PCRE2_ERROR_NOMEMORY), offset: 0)
    }
    // The usual limit of ten million steps is reached by one pre-token of 10 MB.
    unsafe pcre2_set_match_limit_8(context, UInt32.max)
    unsafe pcre2_set_depth_limit_8(context, UInt32.max)
    self.pattern = pattern
    unsafe matchData = data
    unsafe self.context = context
    unsafe offsets = pcre2_get_ovector_pointer_8(data)
  }

  deinit {
    unsafe pcre2_match_data_free_8(matchData)
    unsafe pcre2_match_context_free_8(context)
  }

  /// Calls `body` with what searches `text`, which is valid UTF-8 and is not checked again.
  @inline(__always)
  mutating func search<Result>(
    _ text: Span<UInt8>,
    _ body: (PCRE2Search) throws(PreTokenizationError) -> Result
  ) throws(PreTokenizationError) -> Result {
    // The text is only read, while the call lasts; so long the pattern and the match data live too.
    try unsafe text.withUnsafeBufferPointer { buffer throws(PreTokenizationError) in
      try body(
        unsafe PCRE2Search(
          code: pattern.code, usesJIT: pattern.isJITCompiled, text: buffer, matchData: matchData,
          context: context, offsets: UnsafePointer(offsets), pairCount: Int(pattern.pairCount)))
    }
  }
}

/// One text that one pattern is run on: the addresses, taken once for many matches. Valid inside of
/// `PCRE2Matcher.search` only.
@safe struct PCRE2Search {
  fileprivate let code: OpaquePointer
  fileprivate let usesJIT: Bool
  fileprivate let text: UnsafeBufferPointer<UInt8>
  fileprivate let matchData: OpaquePointer
  fileprivate let context: OpaquePointer
  fileprivate let offsets: UnsafePointer<Int>
  fileprivate let pairCount: Int

  /// How many groups the pattern has.
  var groupCount: Int { pairCount - 1 }

  /// Matches at `start` or, unless the pattern is anchored, after it; `start` lies between two scalars.
  ///
  /// - Returns: One more than the number of the last group that took part, 0 when nothing matched.
  @inline(__always)
  func match(from start: Int) throws(PreTokenizationError) -> Int {
    // `start` lies inside of the text, which is valid UTF-8 by the contract of `PreTokenizer`; the match data
    // belongs to one matcher and has a pair for each group.
    let count = unsafe text.count
    precondition(start >= 0 && start <= count)
    let result =
      unsafe usesJIT
      ? pcre2_jit_match_8(code, text.baseAddress, count, start, 0, matchData, context)
      : PCRE2_ERROR_JIT_STACKLIMIT
    return result > 0 ? Int(result) : try matchOtherwise(result, start)
  }

  /// What becomes of a match that machine code has not found.
  @inline(never)
  private func matchOtherwise(
    _ result: Int32, _ start: Int
  ) throws(PreTokenizationError) -> Int {
    var result = result
    if result == PCRE2_ERROR_JIT_STACKLIMIT {
      // Nested repeats need more stack than machine code is given: the interpreter keeps its own on the heap.
      result = unsafe pcre2_match_8(
        code, text.baseAddress, text.count, start, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, matchData,
        context)
    }
    if result > 0 { return Int(result) }
    if result == PCRE2_ERROR_NOMATCH { return 0 }
    throw .matchFailed(message: PCRE2Pattern.message(of: result), offset: start)
  }

  /// Where group `group` began in the last match; the group must have taken part in it.
  @inline(__always)
  func start(ofGroup group: Int) -> Int {
    precondition(group >= 0 && group < pairCount)
    // Two offsets for each group, as many as the match data was made for.
    return unsafe offsets[2 * group]
  }

  /// Where group `group` ended in the last match; the group must have taken part in it.
  @inline(__always)
  func end(ofGroup group: Int) -> Int {
    precondition(group >= 0 && group < pairCount)
    // Two offsets for each group, as many as the match data was made for.
    return unsafe offsets[2 * group + 1]
  }
}
