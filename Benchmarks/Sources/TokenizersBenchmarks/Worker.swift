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
      Every pass keeps all ids until it ends, as the other programs do. The passes share one encoder, and \
      on one thread one array for the ids. \
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
    var run = EncodingRun(tokenizer, threads: threads)
    let cold = seconds(try clock.measure { try run.encode(bytes.span) })
    let tokens = run.count
    let hash = digest(run.ids)
    var warm: [JSONValue] = []
    for _ in 0..<passes {
      run.forget()
      warm.append(.number(seconds(try clock.measure { try run.encode(bytes.span) })))
      guard run.count == tokens else {
        throw WrongAnswer(what: "a later pass gave another number of ids")
      }
    }
    guard digest(run.ids) == hash else { throw WrongAnswer(what: "a later pass gave other ids") }
    print(
      JSONValue.members([
        "bytes": .integer(bytes.count), "load": .number(load), "cold": .number(cold),
        "warm": .array(warm), "tokens": .integer(tokens), "sha256": .string(hash),
      ]).compact)
  }
}

/// What a user of the library keeps from text to text: on one thread an encoder and an array that it writes
/// to again, on several a stream.
private struct EncodingRun {
  private enum Encoder {
    case text(TextEncoder)
    case stream(StreamEncoder)
  }

  private let encoder: Encoder
  private(set) var ids: [[TokenID]] = [[]]

  init(_ tokenizer: Tokenizer, threads: Int) {
    encoder =
      threads == 1
      ? .text(TextEncoder(tokenizer)) : .stream(StreamEncoder(tokenizer, threads: threads))
  }

  var count: Int { ids.reduce(0) { $0 + $1.count } }

  mutating func forget() {
    if case .text = encoder {
      ids[0].removeAll(keepingCapacity: true)
    } else {
      ids = []
    }
  }

  mutating func encode(_ text: Span<UInt8>) throws {
    switch encoder {
    case .text(let encoder): try encoder.encode(text, into: &ids[0])
    case .stream(let encoder): ids = try encoder.append(text) + encoder.finish()
    }
  }
}

/// A duration in seconds.
func seconds(_ duration: Duration) -> Double {
  Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
}
