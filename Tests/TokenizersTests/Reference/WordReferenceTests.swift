import TestSupport
import Testing
import Tokenizers

/// Characters and words of the courses' texts, by the numbers of `values.md`.
@Suite(.enabled(if: SharedData.isAvailable, Comment(rawValue: SharedData.hint)))
struct WordReferenceTests {
  @Test
  func charactersOfTinyShakespeare() throws {
    let text = try SharedData.bytes("texts/tinyshakespeare.txt")
    var fitting = VocabularyFitting()
    try fitting.addCharacters(of: text.span, unit: .scalar)
    let (vocabulary, special) = try fitting.vocabulary()
    let tokenizer = Tokenizer(
      model: CharacterModel(vocabulary: vocabulary, unit: .scalar, specialTokens: special))
    #expect(tokenizer.vocabularySize == 65)
    #expect(vocabulary.id(of: Array("\n".utf8)) == 0)
    #expect(vocabulary.id(of: Array(" ".utf8)) == 1)
    #expect(try tokenizer.numbers("hii there") == [46, 47, 47, 1, 58, 46, 43, 56, 43])
    let ids = try tokenizer.numbers(text)
    #expect(ids.prefix(10) == [18, 47, 56, 57, 58, 1, 15, 47, 58, 47])
    let cut = ids.count * 9 / 10
    #expect(cut == 1_003_854)
    #expect(ids.count - cut == 111_540)
    #expect(
      sha256(littleEndian16(Array(ids[..<cut])))
        == "6ec305602a99ac2802745a134e1f5e33e2231b4855525b00b9aebb730ac2626f")
    #expect(
      sha256(littleEndian16(Array(ids[cut...])))
        == "d37d30cc0c8327c270d493299c3dca54135f6d5f1c9ef60cda78076e311204b1")
  }

  @Test
  func wordsOfTheVerdict() throws {
    let text = try SharedData.bytes("texts/the-verdict.txt")
    var fitting = VocabularyFitting()
    try fitting.addWords(of: text.span, splitter: .punctuation, lowercases: false)
    let (plain, _) = try fitting.vocabulary()
    #expect(plain.count == 1130)
    #expect(plain.id(of: Array("!".utf8)) == 0)
    #expect(plain.id(of: Array("\"".utf8)) == 1)
    #expect(plain.id(of: Array("'".utf8)) == 2)
    #expect(plain.id(of: Array("HAD".utf8)) == 44)

    let (vocabulary, special) = try fitting.vocabulary(
      specialTokens: ["<|endoftext|>", "<|unk|>"])
    let tokenizer = Tokenizer(
      model: WordModel(
        vocabulary: vocabulary, splitter: .punctuation, lowercases: false, specialTokens: special),
      specialTokens: special)
    #expect(tokenizer.vocabularySize == 1132)
    #expect(special["<|endoftext|>"] == 1130)
    #expect(special["<|unk|>"] == 1131)
    #expect(try tokenizer.count(text.span) == 4690)
    #expect(
      try tokenizer.numbers(
        "\"It's the last he painted, you know,\"\nMrs. Gisburn said with pardonable pride.")
        == [
          1, 56, 2, 850, 988, 602, 533, 746, 5, 1126, 596, 5, 1, 67, 7, 38, 851, 1108, 754, 793, 7,
        ])
    #expect(
      try tokenizer.numbers(
        "Hello, do you like tea? <|endoftext|> In the sunlit terraces of the palace.",
        special: .allow)
        == [1131, 5, 355, 1126, 628, 975, 10, 1130, 55, 988, 956, 984, 722, 988, 1131, 7])
    #expect(
      try tokenizer.decode(try tokenizer.encode("\"It's the last he painted, you know,\""))
        == "\" It' s the last he painted, you know,\"")
  }
}
