internal import CKernels

/// Which code does the work on text. All engines give the same ids; they differ in speed.
///
///     let tokenizer = try Tokenizer(contentsOf: "vocabs/gpt2", engine: .portable)
///     print(Engine.available)  // [reference, portable, baseline, avx2, avx512] on some machine
///
/// The environment variable `TOKENIZE_ENGINE` says what `automatic` stands for; without it that is the
/// fastest engine that the processor has.
public enum Engine: String, Hashable, Sendable, CaseIterable {
  /// The fastest there is, or what `TOKENIZE_ENGINE` names.
  case automatic
  /// PCRE2 splits: it runs any pattern and defines what is right.
  case reference
  /// Kernels in C that need no instructions of any processor: 64 bytes at a time in words of 64 bits. For patterns
  /// without kernels PCRE2; the same goes for the engines below.
  case portable
  /// The same with what every processor of its kind has: SSE2 on x86-64, NEON on 64-bit ARM.
  case baseline
  /// The same with AVX2, on x86-64.
  case avx2
  /// The same with AVX-512 (BW, VL and VBMI2), on x86-64.
  case avx512

  /// The variable of the environment that says what `automatic` stands for.
  public static let environmentVariable = "TOKENIZE_ENGINE"

  /// The engines that this machine has, the slowest first; `automatic` is none of them.
  public static let available: [Engine] = allCases.filter { $0 != .automatic && $0.isAvailable }

  /// Whether this machine has what the engine needs.
  public var isAvailable: Bool {
    switch self {
    case .automatic, .reference, .portable, .baseline: true
    case .avx2: Self.kernelLevel >= Int32(SPLIT_AVX2)
    case .avx512: Self.kernelLevel >= Int32(SPLIT_AVX512)
    }
  }

  /// The engine that runs: itself, or what `automatic` stands for.
  ///
  /// - Throws: `EngineError` if this machine does not have it, or if `TOKENIZE_ENGINE` names none.
  public func resolved() throws(EngineError) -> Engine {
    var engine = self
    if engine == .automatic {
      let named = EnvironmentVariable.value(Self.environmentVariable) ?? ""
      if !named.isEmpty {
        guard let found = Engine(rawValue: named) else { throw .unknown(named) }
        // `automatic` there means the fastest.
        engine = found
      }
    }
    if engine == .automatic, let best = Self.available.last { return best }
    guard engine.isAvailable else { throw .unavailable(engine) }
    return engine
  }

  /// The highest level of the kernels on this processor.
  private static let kernelLevel = split_best_level()
}

/// Why an engine cannot be used.
public enum EngineError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The environment variable names no engine.
  case unknown(String)
  /// The processor, or the build, does not have what the engine needs.
  case unavailable(Engine)

  /// One sentence: what was asked for, and what there is.
  public var description: String {
    let there = Engine.available.map(\.rawValue).joined(separator: ", ")
    return switch self {
    case .unknown(let name):
      "\(Engine.environmentVariable) is '\(name)', which is no engine; this machine has \(there),"
        + " and automatic takes the fastest"
    case .unavailable(let engine):
      "this machine does not have the engine '\(engine.rawValue)'; it has \(there)"
    }
  }
}
