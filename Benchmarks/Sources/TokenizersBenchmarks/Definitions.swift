import Crypto
import Tokenizers

/// A text and what to call it.
struct Corpus {
  let name: String
  let bytes: [UInt8]
  let hash: String

  init(path: String) throws {
    name = path.split(separator: "/").last.map(String.init) ?? path
    bytes = try FileBytes.read(path)
    hash = hexadecimal(SHA256.hash(data: bytes))
  }
}

/// An answer that is not the right one: no time is printed for it.
struct WrongAnswer: Error, CustomStringConvertible {
  let what: String
  var description: String { "wrong answer: \(what)" }
}

/// The right answers.
struct Definitions {
  private let files: [JSONValue]

  init(_ files: [JSONValue]) { self.files = files }

  private func rows(_ kind: String) -> [JSONValue] {
    files.flatMap { $0[kind]?.arrayValue ?? [] }
  }

  /// Compares ids with the known ones, or with the text they must decode to.
  func check(
    _ ids: [TokenID], of corpus: Corpus, _ tokenizer: Tokenizer, vocab: String
  ) throws -> String {
    let hash = digest([ids])
    let row = rows("encode").first {
      $0["text"]?.stringValue == corpus.hash && $0["vocab"]?.stringValue == vocab
    }
    if let row {
      guard row["tokens"]?.integerValue == ids.count, row["ids"]?.stringValue == hash else {
        throw WrongAnswer(what: "the ids of \(corpus.name) under \(vocab) are not tiktoken's")
      }
      return "ids are tiktoken's"
    }
    guard try tokenizer.decodeBytes(ids) == corpus.bytes else {
      throw WrongAnswer(what: "the ids of \(corpus.name) under \(vocab) do not decode to it")
    }
    return "\(ids.count) ids decode, sha256 \(hash.prefix(12))"
  }

  /// Compares merges with the known ones.
  func check(_ merges: [String], of corpus: Corpus, size: Int) throws -> String {
    let hash = hexadecimal(SHA256.hash(data: Array(merges.joined(separator: "\n").utf8)))
    let row = rows("train").first {
      $0["text"]?.stringValue == corpus.hash && $0["size"]?.integerValue == size
    }
    guard let row else { return "\(merges.count) merges, sha256 \(hash.prefix(12))" }
    guard row["merges"]?.stringValue == hash else {
      throw WrongAnswer(what: "the merges of \(corpus.name) at \(size) are not Hugging Face's")
    }
    return "merges are Hugging Face's"
  }
}

/// The SHA-256 of ids, 32 bits each, low byte first, in hexadecimal.
func digest(_ pieces: [[TokenID]]) -> String {
  var hash = SHA256()
  var stream: [UInt8] = []
  for ids in pieces {
    for id in ids {
      for shift in [0, 8, 16, 24] as [UInt32] {
        stream.append(UInt8(truncatingIfNeeded: id.rawValue >> shift))
      }
      if stream.count >= 1 << 16 {
        hash.update(data: stream)
        stream.removeAll(keepingCapacity: true)
      }
    }
  }
  hash.update(data: stream)
  return hexadecimal(hash.finalize())
}

/// Bytes in hexadecimal.
func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
  bytes.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
}
