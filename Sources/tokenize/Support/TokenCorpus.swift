import MiniLM
import Tokenizers

/// Tokens to train on or to evaluate, and the tokenizer that they belong to.
struct TokenCorpus {
  let tokenizer: Tokenizer
  let stream: TokenStream
  /// Bytes of the text that the tokens stand for.
  let byteCount: Int

  /// How many tokens a model must know: ids may have holes.
  static func modelVocabularySize(_ tokenizer: Tokenizer) -> Int {
    Int(tokenizer.vocabulary.largestID.map { $0.rawValue } ?? 0) + 1
  }

  /// The tokens for a model that knows more of them than the tokenizer makes.
  func stream(vocabularySize: Int) throws -> TokenStream {
    if vocabularySize == stream.vocabularySize { return stream }
    return try TokenStream(stream.ids(in: 0..<stream.count), vocabularySize: vocabularySize)
  }

  /// Encodes texts.
  static func encoding(
    _ inputs: [Input], _ tokenizer: Tokenizer, endOfText: TokenID?, threads: Int,
    _ meter: ProgressMeter
  ) throws -> TokenCorpus {
    let encoder = StreamEncoder(tokenizer, threads: threads)
    var ids: [TokenID] = []
    var byteCount = 0
    for input in inputs {
      try input.forEachBlock { block in
        for piece in try encoder.append(block) { ids += piece }
        byteCount += block.count
        meter.update(byteCount)
      }
      do {
        for piece in try encoder.finish() { ids += piece }
      } catch {
        throw Failure.of(input.name, error)
      }
      if let endOfText { ids.append(endOfText) }
    }
    meter.finish(byteCount)
    return TokenCorpus(
      tokenizer: tokenizer,
      stream: try TokenStream(ids, vocabularySize: modelVocabularySize(tokenizer)),
      byteCount: byteCount)
  }

  /// Reads tokens.
  static func reading(
    _ inputs: [Input], _ tokenizer: Tokenizer, format: TokenStreamFormat, _ meter: ProgressMeter
  ) throws -> TokenCorpus {
    var reader = try TokenStreamReader(
      format: format, vocabularySize: modelVocabularySize(tokenizer))
    var done = 0
    for input in inputs {
      try input.forEachBlock { block in
        try reader.append(block.bytes(0..<block.count))
        done += block.count
        meter.update(done)
      }
    }
    let stream: TokenStream
    do {
      stream = try reader.finish()
    } catch {
      throw Failure.of(inputs.last?.name ?? "", error)
    }
    meter.finish(done)
    return TokenCorpus(
      tokenizer: tokenizer, stream: stream, byteCount: byteCount(of: stream, tokenizer))
  }

  /// Bytes of text for each token of a part of the stream; nothing if the part has none.
  ///
  /// A tokenizer of words drops what stands between them: there the whole corpus has to speak for the part.
  func bytesPerToken(of part: TokenStream) -> Double? {
    if tokenizer.model is WordModel {
      return stream.count > 0 && byteCount > 0 ? Double(byteCount) / Double(stream.count) : nil
    }
    let bytes = Self.byteCount(of: part, tokenizer)
    return bytes > 0 ? Double(bytes) / Double(part.count) : nil
  }

  private static func byteCount(of stream: TokenStream, _ tokenizer: Tokenizer) -> Int {
    var lengths = [Int](repeating: 0, count: stream.vocabularySize)
    // A special token stands for no text.
    let special = tokenizer.specialTokens
    for id in tokenizer.vocabulary.tokenIDs where !special.contains(id) {
      lengths[Int(id.rawValue)] = tokenizer.vocabulary.bytes(of: id)?.count ?? 0
    }
    var sum = 0
    for index in 0..<stream.count { sum += lengths[Int(stream[index].rawValue)] }
    return sum
  }
}
