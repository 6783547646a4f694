/// What the scanners tell characters apart by: a set of classes in one byte.
struct SplitClass: OptionSet {
  let rawValue: UInt8
  /// `\p{L}`
  static let letter = SplitClass(rawValue: 1)
  /// `\p{N}`
  static let number = SplitClass(rawValue: 2)
  /// White space other than CR and LF
  static let space = SplitClass(rawValue: 4)
  /// CR or LF
  static let lineEnd = SplitClass(rawValue: 8)
  /// `[^\s\p{L}\p{N}]`
  static let other = SplitClass(rawValue: 16)
  /// `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`: what o200k takes as the beginning of a word
  static let upper = SplitClass(rawValue: 32)
  /// `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`: what o200k takes as the rest of a word
  static let lower = SplitClass(rawValue: 64)

  static let whiteSpace: SplitClass = [.space, .lineEnd]

  /// The classes of a scalar. Unicode 16.0.
  init(_ scalar: UInt32) {
    self = scalar == 0x0A || scalar == 0x0D ? .lineEnd : SplitClass(ScalarClass(scalar))
  }

  /// The classes of a scalar other than CR and LF.
  init(_ scalar: ScalarClass) {
    if scalar.isWhiteSpace {
      self = .space
    } else if scalar.isNumber {
      self = .number
    } else if scalar.isLetter {
      switch scalar.category {
      case .uppercaseLetter, .titlecaseLetter: self = [.letter, .upper]
      case .lowercaseLetter: self = [.letter, .lower]
      default: self = [.letter, .upper, .lower]
      }
    } else {
      self = scalar.isMark ? [.other, .upper, .lower] : .other
    }
  }

  init(rawValue: UInt8) { self.rawValue = rawValue }
}

/// The classes of all characters in tables: ASCII by byte, the rest by the entry of `ScalarClass`.
private enum SplitClassTables {
  static let ascii: [UInt8] = (0..<128).map { SplitClass($0).rawValue }

  /// By category and the bit for white space; beyond ASCII there is no CR or LF.
  static let byClassByte: [UInt8] = (0..<64).map { SplitClass(ScalarClass(byte: $0)).rawValue }
}

/// Valid UTF-8 as a scanner reads it: classes of characters, runs of them. Borrows the bytes.
@unsafe struct ScannedText {
  let bytes: UnsafePointer<UInt8>
  /// Number of bytes
  let count: Int
  private let ascii: UnsafePointer<UInt8>
  private let byClassByte: UnsafePointer<UInt8>

  /// Calls `body` with the text; the value is not to be kept.
  static func with<Value>(_ text: Span<UInt8>, _ body: (ScannedText) -> Value) -> Value? {
    unsafe text.withUnsafeBufferPointer { buffer in
      unsafe SplitClassTables.ascii.withUnsafeBufferPointer { ascii in
        unsafe SplitClassTables.byClassByte.withUnsafeBufferPointer { byClassByte in
          guard let bytes = buffer.baseAddress, let ascii = ascii.baseAddress,
            let byClassByte = byClassByte.baseAddress
          else { return nil }
          return unsafe body(
            ScannedText(bytes: bytes, count: buffer.count, ascii: ascii, byClassByte: byClassByte))
        }
      }
    }
  }

  private init(
    bytes: UnsafePointer<UInt8>, count: Int, ascii: UnsafePointer<UInt8>,
    byClassByte: UnsafePointer<UInt8>
  ) {
    unsafe self.bytes = bytes
    unsafe self.count = count
    unsafe self.ascii = ascii
    unsafe self.byClassByte = byClassByte
  }

  /// The classes of the character at `position`, below `count`, and its length in bytes.
  @inline(__always)
  func character(at position: Int) -> (classes: SplitClass, length: Int) {
    let first = unsafe bytes[position]
    if first < 0x80 { return (SplitClass(rawValue: unsafe ascii[Int(first)]), 1) }
    return unsafe longCharacter(first, at: position)
  }

  @inline(__always)
  private func longCharacter(_ first: UInt8, at position: Int) -> (classes: SplitClass, length: Int)
  {
    // Valid UTF-8 has the bytes that the first one promises.
    @inline(__always)
    func rest(_ offset: Int) -> UInt32 { unsafe UInt32(bytes[position &+ offset] & 0x3F) }
    let lead = UInt32(first)
    let scalar: UInt32
    let length: Int
    if lead < 0xE0 {
      scalar = (lead & 0x1F) << 6 | rest(1)
      length = 2
    } else if lead < 0xF0 {
      scalar = (lead & 0x0F) << 12 | rest(1) << 6 | rest(2)
      length = 3
    } else {
      scalar = (lead & 0x07) << 18 | rest(1) << 12 | rest(2) << 6 | rest(3)
      length = 4
    }
    let entry = Int(ScalarClass(scalar).byte & 0x3F)
    return (SplitClass(rawValue: unsafe byClassByte[entry]), length)
  }

  /// The end of the run of characters of any of `classes` that begins at `start`, at most `count`.
  @inline(__always)
  func endOfRun(of classes: SplitClass, from start: Int) -> Int {
    var position = start
    while unsafe position < count {
      let (found, length) = unsafe character(at: position)
      if found.rawValue & classes.rawValue == 0 { break }
      position &+= length
    }
    return position
  }

  /// The end of `'s` and its like at an apostrophe at `start`, either case if `ignoresCase`, else nil.
  @inline(__always)
  func endOfContraction(at start: Int, ignoresCase: Bool) -> Int? {
    let rest = unsafe count &- start
    if rest < 2 { return nil }
    let fold: UInt8 = ignoresCase ? 0x20 : 0
    let second = unsafe bytes[start &+ 1]
    switch second | (second < 0x80 ? fold : 0) {
    case UInt8(ascii: "s"), UInt8(ascii: "d"), UInt8(ascii: "m"), UInt8(ascii: "t"):
      return start &+ 2
    case UInt8(ascii: "l"):
      return rest > 2 && (unsafe bytes[start &+ 2] | fold) == UInt8(ascii: "l") ? start &+ 3 : nil
    case UInt8(ascii: "v"), UInt8(ascii: "r"):
      return rest > 2 && (unsafe bytes[start &+ 2] | fold) == UInt8(ascii: "e") ? start &+ 3 : nil
    case 0xC5:
      // U+017F, the long s, is a form of s where case does not matter.
      return ignoresCase && rest > 2 && (unsafe bytes[start &+ 2]) == 0xBF ? start &+ 3 : nil
    default:
      return nil
    }
  }

  /// What a run of white space consists of.
  struct WhiteSpaceRun {
    /// Where it ends.
    var end: Int
    /// Where its last character begins.
    var last: Int
    /// Where its last CR or LF ends, if it has one.
    var lineEnd: Int?
  }

  /// The run of white space at `start`, which has at least one character.
  @inline(__always)
  func whiteSpaceRun(from start: Int) -> WhiteSpaceRun {
    var run = WhiteSpaceRun(end: start, last: start, lineEnd: nil)
    while unsafe run.end < count {
      let (classes, length) = unsafe character(at: run.end)
      if classes.rawValue & SplitClass.whiteSpace.rawValue == 0 { break }
      run.last = run.end
      run.end &+= length
      if classes == .lineEnd { run.lineEnd = run.end }
    }
    return run
  }

  /// The end of a pre-token of white space alone: `\s++\z|\s+(?!\S)|\s`.
  ///
  /// Before a visible character the last one of the run is left, unless it is the only one.
  @inline(__always)
  func endOfSpaces(_ run: WhiteSpaceRun, from start: Int) -> Int {
    unsafe run.end == count || run.last == start ? run.end : run.last
  }
}
