import Foundation
import TestSupport
import Testing

@testable import Tokenizers

@Suite struct EngineTests {
  @Test func thoseForAnyProcessorAreThere() {
    #expect(Engine.available.starts(with: [.reference, .portable, .baseline]))
    #expect(!Engine.available.contains(.automatic))
    for engine in Engine.allCases where engine != .automatic {
      #expect(Engine.available.contains(engine) == engine.isAvailable)
    }
  }

  /// Linux lists what a processor has; elsewhere there is nothing to compare with.
  static let processors = try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)

  @Test(.enabled(if: processors != nil, "no list of what the processor has"))
  func theyAreWhatTheProcessorSays() throws {
    let text = try #require(Self.processors)
    let line = text.split(separator: "\n").first { $0.hasPrefix("flags") } ?? ""
    let flags = Set(line.split(separator: " ").map(String.init))
    #expect(Engine.avx2.isAvailable == flags.isSuperset(of: ["avx2", "bmi2"]))
    #expect(
      Engine.avx512.isAvailable
        == flags.isSuperset(
          of: ["avx2", "bmi2", "avx512bw", "avx512vl", "avx512_vbmi2"]))
  }

  @Test(arguments: Engine.available)
  func eachRunsWhatItIsCalled(_ engine: Engine) throws {
    #expect(try engine.resolved() == engine)
    let gpt2 = try engine.makePreTokenizer(for: .gpt2)
    switch engine {
    case .reference: #expect(gpt2 is PatternPreTokenizer)
    default: #expect((gpt2 as? MaskScanner)?.level == MaskScanner.Level(engine))
    }
    // An expression has no other engine; what comes behind it has.
    let own = try engine.makePreTokenizer(for: SplitPattern(expression: "a+"))
    #expect((own as? PatternPreTokenizer)?.level == MaskScanner.Level(engine))
  }

  @Test func automaticIsTheFastestOrTheNamedOne() throws {
    let named = ProcessInfo.processInfo.environment[Engine.environmentVariable] ?? ""
    let expected = named.isEmpty ? Engine.available.last : Engine(rawValue: named)
    #expect(try Engine.automatic.resolved() == expected)
  }

  @Test(arguments: Engine.allCases.filter { !$0.isAvailable })
  func whatIsNotThereIsRefused(_ engine: Engine) {
    #expect(throws: EngineError.unavailable(engine)) { try engine.resolved() }
    #expect(throws: PreTokenizationError.engine(.unavailable(engine))) {
      _ = try engine.makePreTokenizer(for: .gpt2)
    }
  }

  @Test func messagesSayWhatThereIs() {
    #expect(
      "\(EngineError.unknown("fast"))".hasPrefix("TOKENIZE_ENGINE is 'fast', which is no engine"))
    #expect("\(EngineError.unavailable(.avx512))".contains("'avx512'; it has reference, portable"))
  }
}
