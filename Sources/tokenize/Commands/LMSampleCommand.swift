import ArgumentParser
import MiniLM
import Tokenizers

/// `tokenize lm sample`
struct LMSampleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sample",
    abstract: "Let a trained model write.",
    discussion: """
      The text appears as it comes, in whole characters. It begins with the prompt; without one the model \
      begins by itself. It ends after --max-tokens, before a --stop text, or with the model's \
      end-of-text token. The same --seed gives the same text; without one each run gives another.

      Several samples are written side by side, which takes less time than one after the other, and are \
      separated by a line of three dashes. The second is the text that a seed one higher gives, the third \
      that of a seed two higher, and so on.

      Examples:
        tokenize lm sample runs/corpus --prompt "The " --max-tokens 200
        tokenize lm sample runs/corpus --prompt "The " --temperature 0.8 --top-k 40 --count 3 --seed 7
      """)

  @Argument(help: ArgumentHelp("The folder of the run.", valueName: "run"), completion: .directory)
  var folder: String

  @Option(help: ArgumentHelp("The text to go on from.", valueName: "text"))
  var prompt: String?

  @Option(
    help: ArgumentHelp(
      "Below 1 the likely gets likelier; 0 takes the most likely token each time.", valueName: "x"))
  var temperature = 1.0

  @Option(help: ArgumentHelp("Choose among this many most likely tokens.", valueName: "n"))
  var topK: Int?

  @Option(
    help: ArgumentHelp(
      "Choose among the most likely tokens that reach this probability together.", valueName: "x"))
  var topP: Double?

  @Option(
    help: ArgumentHelp(
      "Leave out tokens with less than this part of the likeliest one's probability.",
      valueName: "x"))
  var minP: Double?

  @Option(
    help: ArgumentHelp(
      "Above 1, tokens that the text has already become less likely.", valueName: "x"))
  var repetitionPenalty: Double?

  @Option(
    name: .customLong("stop"), parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "End before this text; may be given several times.", valueName: "text"))
  var stops: [String] = []

  @Option(help: "The model after the last step, or the one with the lowest validation loss.")
  var checkpoint = RunFolder.Which.last

  @Option(
    help: ArgumentHelp("The tokenizer, where the folder has none.", valueName: "name|path"),
    completion: .custom(completeVocabulary))
  var vocab: String?

  @Option(help: ArgumentHelp("The most tokens to add.", valueName: "n"))
  var maxTokens = 200

  @Option(
    name: [.long, .customLong("samples")], help: ArgumentHelp("How many samples.", valueName: "n"))
  var count = 1

  @Option(
    help: ArgumentHelp(
      "Where all chance of the first sample comes from; each further one counts one up.",
      valueName: "n"))
  var seed: UInt64?

  @OptionGroup var output: OutputOptions
  @OptionGroup var reporting: RunOptions

  private static let mostSamples = 1_000_000

  func validate() throws {
    if maxTokens < 0 { throw ValidationError("--max-tokens is \(maxTokens); 0 or more expected") }
    if stops.contains("") { throw ValidationError("--stop: a text expected, '' met") }
    if !(0...Self.mostSamples).contains(count) {
      throw ValidationError("--count is \(count); 0 to \(Self.mostSamples) expected")
    }
  }

  func run() throws {
    let sampler = try Sampler(
      temperature: temperature, topK: topK, topP: topP, minP: minP,
      repetitionPenalty: repetitionPenalty)
    let run = RunFolder(path: folder)
    let tokenizer = try run.loadTokenizer(vocab)
    let model = try run.loadModel(checkpoint, for: tokenizer)
    let start: [TokenID]
    do {
      start = try prompt.map { try tokenizer.encode($0) } ?? []
    } catch {
      throw Failure(.badData, "--prompt: \(error)")
    }
    let output = try output.open()
    let seed = seed ?? UInt64.random(in: .min ... .max)
    var randoms = (0..<count).map { RandomGenerator(seed: seed &+ UInt64($0)) }
    var texts = try SampledTexts(
      count: count, limit: maxTokens, stops: stops, prompt: start, tokenizer, output)
    var failure: (any Error)?
    _ = try model.generate(
      after: start.isEmpty ? [beginning(tokenizer)] : start, count: maxTokens, sampler: sampler,
      &randoms
    ) { text, id in
      do {
        return try failure == nil && texts.append(id, to: text)
      } catch {
        failure = error
        return false
      }
    }
    if let failure { throw failure }
    try output.finish()
  }

  /// What a text without a prompt follows: the end of another one, or of a line.
  private func beginning(_ tokenizer: Tokenizer) -> TokenID {
    tokenizer.specialTokens.endOfText ?? tokenizer.vocabulary.id(of: [0x0A])
      ?? tokenizer.vocabulary.tokenIDs.first ?? 0
  }
}
