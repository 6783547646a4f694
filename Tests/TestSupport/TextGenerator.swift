/// Makes text that is hard on splitters, the same for the same seed.
public struct TextGenerator: Sendable {
  /// Where the numbers come from.
  public var random: SeededRandom

  /// Starts the texts that belong to `seed`.
  public init(seed: UInt64) { random = SeededRandom(seed: seed) }

  /// Valid UTF-8 of `count` fragments, all kinds mixed.
  public mutating func text(fragments count: Int) -> [UInt8] {
    var text: [UInt8] = []
    for _ in 0..<count { text += Array(fragment().utf8) }
    return text
  }

  /// Words of one script after another with the signs that belong between them: lines, indentation,
  /// numbers, contractions, runs of blanks of any length, line ends behind signs and before blanks.
  public mutating func prose(words count: Int) -> [UInt8] {
    var text: [UInt8] = []
    var script = Self.vocabularies[0]
    for _ in 0..<count {
      if random.below(40) == 0 { script = random.pick(Self.vocabularies) }
      let word = random.pick(script)
      switch random.below(24) {
      case 0: text += Array("\n".utf8)
      case 1: text += Array("\n".utf8) + [UInt8](repeating: 0x20, count: random.below(90))
      case 2:
        text += Array(random.pick([",", ".", "!?", " (", ") ", "/", ";\n", "'", "\t", "”"]).utf8)
      case 3: text += Array(" \(random.below(100_000))".utf8)
      case 4: text += Array(random.pick(["'s", "'ll", "'RE", "'T", "'S's"]).utf8)
      case 5:
        text += Array(random.pick(["\r\n", "\n\n", " \n", "\n \n\t", "\u{A0}", "\u{3000} "]).utf8)
      case 6: text += Array("\(random.below(3_000))\(word)".utf8)
      case 7:
        text += Array(random.pick(["-", "_", "€", "。", " — ", "::", "'"]).utf8) + Array(word.utf8)
      case 8: text += Array((word + word).utf8)
      default: text += Array((random.below(12) == 0 ? "  " : " ").utf8) + Array(word.utf8)
      }
    }
    return text
  }

  private static let vocabularies = [
    ["the", "Keeper", "of", "LIGHT", "camelCase", "HTTPServer", "don", "I", "x"],
    ["маяк", "Смотритель", "и", "СССР", "вечером"],
    ["灯台", "の", "カード", "ひかり", "中文字"],
    ["दीप", "रात", "समुद्र"],
    ["منارة", "في", "الليل"],
    ["ประภาคาร", "ทะเล"],
    ["Größe", "café", "ÉTÉ", "İl", "ŒUVRE"],
  ]

  /// Text without scalars that came after Unicode 14, or are not assigned.
  public mutating func plainText(fragments count: Int) -> [UInt8] {
    var text: [UInt8] = []
    for _ in 0..<count { text += Array(fragment(kinds: Self.kindCount - 2).utf8) }
    return text
  }

  /// Text of which half are scalars of Unicode 15 and 16, unassigned ones and such as libraries disagree about.
  public mutating func unsettledText(fragments count: Int) -> [UInt8] {
    var text: [UInt8] = []
    for _ in 0..<count {
      let fragment = random.below(2) == 0 ? random.pick(Self.unsettled) : fragment()
      text += Array(fragment.utf8)
    }
    return text
  }

  /// Bytes of which many are no valid UTF-8: fragments, broken sequences and noise.
  public mutating func bytes(fragments count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    for _ in 0..<count {
      switch random.below(4) {
      case 0: for _ in 0...random.below(4) { bytes.append(UInt8(random.below(256))) }
      case 1:
        let sequence = Array(String(Character(anyScalar())).utf8)
        bytes += sequence.prefix(1 + random.below(sequence.count))
      case 2: bytes += random.pick(Self.brokenSequences)
      default: bytes += Array(fragment().utf8)
      }
    }
    return bytes
  }

  /// Overlong forms, surrogates, lonely bytes, values beyond U+10FFFF.
  public static let brokenSequences: [[UInt8]] = [
    [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x80, 0x80], [0xE0, 0x9F], [0xED, 0xA0, 0x80],
    [0xED, 0xBF, 0xBF], [0xF0, 0x80, 0x80, 0x80], [0xF0, 0x8F, 0xBF], [0xF4, 0x90, 0x80, 0x80],
    [0xF5, 0x80], [0xFF], [0xFE], [0x80], [0xBF, 0xBF], [0xC3], [0xE4, 0xB8], [0xF0, 0x9F, 0x92],
    [0xE2, 0x80], [0xE2], [0xC2],
  ]

  /// Any scalar of any plane, assigned or not.
  public mutating func anyScalar() -> Unicode.Scalar {
    // Every second one from the first planes, where the letters are.
    let bound = random.below(2) == 0 ? 0x1_0000 : 0x11_0000
    return Unicode.Scalar(UInt32(random.below(bound))) ?? "\u{D7FF}"
  }

  private static let kindCount = 14

  private mutating func fragment(kinds: Int = kindCount) -> String {
    switch random.below(kinds) {
    case 0, 1: return random.pick(Self.words)
    case 2: return " " + random.pick(Self.words)
    case 3: return spaces()
    case 4: return random.pick(Self.contractions)
    case 5: return digits()
    case 6: return random.pick(Self.punctuation)
    case 7: return random.pick(Self.lineEnds)
    case 8: return random.pick(Self.scripts)
    case 9: return random.pick(Self.emoji)
    case 10: return random.pick(Self.words) + random.pick(Self.marks)
    case 11: return random.pick(Self.controls)
    case 12: return random.pick(Self.unsettled)
    default: return String(Character(anyScalar()))
    }
  }

  private mutating func spaces() -> String {
    var text = ""
    for _ in 0...random.below(4) { text += random.pick(Self.whiteSpace) }
    return text
  }

  private mutating func digits() -> String {
    var text = ""
    for _ in 0...random.below(6) { text += random.pick(Self.numbers) }
    return text
  }

  private static let words = [
    "the", "Hello", "a", "I", "ABC", "camelCase", "XMLHttp", "naïve", "straße", "don", "we", "z",
    "İstanbul", "ǅ", "ʰa", "ſ", "K",
  ]
  private static let contractions = [
    "'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'LL", "'Ve", "'ſ", "'", "''", "'x", "'l",
    "'r", "’s", "'sa", " 's",
  ]
  private static let numbers = ["0", "1", "7", "9", "٣", "߀", "Ⅷ", "½", "²", "𝟘", "一"]
  private static let punctuation = [
    ".", ",", "!?", "...", "/", "//", "-", "_", "(", "){", "$", "€", "«", "、", "。", "/\n", ".\r\n",
    "#", "&&", "\\",
  ]
  private static let lineEnds = [
    "\n", "\r\n", "\r", "\n\n", "\n \n", " \n", "\n\t", "\r\r\n", "\n/",
  ]
  private static let whiteSpace = [
    " ", " ", " ", "\t", "\n", "\r", "\u{0B}", "\u{0C}", "\u{85}", "\u{A0}", "\u{1680}", "\u{2000}",
    "\u{200A}", "\u{2028}", "\u{2029}", "\u{202F}", "\u{205F}", "\u{3000}",
  ]
  private static let scripts = [
    "привет", "ΑΒγ", "שלום", "مرحبا", "नमस्ते", "สวัสดี", "你好世界", "こんにちは", "カタカナ", "안녕",
    "ગુજરાતી", "Հայ", "𐐀𐐨", "𠀀", "ქართული", "Ⴀ", "ᏣᎳᎩ", "ꙮ",
  ]
  private static let emoji = [
    "😀", "👩‍👩‍👧‍👦", "👍🏽", "🇩🇪", "❤️", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "1️⃣", "☃",
  ]
  private static let marks = [
    "\u{301}", "\u{308}\u{323}", "\u{20DD}", "\u{345}", "\u{FE0F}", "\u{93F}",
  ]
  private static let controls = [
    "\0", "\u{1}", "\u{7F}", "\u{1C}", "\u{1F}", "\u{200B}", "\u{200D}", "\u{FEFF}", "\u{FFFD}",
    "\u{AD}", "\u{2060}",
  ]
  /// Scalars of Unicode 15 and 16 and such as libraries disagree about.
  public static let unsettled = [
    "\u{A7CB}", "\u{A7DA}", "\u{10D4A}", "\u{10D40}", "\u{105C0}", "\u{31350}", "\u{180E}",
    "\u{295}",
    "\u{1FA77}", "\u{1C89}", "\u{11F50}", "\u{1171E}", "\u{10EC5}", "\u{1E4F0}", "\u{E0FFF}",
    "\u{378}",
    "\u{323B0}", "\u{1CCF0}", "\u{61C}",
  ]
}
