// swift-tools-version: 6.2
import PackageDescription

// Apart from the library, so that what benchmarks need never reaches its users.
let package = Package(
  name: "Benchmarks",
  platforms: [.macOS(.v26)],
  dependencies: [
    .package(name: "tokenize", path: ".."),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-crypto", "4.0.0"..<"5.0.0"),
  ],
  targets: [
    .systemLibrary(
      name: "CPatternLibrary", pkgConfig: "libpcre2-8",
      providers: [.apt(["libpcre2-dev"]), .brew(["pcre2"])]),
    // A loop over pcre2_jit_match: what the library's use of PCRE2 is held against.
    .target(name: "CPatternLoop", dependencies: ["CPatternLibrary"]),
    .executableTarget(
      name: "TokenizersBenchmarks",
      dependencies: [
        "CPatternLoop",
        .product(name: "Tokenizers", package: "tokenize"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Crypto", package: "swift-crypto"),
      ],
      swiftSettings: [
        .strictMemorySafety(), .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
      ]),
    .executableTarget(
      name: "MiniLMBenchmarks",
      dependencies: [
        .product(name: "MiniLM", package: "tokenize"),
        .product(name: "Tokenizers", package: "tokenize"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: [
        .strictMemorySafety(), .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
      ]),
  ],
  swiftLanguageModes: [.v6]
)
