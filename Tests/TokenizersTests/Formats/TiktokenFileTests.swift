import TestSupport
import Testing
import Tokenizers

/// Good and bad rank tables.
struct TiktokenFileTests {
  /// The 256 bytes with ranks 0...255 in GPT-2's order, then `more`.
  private func table(_ more: [String] = []) -> String {
    let tokens = ByteAlphabet.bytesInOrder.map { [$0] } + more.map { Array($0.utf8) }
    return tokens.enumerated().map { "\(base64($1)) \($0)\n" }.joined()
  }

  private func base64(_ bytes: [UInt8]) -> String {
    Fixtures.base64(bytes)
  }

  private func refusal(_ text: String) -> FormatError? {
    do {
      _ = try TiktokenFile.read(Array(text.utf8))
      return nil
    } catch {
      return error
    }
  }

  @Test
  func mergesAreThoseThatRanksImply() throws {
    let contents = try TiktokenFile.read(Array(table(["bc", "ab", "abc", "xyz"]).utf8))
    // b c merges first, so abc is a + bc; xyz has no part that is a token: merging never makes it.
    #expect(contents.merges.map(\.merged) == [256, 257, 258])
    let vocabulary = contents.vocabulary
    #expect(contents.merges[2].left == vocabulary.id(of: Array("a".utf8)))
    #expect(contents.merges[2].right == 256)
    #expect(contents.unreachable == [259])
  }

  /// tiktoken looks a whole pre-token up before it merges.
  @Test
  func aTokenThatMergingNeverMakesIsFoundAsAWholePreToken() throws {
    try ScratchFolder.with { folder in
      let path = try folder.write(Array(table(["xyz"]).utf8), to: "own.tiktoken")
      #expect(throws: FormatError.self) { try Tokenizer(contentsOf: path) }
      let tokenizer = try Tokenizer(contentsOf: path, pattern: SplitPattern(expression: "[a-z]+"))
      #expect(try tokenizer.encode("xyz") == [256])
      #expect(try tokenizer.encode("xyz xyz").count == 3)
      #expect(try tokenizer.encode("wxyz").count == 4)
      // GPT-2's files cannot say this.
      #expect(throws: FormatError.self) { try TokenizerFolder.files(of: tokenizer) }
    }
  }

  @Test(arguments: [
    ("YQ==", 257, "one space and its rank expected"),
    ("YQ== ", 257, "the rank is missing"),
    ("YWI= 256 x", 257, "must be an integer"),
    ("YWI= -1", 257, "must be an integer"),
    ("YWI= 4294967296", 257, "must be an integer"),
    ("YWI=  256", 257, "must be an integer"),
    ("YWI 256", 257, "not valid Base64"),
    ("YW=I 256", 257, "not valid Base64"),
    ("YWJ= 256", 257, "not valid Base64"),
    ("*WI= 256", 257, "not valid Base64"),
    (" 256", 257, "not valid Base64"),
  ])
  func refusedLines(_ line: String, _ number: Int, _ message: String) throws {
    let error = try #require(refusal(table() + line))
    #expect(error.place == .line(number))
    #expect(error.description.contains(message), "\(error)")
  }

  @Test
  func refusedTables() throws {
    #expect(try #require(refusal("")).message.contains("no token stands for byte 0"))
    #expect(try #require(refusal(table() + "IQ== 300\n")).message.contains("are both '!'"))
    #expect(try #require(refusal(table() + "YWI= 5\n")).message.contains("id 5 is given to two"))
    #expect(refusal(table(["ab"]).replacing("\n", with: "\r\n")) == nil)
  }
}
