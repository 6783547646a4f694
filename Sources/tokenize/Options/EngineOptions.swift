import ArgumentParser
import Tokenizers

/// Which code works on text.
struct EngineOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      Which code works on text; what comes out does not depend on it. 'automatic' is the fastest that the \
      machine has, or what $\(Engine.environmentVariable) names; 'tokenize --version' lists them.
      """, valueName: "name"))
  var engine = Engine.automatic

  /// The engine, once it is clear that this machine has it.
  func checked() throws -> Engine { try Self.checked(engine) }

  static func checked(_ chosen: Engine) throws -> Engine {
    if !chosen.isAvailable {
      throw Failure(.usage, "--engine: \(EngineError.unavailable(chosen))")
    }
    return try chosen.resolved()
  }
}
