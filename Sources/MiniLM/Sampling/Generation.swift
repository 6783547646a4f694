public import Tokenizers

extension LanguageModel {
  /// Goes on from `prompt` by at most `count` tokens, which are given to `body` one by one as they
  /// come and returned together; `body` ends it early by returning false.
  ///
  ///     var random = RandomGenerator(seed: 7)
  ///     let more = try model.generate(after: prompt, count: 100, sampler: .greedy, &random)
  public func generate(
    after prompt: [TokenID], count: Int, sampler: Sampler, _ random: inout RandomGenerator,
    body: (TokenID) -> Bool = { _ in true }
  ) throws(MiniLMError) -> [TokenID] {
    try check(prompt, count: count)
    let predictor = try makePredictor()
    var context = prompt
    var new = prompt
    var generated: [TokenID] = []
    for _ in 0..<count {
      let id = try sampler.choose(try predictor.logits(appending: new), after: context, &random)
      generated.append(id)
      if sampler.repetitionPenalty != nil { context.append(id) }
      new = [id]
      if !body(id) { break }
    }
    return generated
  }

  /// Several texts that go on from one prompt, side by side: each takes its chance from a generator of its
  /// own, and is the one that `generate` gives with that generator alone.
  ///
  ///     var randoms = (0..<3).map { RandomGenerator(seed: 7 + $0) }
  ///     let three = try model.generate(after: prompt, count: 100, sampler: sampler, &randoms)
  ///
  /// `body` is given a text's number and its next token; a text ends early where it returns false. Texts come
  /// in groups of at most `textsAtOnce`, one group after the other, and the parameters are read once for a
  /// token of each text in the group.
  public func generate(
    after prompt: [TokenID], count: Int, sampler: Sampler, _ randoms: inout [RandomGenerator],
    body: (Int, TokenID) -> Bool = { _, _ in true }
  ) throws(MiniLMError) -> [[TokenID]] {
    try check(prompt, count: count)
    var generated = [[TokenID]](repeating: [], count: randoms.count)
    if count == 0 { return generated }
    var first = 0
    while first < randoms.count {
      let size = Swift.min(textsAtOnce, randoms.count - first)
      let predictor = try makeGroupPredictor(count: size)
      let opening = try predictor.begin(with: prompt)
      var logits = [[Float]](repeating: opening, count: size)
      // The texts of the group that go on, in order.
      var going = Array(0..<size)
      while !going.isEmpty {
        var next: [(text: Int, id: TokenID)] = []
        for (place, text) in going.enumerated() {
          let number = first + text
          let context = sampler.repetitionPenalty == nil ? [] : prompt + generated[number]
          let id = try sampler.choose(logits[place], after: context, &randoms[number])
          generated[number].append(id)
          if body(number, id), generated[number].count < count { next.append((text, id)) }
        }
        going = next.map(\.text)
        logits = next.isEmpty ? [] : try predictor.logits(appending: next)
      }
      first += size
    }
    return generated
  }

  private func check(_ prompt: [TokenID], count: Int) throws(MiniLMError) {
    guard count >= 0 else {
      throw .invalidOption(name: "token count", value: "\(count)", expected: "0 or more")
    }
    if prompt.isEmpty { throw .emptyPrompt }
    if let position = prompt.firstIndex(where: { $0.rawValue >= vocabularySize }) {
      throw .tokenOutOfRange(
        id: UInt64(prompt[position].rawValue), position: position, vocabularySize: vocabularySize)
    }
  }
}
