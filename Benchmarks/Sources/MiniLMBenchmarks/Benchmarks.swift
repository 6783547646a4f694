import ArgumentParser
import MiniLM
import Tokenizers

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Times the small language models on random tokens; one JSON object for each run.
///
/// scripts/bench-lm runs it beside PyTorch, in turns.
@main
struct Benchmarks: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "MiniLMBenchmarks", subcommands: [Step.self, Sample.self])

  /// Seconds by a clock that only goes forward.
  static var now: Double {
    var time = timespec()
    // A local of the right type.
    _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }

  static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    return sorted.isEmpty ? .nan : sorted[sorted.count / 2]
  }

  struct Step: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "The median time of a training step.")

    @Option(help: "nanogpt-cpu, baby-gpt, tiny-gpt.") var preset = "nanogpt-cpu"
    @Option(help: "Workers.") var threads = 1
    @Option(help: "Steps to time, after two that are not.") var steps = 40
    @Option(help: "Tokens of the vocabulary.") var vocabulary = 65
    @Option(help: "float32, bfloat16.") var precision = "float32"

    func run() throws {
      guard let recipe = TrainingPreset(rawValue: preset) else {
        throw ValidationError("no such preset")
      }
      guard let precision = Precision(rawValue: precision) else {
        throw ValidationError("no such precision")
      }
      if !MatMul.has(precision) { throw ValidationError("no such products here") }
      var options = recipe.options
      options.threads = threads
      options.precision = precision
      options.steps = max(options.steps, steps + 2)
      options.transformer.dropout = 0
      var random = RandomGenerator(seed: 1)
      let ids = (0..<200_000).map { _ in TokenID(UInt32(random.integer(below: vocabulary))) }
      let stream = try TokenStream(ids, vocabularySize: vocabulary)
      let trainer = try Trainer(options: options, training: stream, validation: stream[0..<0])
      var times: [Double] = []
      for step in 0..<steps + 2 {
        let start = Benchmarks.now
        _ = try trainer.makeStep()
        if step >= 2 { times.append(Benchmarks.now - start) }
      }
      print(
        #"{"preset":"\#(preset)","threads":\#(threads),"steps":\#(steps),"milliseconds":\#(1000 * Benchmarks.median(times)),"engine":"\#(MatMul.engineDescription(precision))"}"#
      )
    }
  }

  struct Sample: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Tokens sampled in a second.")

    @Option(help: "nanogpt-cpu, baby-gpt, tiny-gpt.") var preset = "nanogpt-cpu"
    @Option(help: "Tokens of a sample.") var tokens = 63
    @Option(help: "Samples.") var count = 20
    @Option(help: "Texts of a sample, side by side.") var texts = 1
    @Option(help: "Tokens of the vocabulary.") var vocabulary = 65

    func run() throws {
      guard let recipe = TrainingPreset(rawValue: preset) else {
        throw ValidationError("no such preset")
      }
      if texts < 1 { throw ValidationError("no texts") }
      let model = try recipe.options.configuration(vocabularySize: vocabulary).makeModel()
      var random = RandomGenerator(seed: 1)
      model.initialize(&random)
      let sampler = try Sampler(temperature: 0.8, topK: min(200, vocabulary))
      var times: [Double] = []
      for sample in 0..<count {
        var randoms = (0..<texts).map { RandomGenerator(seed: UInt64(sample * texts + $0)) }
        var first = randoms.first ?? random
        let start = Benchmarks.now
        let written =
          texts == 1
          ? [try model.generate(after: [1], count: tokens, sampler: sampler, &randoms[0])]
          : try model.generate(after: [1], count: tokens, sampler: sampler, &randoms)
        times.append(Benchmarks.now - start)
        // The same as alone, and as long as was asked for.
        let alone = try model.generate(after: [1], count: tokens, sampler: sampler, &first)
        guard written.first == alone, written.allSatisfy({ $0.count == tokens }) else {
          throw ValidationError("texts side by side are not those written alone")
        }
      }
      let rate = Double(texts * tokens) / Benchmarks.median(times)
      print(
        #"{"preset":"\#(preset)","tokens":\#(tokens),"texts":\#(texts),"tokensPerSecond":\#(rate)}"#
      )
    }
  }
}
