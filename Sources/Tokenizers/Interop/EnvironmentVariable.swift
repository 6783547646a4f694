#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Variables of the process's environment.
enum EnvironmentVariable {
  /// The value of a variable, nil where it is not set.
  static func value(_ name: String) -> String? {
    // The answer is copied before anything could change the environment.
    unsafe getenv(name).map { unsafe String(cString: $0) }
  }
}
