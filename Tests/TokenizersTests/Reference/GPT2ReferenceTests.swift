import TestSupport
import Testing
import Tokenizers

/// Ids published for GPT-2, or made by tiktoken 0.14 and Hugging Face tokenizers 0.23, with the vocabulary
/// that ships.
struct GPT2StringTests {
  /// A text, its ids, and whether special tokens are allowed in it.
  struct Row: Sendable, CustomTestStringConvertible {
    var text: String
    var ids: [UInt32]
    var special: SpecialTokenPolicy = .text
    var testDescription: String { text.debugDescription }
  }

  static let rows: [Row] = [
    Row(text: "hello world", ids: [31373, 995]),
    Row(text: "hello <|endoftext|>", ids: [31373, 220, 50256], special: .allow),
    Row(text: "<|endoftext|>", ids: [27, 91, 437, 1659, 5239, 91, 29]),
    Row(text: "This is some text", ids: [1212, 318, 617, 2420]),
    Row(text: "Implementations", ids: [3546, 26908, 602]),
    Row(
      text: "Hello, world. Is this-- a test?",
      ids: [15496, 11, 995, 13, 1148, 428, 438, 257, 1332, 30]),
    Row(
      text: "Hello, do you like tea? <|endoftext|> In the sunlit terracesof someunknownPlace.",
      ids: [
        15496, 11, 466, 345, 588, 8887, 30, 220, 50256, 554, 262, 4252, 18250, 8812, 2114, 1659,
        617,
        34680, 27271, 13,
      ], special: .allow),
    Row(
      text: "asdf asdfasdf a!!, @aba 9asdf90asdfk",
      ids: [
        292, 7568, 355, 7568, 292, 7568, 257, 3228, 11, 2488, 15498, 860, 292, 7568, 3829, 292,
        7568,
        74,
      ]),
    Row(text: "\n\n", ids: [628]),
    Row(text: "  ", ids: [220, 220]),
    Row(text: "   hello", ids: [220, 220, 23748]),
    Row(text: "", ids: []),
    Row(
      text: "I'm you're we've he'd she'll it's",
      ids: [40, 1101, 345, 821, 356, 1053, 339, 1549, 673, 1183, 340, 338]),
    Row(text: "I'M YOU'RE", ids: [40, 6, 44, 7013, 6, 2200]),
    Row(text: "日本語テスト", ids: [33768, 98, 17312, 105, 45739, 252, 24336, 43302]),
    Row(
      text: "안녕하세요",
      ids: [168, 243, 230, 167, 227, 243, 47991, 246, 168, 226, 116, 168, 248, 242]),
    Row(text: "e\u{301}", ids: [68, 136, 223]),
    Row(text: "\u{85}", ids: [126, 227]),
    // Not white space since Unicode 6.3: it takes a space before it along, as any other symbol does.
    Row(text: "a \u{180E}a", ids: [64, 28053, 254, 236, 64]),
    Row(text: "a\u{180E}a", ids: [64, 157, 254, 236, 64]),
    Row(text: "\u{FEFF}", ids: [171, 119, 123]),
    Row(text: "\r\n", ids: [201, 198]),
    Row(text: "a  <|endoftext|>b", ids: [64, 220, 220, 50256, 65], special: .allow),
  ]

  @Test(arguments: rows)
  func idsOfStrings(_ row: Row) throws {
    let gpt2 = try SharedVocabularies.gpt2.get()
    #expect(try gpt2.numbers(row.text, special: row.special) == row.ids)
    #expect(try gpt2.decode(row.ids.map { TokenID($0) }) == row.text)
  }
}

/// The same by rank tables, and whole texts, from the shared data.
@Suite(.enabled(if: SharedData.isAvailable, Comment(rawValue: SharedData.hint)))
struct GPT2ReferenceTests {
  typealias Row = GPT2StringTests.Row

  @Test(arguments: GPT2StringTests.rows)
  func idsByTheRankTable(_ row: Row) throws {
    let r50k = try SharedVocabularies.r50k.get()
    #expect(try r50k.numbers(row.text, special: row.special) == row.ids)
    let official = try SharedVocabularies.officialGPT2.get()
    #expect(try official.numbers(row.text, special: row.special) == row.ids)
  }

  @Test(arguments: [
    Row(text: "hello world", ids: [15339, 1917]),
    Row(text: "hello <|endoftext|>", ids: [15339, 220, 100257], special: .allow),
    Row(text: "today\n \n", ids: [31213, 27907]),
    Row(text: "👍", ids: [9468, 239, 235]),
    Row(
      text: "hello123!!!? (안녕하세요!) 😉",
      ids: [
        15339, 4513, 12340, 30, 320, 31495, 230, 75265, 243, 92245, 16715, 57037,
      ]),
    Row(text: "\r\n", ids: [319]),
  ])
  func idsOfStringsInCL100K(_ row: Row) throws {
    let cl100k = try SharedVocabularies.cl100k.get()
    #expect(try cl100k.numbers(row.text, special: row.special) == row.ids)
    #expect(try cl100k.decode(row.ids.map { TokenID($0) }) == row.text)
  }

  @Test
  func theVerdict() throws {
    let ids = try SharedVocabularies.gpt2.get().numbers(
      try SharedData.bytes("texts/the-verdict.txt"))
    #expect(ids.count == 5145)
    #expect(ids.prefix(10) == [40, 367, 2885, 1464, 1807, 3619, 402, 271, 10899, 2138])
    #expect(
      sha256(littleEndian16(ids))
        == "4a851caad4ae111f78954808e5fa54dec820e588b0aa4d847154fcd43bfaabb6")
  }

  @Test
  func tinyShakespeare() throws {
    let text = try SharedData.bytes("texts/tinyshakespeare.txt")
    #expect(sha256(text) == "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed")
    let ids = try SharedVocabularies.gpt2.get().numbers(text)
    #expect(ids.count == 338_025)
    #expect(Set(ids).count == 11_706)
    #expect(ids.prefix(5) == [5962, 22307, 25, 198, 8421])
    #expect(
      sha256(littleEndian16(ids))
        == "25c01b32b32f41897a6359dd222ec114992dc30c357bcafbfe6c56672f76cd31")
  }

  /// nanoGPT's `data/shakespeare`: the first int(0.9·n) characters train, the rest validate.
  @Test
  func nanoGPTsDataSet() throws {
    let text = try SharedData.bytes("texts/tinyshakespeare.txt")
    let cut = text.count * 9 / 10
    let gpt2 = try SharedVocabularies.gpt2.get()
    let train = try gpt2.numbers(Array(text[..<cut]))
    let validation = try gpt2.numbers(Array(text[cut...]))
    #expect(train.count == 301_966)
    #expect(validation.count == 36_059)
    #expect(
      sha256(littleEndian16(train))
        == "502a2bdc8210d1ac5d5674867cb74467dd31db575d25cf6dbb08c8bdbea8680f")
    #expect(
      sha256(littleEndian16(validation))
        == "68a53422394c26a655ebe641f5c6f49888e8f4e45fe5d6f02abda63ba3ebd65b")
  }

  @Test
  func vocabularySizes() throws {
    #expect(try SharedVocabularies.gpt2.get().vocabularySize == 50_257)
    #expect(try SharedVocabularies.r50k.get().vocabularySize == 50_257)
    #expect(try SharedVocabularies.p50k.get().vocabularySize == 50_281)
    #expect(try SharedVocabularies.gpt2.get().specialTokens["<|endoftext|>"] == 50256)
    #expect(try SharedVocabularies.o200k.get().specialTokens["<|endofprompt|>"] == 200_018)
    #expect(try SharedVocabularies.cl100k.get().vocabulary.largestID == 100_276)
  }

  /// Every token of each vocabulary decodes and, where merging reaches it, encodes to itself.
  @Test(.tags(.slow), arguments: ["r50k", "p50k", "cl100k", "o200k"])
  func tokensEncodeToThemselves(_ name: String) throws {
    let tokenizer = try [
      "r50k": SharedVocabularies.r50k, "p50k": SharedVocabularies.p50k,
      "cl100k": SharedVocabularies.cl100k, "o200k": SharedVocabularies.o200k,
    ][name]!.get()
    let model = try #require(tokenizer.model as? BPEModel)
    #expect(!model.looksUpWholePreTokens)
    // One merge for each token of two bytes and more: all are reached by merging.
    #expect(
      model.merges.count
        == tokenizer.vocabularySize - tokenizer.specialTokens.entries.count - 256)
  }
}
