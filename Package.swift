// swift-tools-version: 6.2
import PackageDescription

// Every Swift target is built alike: strict memory safety, so that each raw access is spelled `unsafe`,
// and no warning left standing.
let settings: [SwiftSetting] = [
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

// What pkg-config calls the libraries to link. Where they are among the system's own it would name that folder before
// the one from which `make` links archives.
#if os(macOS)
  let icuPackage: String? = "icu-uc"
  let pcre2Package: String? = "libpcre2-8"
#else
  let icuPackage: String? = nil
  let pcre2Package: String? = nil
#endif

let package = Package(
  name: "tokenize",
  platforms: [.macOS(.v26)],  // Span, UTF8Span and InlineArray of the standard library.
  products: [
    .library(name: "Tokenizers", targets: ["Tokenizers"]),
    .library(name: "MiniLM", targets: ["MiniLM"]),
    .executable(name: "tokenize", targets: ["tokenize"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    // SHA-256: of inputs in manifests (the program), of answers (the tests).
    .package(url: "https://github.com/apple/swift-crypto", "4.0.0"..<"5.0.0"),
  ],
  targets: [
    // System libraries, each behind a shim header and one owner in Swift.
    .systemLibrary(
      name: "CPCRE2", pkgConfig: pcre2Package,
      providers: [.apt(["libpcre2-dev"]), .brew(["pcre2"])]),
    // Linked on macOS; elsewhere loaded when grapheme clusters are asked for.
    .systemLibrary(
      name: "CICU", pkgConfig: icuPackage,
      providers: [.apt(["libicu-dev"]), .brew(["icu4c"])]),
    // Not linked: loaded when a model is trained, so that the tokenizer's verbs do not pay for it.
    .systemLibrary(
      name: "COpenBLAS",
      providers: [.apt(["libopenblas-dev"]), .brew(["openblas"])]),

    // Not linked: loaded when a compressed text is read.
    .systemLibrary(
      name: "CCompression",
      providers: [.apt(["zlib1g", "libzstd1"]), .brew(["zstd"])]),

    // ICU behind functions of our own: none of its types reaches Swift, where Foundation's ICU has others of
    // the same names.
    .target(name: "ICUShim", dependencies: ["CICU"]),

    // What Swift cannot say: generated tables and, later, vector instructions.
    .target(name: "CKernels"),

    .target(
      name: "Tokenizers", dependencies: ["CPCRE2", "ICUShim", "CCompression", "CKernels"],
      swiftSettings: settings),
    .target(
      name: "MiniLM", dependencies: ["Tokenizers", "COpenBLAS", "CKernels"],
      swiftSettings: settings),
    .executableTarget(
      name: "tokenize",
      dependencies: [
        "Tokenizers", "MiniLM",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Crypto", package: "swift-crypto"),
      ],
      swiftSettings: settings),

    .target(
      name: "TestSupport",
      dependencies: ["Tokenizers", .product(name: "Crypto", package: "swift-crypto")],
      path: "Tests/TestSupport",
      swiftSettings: settings),
    .testTarget(
      name: "TokenizersTests", dependencies: ["Tokenizers", "TestSupport"], swiftSettings: settings),
    .testTarget(
      name: "MiniLMTests", dependencies: ["MiniLM", "Tokenizers", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "TokenizeTests", dependencies: ["tokenize", "TestSupport"], swiftSettings: settings),
  ],
  swiftLanguageModes: [.v6]
)
