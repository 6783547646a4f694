internal import CPCRE2

/// The libraries of the system that this was built with, for those who report a problem.
public enum LibraryVersions {
  /// PCRE2's version, its Unicode, and whether it makes machine code.
  public static var pcre2: String {
    var hasJIT: UInt32 = 0
    // The answer is one 32-bit number.
    _ = unsafe pcre2_config_8(UInt32(PCRE2_CONFIG_JIT), &hasJIT)
    let version =
      PCRE2Pattern.libraryVersion.split(separator: " ").first.map(String.init) ?? "unknown"
    return "\(version) (Unicode \(PCRE2Pattern.libraryUnicodeVersion), "
      + (hasJIT == 1 ? "JIT)" : "without JIT)")
  }

  /// The Unicode of the ICU that this was built with.
  public static var icuUnicode: String { ICUText.unicodeVersion }
}
