import TestSupport
import Testing
import Tokenizers

/// Characters: scalars and grapheme clusters.
struct CharacterModelTests {
  private func fit(
    _ text: String, _ unit: CharacterModel.Unit = .scalar, _ special: [String] = []
  ) throws -> Tokenizer {
    var fitting = VocabularyFitting()
    try fitting.addCharacters(of: Array(text.utf8).span, unit: unit)
    let (vocabulary, tokens) = try fitting.vocabulary(specialTokens: special)
    return Tokenizer(
      model: CharacterModel(vocabulary: vocabulary, unit: unit, specialTokens: tokens),
      specialTokens: tokens)
  }

  @Test
  func sortedByCodePoint() throws {
    let tokenizer = try fit("hello 日\u{1F600}é")
    #expect(
      tokenizer.vocabulary.tokenIDs.map {
        String(decoding: tokenizer.vocabulary.bytes(of: $0)!, as: UTF8.self)
      }
        == [" ", "e", "h", "l", "o", "é", "日", "\u{1F600}"])
    let ids = try tokenizer.encode("olé 日")
    #expect(ids == [4, 3, 5, 0, 6])
    #expect(try tokenizer.decode(ids) == "olé 日")
  }

  @Test
  func specialTokensSurroundOnRequest() throws {
    let tokenizer = try fit("abc", .scalar, ["<pad>", "<unk>", "<bos>", "<eos>"])
    #expect(tokenizer.vocabularySize == 7)
    #expect(try tokenizer.encode("ab") == [0, 1])
    let ids = try tokenizer.encode("ab", addSpecialTokens: true)
    #expect(ids == [5, 0, 1, 6])
    #expect(try tokenizer.decode(ids) == "<bos>ab<eos>")
    #expect(try tokenizer.decode(ids, skipSpecialTokens: true) == "ab")
    #expect(try tokenizer.encode("azb") == [0, 4, 1])
  }

  @Test
  func anUnknownCharacterIsAnErrorWithoutUnk() throws {
    let tokenizer = try fit("abc")
    #expect(throws: TokenizerError.unknownCharacter("z", offset: 2)) { try tokenizer.encode("abz") }
    #expect(throws: TokenizerError.invalidUTF8(offset: 1)) {
      try tokenizer.encode([0x61, 0xFF].span)
    }
  }

  /// Canonically equivalent spellings are different characters.
  @Test
  func composedAndDecomposedAreNotTheSame() throws {
    let tokenizer = try fit("\u{E9}e\u{301}")
    #expect(tokenizer.vocabularySize == 3)
    #expect(try tokenizer.encode("\u{E9}") != tokenizer.encode("e\u{301}"))
  }

  @Test
  func graphemeClustersAreOneToken() throws {
    let family = "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}"
    let tokenizer = try fit("e\u{301}x\(family)\r\n", .grapheme)
    #expect(tokenizer.vocabularySize == 4)
    let ids = try tokenizer.encode("\(family)x\r\ne\u{301}")
    #expect(ids.count == 4)
    #expect(try tokenizer.decode(ids) == "\(family)x\r\ne\u{301}")
  }

  /// A special token of one character is not made from text by either unit.
  @Test(arguments: [CharacterModel.Unit.scalar, .grapheme])
  func specialCharactersAreNotInjected(_ unit: CharacterModel.Unit) throws {
    let tokenizer = try fit("ab🏁", unit, ["🏁"])
    #expect(throws: TokenizerError.unknownCharacter("🏁", offset: 1)) {
      try tokenizer.encode("a🏁b")
    }
    #expect(try tokenizer.encode("a🏁b", special: .allow) == [0, 2, 1])
  }

  /// Offsets are those of the caller's bytes, also where these were repaired first.
  @Test
  func offsetsAfterRepairAreTheOriginalOnes() throws {
    let tokenizer = try fit("ab\u{FFFD}")
    let bytes: [UInt8] = [0xFF, 0xFF, 0xFF, 0x61, 0x62, 0x21]
    #expect(throws: TokenizerError.unknownCharacter("!", offset: 5)) {
      try tokenizer.encode(bytes.span, options: EncodingOptions(invalidUTF8: .replace))
    }
  }

  @Test(arguments: [CharacterModel.Unit.scalar, .grapheme])
  func streamingThreadsAndFiles(_ unit: CharacterModel.Unit) throws {
    let tokenizer = try SmallTokenizers.characters(unit, specialTokens: ["<unk>"])
    let loaded = try ScratchFolder.with { folder in
      for (name, bytes) in try TokenizerFolder.files(of: tokenizer) {
        try folder.write(bytes, to: name)
      }
      return try Tokenizer(contentsOf: folder.path)
    }
    for text in try Fixtures.texts() where UTF8Validation.isValid(text.span) {
      let ids = try tokenizer.encode(text.span)
      #expect(try tokenizer.decodeBytes(ids) == text)
      #expect(try tokenizer.encode((text + text).span, threads: 3).count >= 2 * ids.count - 1)
      #expect(try loaded.encode(text.span) == ids)
      let stream = StreamEncoder(tokenizer, options: EncodingOptions(), threads: 2, blockSize: 50)
      var streamed: [TokenID] = []
      for start in stride(from: 0, to: text.count, by: 37) {
        let piece = Array(text[start..<min(start + 37, text.count)])
        for ids in try stream.append(piece.span) { streamed += ids }
      }
      for ids in try stream.finish() { streamed += ids }
      #expect(streamed == ids)
    }
  }
}

/// Words, bytes.
struct WordModelTests {
  private func fit(
    _ text: String, _ splitter: WordModel.Splitter, lowercases: Bool = false,
    special: [String] = ["<|endoftext|>", "<|unk|>"]
  ) throws -> Tokenizer {
    var fitting = VocabularyFitting()
    try fitting.addWords(of: Array(text.utf8).span, splitter: splitter, lowercases: lowercases)
    let (vocabulary, tokens) = try fitting.vocabulary(specialTokens: special)
    return Tokenizer(
      model: WordModel(
        vocabulary: vocabulary, splitter: splitter, lowercases: lowercases, specialTokens: tokens),
      specialTokens: tokens)
  }

  private func words(_ tokenizer: Tokenizer) -> [String] {
    tokenizer.vocabulary.tokenIDs.map {
      String(decoding: tokenizer.vocabulary.bytes(of: $0) ?? [], as: UTF8.self)
    }
  }

  @Test
  func whiteSpaceWords() throws {
    let tokenizer = try fit("The cat,\u{3000}the\tdog.\n", .whitespace)
    #expect(words(tokenizer) == ["The", "cat,", "dog.", "the", "<|endoftext|>", "<|unk|>"])
    #expect(try tokenizer.encode("the  cat, bird") == [3, 1, 5])
    #expect(try tokenizer.decode([3, 1]) == "the cat,")
  }

  @Test
  func lowerCasedWords() throws {
    let tokenizer = try fit("The THE the ÉTÉ", .whitespace, lowercases: true)
    #expect(words(tokenizer) == ["the", "été", "<|endoftext|>", "<|unk|>"])
    #expect(try tokenizer.encode("THE été") == [0, 1])
    // U+0130 is longer in lower case; what is unknown is named where it stands in the text.
    let plain = try fit("a", .whitespace, lowercases: true, special: [])
    #expect(throws: TokenizerError.unknownWord("X", offset: 2)) { try plain.encode("A X") }
    #expect(throws: TokenizerError.unknownWord("\u{130}", offset: 2)) {
      try plain.encode("A \u{130} X")
    }
  }

  @Test
  func punctuationWords() throws {
    let tokenizer = try fit("Well--yes; it's (so) \"_good_\"!", .punctuation)
    #expect(
      words(tokenizer) == [
        "!", "\"", "'", "(", ")", "--", ";", "Well", "_", "good", "it", "s", "so", "yes",
        "<|endoftext|>", "<|unk|>",
      ])
    #expect(try tokenizer.decode(try tokenizer.encode("yes; it")) == "yes; it")
  }

  @Test
  func unknownWordsAreErrorsWithoutAToken() throws {
    let tokenizer = try fit("one two", .whitespace, special: [])
    #expect(throws: TokenizerError.unknownWord("three", offset: 4)) {
      try tokenizer.encode("one three")
    }
  }

  /// A special token in the text stays a word that nobody knows.
  @Test
  func specialTokensAreNotInjected() throws {
    let tokenizer = try fit("a b", .whitespace)
    #expect(try tokenizer.encode("a <|endoftext|> b") == [0, 3, 1])
    #expect(try tokenizer.encode("a <|endoftext|> b", special: .allow) == [0, 2, 1])
  }

  @Test(arguments: [WordModel.Splitter.whitespace, .punctuation])
  func savedAndLoaded(_ splitter: WordModel.Splitter) throws {
    let tokenizer = try fit("A story, 'told' -- twice: \u{FEFF}x \u{85}y", splitter)
    try ScratchFolder.with { folder in
      for (name, bytes) in try TokenizerFolder.files(of: tokenizer) {
        try folder.write(bytes, to: name)
      }
      let loaded = try Tokenizer(contentsOf: folder.path)
      #expect(words(loaded) == words(tokenizer))
      #expect(try loaded.encode("A story 'told'") == tokenizer.encode("A story 'told'"))
    }
  }

  @Test
  func bytesAreTheirOwnIDs() throws {
    let tokenizer = Tokenizer(model: try ByteModel())
    let bytes = (0...255).map { UInt8($0) }
    #expect(try tokenizer.encode(bytes.span).map(\.rawValue) == (0...255).map { UInt32($0) })
    #expect(try tokenizer.decodeBytes(try tokenizer.encode(bytes.span)) == bytes)
    #expect(try tokenizer.encode(bytes.span, threads: 4).count == 256)
  }
}
