import ArgumentParser
import Tokenizers

/// One process of a comparison with other tokenizers: load, a first pass with cold caches, later ones.
///
/// The first pass of a process and those behind it are different things, and only a new process makes the
/// first kind. `scripts/bench-peers` starts this program and the others in turns and compares the digests.
struct Worker: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "worker",
    abstract: "Encode one text several times in this process; print one JSON object.",
    discussion: """
      Every pass keeps all ids until it ends, as the other programs do. The passes share one encoder and one \
      array for the ids. \
      Loading the vocabulary, reading the text and hashing the ids are outside of the times.
      """)

  @Option(help: "GPT-2's folder, or a rank table.")
  var vocab: String

  @Option(help: "The engine.")
  var engine = "automatic"

  @Option(help: "On how many threads to encode.")
  var threads = 1

  @Option(help: "Passes after the first.")
  var passes = 4

  @Argument(help: "The text.")
  var text: String

  func run() throws {
    guard let engine = Engine(rawValue: engine) else {
      throw ValidationError("there is no engine '\(engine)'")
    }
    let clock = ContinuousClock()
    let begin = clock.now
    let tokenizer = try Tokenizer(contentsOf: vocab, engine: engine)
    // As the others do when they load.
    tokenizer.prepare()
    let load = seconds(clock.now - begin)
    let bytes = try FileBytes.read(text)
    // What a user of the library keeps from text to text: an encoder, and an array that it writes to again.
    let encoder = TextEncoder(tokenizer, threads: threads)
    var ids: [TokenID] = []
    let cold = seconds(try clock.measure { try encoder.encode(bytes.span, into: &ids) })
    let tokens = ids.count
    let hash = digest([ids])
    var warm: [JSONValue] = []
    for _ in 0..<passes {
      ids.removeAll(keepingCapacity: true)
      warm.append(
        .number(seconds(try clock.measure { try encoder.encode(bytes.span, into: &ids) })))
      guard ids.count == tokens else {
        throw WrongAnswer(what: "a later pass gave another number of ids")
      }
    }
    guard digest([ids]) == hash else { throw WrongAnswer(what: "a later pass gave other ids") }
    print(
      JSONValue.members([
        "bytes": .integer(bytes.count), "load": .number(load), "cold": .number(cold),
        "warm": .array(warm), "tokens": .integer(tokens), "sha256": .string(hash),
      ]).compact)
  }
}

/// A duration in seconds.
func seconds(_ duration: Duration) -> Double {
  Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
}
