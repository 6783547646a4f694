import MiniLM
import Tokenizers

/// A tokenizer of the characters or words that texts hold, and what it makes of them.
struct FittedTokenizer {
  enum Kind {
    case characters(CharacterModel.Unit)
    case words(WordModel.Splitter, lowercases: Bool)
  }

  let tokenizer: Tokenizer
  let tokenCount: Int
  /// The texts: fitting looks at them twice.
  private let documents: [[UInt8]]

  /// Reads the corpus and fits a tokenizer to it.
  init(
    kind: Kind, _ corpus: CorpusReader, invalidUTF8: InvalidUTF8Policy, specialTokens: [String],
    threads: Int
  ) throws {
    var fitting = VocabularyFitting()
    var documents: [[UInt8]] = []
    var text: [UInt8] = []
    try corpus.read(
      append: { bytes in
        // The pointer is not kept.
        unsafe bytes.withUnsafeBufferPointer { unsafe text.append(contentsOf: $0) }
      },
      endDocument: {
        var document: [UInt8] = []
        swap(&document, &text)
        if invalidUTF8 == .replace {
          document = RepairedText(repairing: document.span).bytes
        }
        switch kind {
        case .characters(let unit): try fitting.addCharacters(of: document.span, unit: unit)
        case .words(let splitter, let lowercases):
          try fitting.addWords(of: document.span, splitter: splitter, lowercases: lowercases)
        }
        documents.append(document)
      })
    guard fitting.distinctCount > 0 else { throw TrainingError.emptyCorpus }
    do {
      let (vocabulary, special) = try fitting.vocabulary(specialTokens: specialTokens)
      switch kind {
      case .characters(let unit):
        tokenizer = Tokenizer(
          model: CharacterModel(vocabulary: vocabulary, unit: unit, specialTokens: special),
          specialTokens: special)
      case .words(let splitter, let lowercases):
        tokenizer = Tokenizer(
          model: WordModel(
            vocabulary: vocabulary, splitter: splitter, lowercases: lowercases,
            specialTokens: special), specialTokens: special)
      }
    } catch {
      throw TrainingError.unusableSpecialTokens(error)
    }
    var count = 0
    for document in documents { count += try tokenizer.count(document.span, threads: threads) }
    self.documents = documents
    tokenCount = count
  }

  /// The texts as tokens.
  func corpus(endOfText: Bool, threads: Int) throws -> TokenCorpus {
    var ids: [TokenID] = []
    ids.reserveCapacity(tokenCount + documents.count)
    var byteCount = 0
    for document in documents {
      ids += try tokenizer.encode(document.span, threads: threads)
      byteCount += document.count
      if endOfText, let id = tokenizer.specialTokens.endOfText { ids.append(id) }
    }
    return TokenCorpus(
      tokenizer: tokenizer,
      stream: try TokenStream(ids, vocabularySize: tokenizer.vocabularySize), byteCount: byteCount)
  }
}
