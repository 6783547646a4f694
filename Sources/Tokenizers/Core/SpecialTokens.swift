/// What to do with text that spells a special token.
public enum SpecialTokenPolicy: String, CaseIterable, Hashable, Sendable {
  /// It is ordinary text: data cannot inject a special token. The default.
  case text
  /// It becomes the special token's id.
  case allow
  /// It is an error.
  case refuse
}

/// The special tokens of a tokenizer: never made by merges, found in text only where a policy says so.
public struct SpecialTokens: Sendable {
  /// One special token: its text and its id.
  public struct Entry: Hashable, Sendable {
    /// The text that stands for it.
    public let text: String
    /// Its id.
    public let id: TokenID

    /// A special token of this text and id.
    public init(text: String, id: TokenID) {
      self.text = text
      self.id = id
    }
  }

  /// All of them in the order of their ids.
  public let entries: [Entry]
  /// Texts as bytes, longest first, so that of two that match the longer one wins.
  private let candidates: [(bytes: [UInt8], entry: Entry)]
  /// Whether some special token begins with each byte.
  private let beginsWith: [Bool]
  /// Length in bytes of the longest.
  let longestLength: Int

  /// Collects special tokens; one with an empty text is never found in a text.
  public init(_ entries: [Entry] = []) {
    self.entries = entries.sorted { $0.id < $1.id }
    candidates =
      entries.map { (Array($0.text.utf8), $0) }.filter { !$0.0.isEmpty }
      .sorted { $0.0.count != $1.0.count ? $0.0.count > $1.0.count : $0.1.id < $1.1.id }
    var beginsWith = [Bool](repeating: false, count: 256)
    for candidate in candidates { beginsWith[Int(candidate.bytes[0])] = true }
    self.beginsWith = beginsWith
    longestLength = candidates.first?.bytes.count ?? 0
  }

  /// Whether there are none.
  public var isEmpty: Bool { entries.isEmpty }

  /// The special token with this text.
  public subscript(text: String) -> TokenID? {
    // Compared byte by byte: `==` of strings would take canonically equivalent texts for the same.
    entries.first { $0.text.utf8.elementsEqual(text.utf8) }?.id
  }

  /// Whether an id is a special token's.
  public func contains(_ id: TokenID) -> Bool { entries.contains { $0.id == id } }

  /// The end-of-text token under the names that vocabularies give it.
  public var endOfText: TokenID? {
    self["<|endoftext|>"] ?? self["<|end_of_text|>"] ?? self["</s>"] ?? self["<eos>"]
  }

  /// The first special token in `text` at or after `start`: where it stands and its entry.
  ///
  /// - Complexity: O(n) in the length of the text, times the number of special tokens at bytes that
  ///   begin one.
  func first(in text: Span<UInt8>, from start: Int) -> (range: Range<Int>, entry: Entry)? {
    if candidates.isEmpty { return nil }
    var position = start
    while position < text.count {
      if beginsWith[Int(text[position])] {
        for candidate in candidates where Self.matches(candidate.bytes, text, at: position) {
          return (position..<position + candidate.bytes.count, candidate.entry)
        }
      }
      position += 1
    }
    return nil
  }

  /// The earliest offset, at or after `start`, at which a special token begins that the end of `text`
  /// cuts off: from there on the text must wait for more of it. `text.count` if there is none.
  ///
  /// A complete special token may stand there too, where it is the beginning of a longer one.
  func earliestIncomplete(in text: Span<UInt8>, from start: Int) -> Int {
    var position = max(start, text.count - max(0, longestLength - 1))
    while position < text.count {
      if beginsWith[Int(text[position])] {
        let rest = text.count - position
        for candidate in candidates where candidate.bytes.count > rest {
          if Self.matches(candidate.bytes[..<rest], text, at: position) { return position }
        }
      }
      position += 1
    }
    return text.count
  }

  private static func matches(
    _ bytes: some RandomAccessCollection<UInt8>, _ text: Span<UInt8>, at position: Int
  ) -> Bool {
    guard position + bytes.count <= text.count else { return false }
    var offset = position
    for byte in bytes {
      if text[offset] != byte { return false }
      offset += 1
    }
    return true
  }
}
