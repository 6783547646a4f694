internal import COpenBLAS

/// The system's BLAS, opened when the first product is made and never closed.
///
/// It is not linked: programs that multiply no matrices do not pay for loading it, and where it is
/// missing the reference loops do its work.
@safe
struct OpenBLAS: @unchecked Sendable {
  // Unchecked: both are written once, before the value is shared.
  let multiply: copenblas_sgemm_function
  let kernel: String

  /// The library, or nil where it cannot be opened.
  static let shared: OpenBLAS? = open()

  private static let names = [
    "libopenblas.so.0", "libopenblas.so", "libopenblas.dylib",
    "/opt/homebrew/opt/openblas/lib/libopenblas.dylib",
    "/System/Library/Frameworks/Accelerate.framework/Accelerate",
  ]

  private static func open() -> OpenBLAS? {
    for name in names {
      guard let library = unsafe dlopen(name, RTLD_NOW | RTLD_LOCAL) else { continue }
      guard let symbol = unsafe dlsym(library, "cblas_sgemm") else {
        _ = unsafe dlclose(library)
        continue
      }
      // The standard fixes the type of cblas_sgemm; the other two names are OpenBLAS's own.
      let multiply = unsafe unsafeBitCast(symbol, to: copenblas_sgemm_function.self)
      // One thread inside: the batch is split over workers, and two pools at once are the slowest.
      if let symbol = unsafe dlsym(library, "openblas_set_num_threads") {
        unsafe unsafeBitCast(symbol, to: copenblas_set_threads_function.self)(1)
      }
      var kernel = name.hasSuffix("Accelerate") ? "Accelerate" : "BLAS"
      if let symbol = unsafe dlsym(library, "openblas_get_corename"),
        let core = unsafe unsafeBitCast(symbol, to: copenblas_corename_function.self)()
      {
        // A static C string of the library's.
        kernel = unsafe "OpenBLAS \(String(cString: core))"
      }
      return unsafe OpenBLAS(multiply: multiply, kernel: kernel)
    }
    return nil
  }
}
