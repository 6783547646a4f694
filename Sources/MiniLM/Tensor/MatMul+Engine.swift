internal import CKernels

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

extension MatMul {
  /// What multiplies; the raw value is what the environment variable `MINILM_MATMUL` says.
  public enum Engine: String, CaseIterable, Sendable {
    /// The first of those below that this machine has.
    case automatic
    /// The matrix unit of the processor (AMX), float32 numbers in three parts of bfloat16.
    case matrixUnit = "amx"
    /// Multiply-adds of the processor's vectors (AVX-512, or AVX2 with FMA).
    case vectors
    /// OpenBLAS, or Accelerate on macOS.
    case blas
    /// The loops that the others are tested against.
    case reference
  }

  /// The engines that this machine can use, the fastest first.
  public static var available: [Engine] {
    var engines: [Engine] = []
    if minilm_has_matrix_unit() == 1 { engines.append(.matrixUnit) }
    if minilm_has_vectors() == 1 { engines.append(.vectors) }
    if OpenBLAS.shared != nil { engines.append(.blas) }
    return engines + [.reference]
  }

  /// What `automatic` stands for here: what `MINILM_MATMUL` asks for, if the machine has it, or the fastest.
  /// BLAS is opened only where it is wanted.
  static let chosen: Engine = {
    // getenv gives a C string that is copied at once.
    let wanted = unsafe getenv("MINILM_MATMUL").map { unsafe String(cString: $0) }
    let engine = wanted.flatMap(Engine.init(rawValue:)) ?? .automatic
    if engine == .reference { return .reference }
    if engine != .blas {
      if engine != .vectors, minilm_has_matrix_unit() == 1 { return .matrixUnit }
      if minilm_has_vectors() == 1 { return .vectors }
    }
    return OpenBLAS.shared == nil ? .reference : .blas
  }()

  /// What `automatic` uses here for products of a precision, for a log: "AMX, …", "AVX-512, …", "OpenBLAS SkylakeX", or
  /// the loops and why.
  public static func engineDescription(_ precision: Precision = .float32) -> String {
    switch chosen {
    case .matrixUnit: return "AMX, float32 in three parts of bfloat16"
    case .vectors:
      let isRounded = precision == .bfloat16 && has(.bfloat16)
      return "\(Kernels.levelDescription), \(isRounded ? "bfloat16 with sums in " : "")float32"
    case .blas: if let blas = OpenBLAS.shared { return blas.kernel }
    case .automatic, .reference: break
    }
    return "reference loops (no BLAS library was opened; install libopenblas for speed)"
  }

  /// Whether `automatic` is faster than the loops.
  public static var isAccelerated: Bool { chosen != .reference }
}
