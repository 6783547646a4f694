internal import CKernels

/// The version of Unicode that decides how text is split.
public enum UnicodeVersion {
  /// The version of the character classes in use, whatever the libraries of the system were built
  /// with.
  public static let pinned = "16.0.0"
}

/// A general category of Unicode, numbered as in the generated table.
package enum GeneralCategory: UInt8, CaseIterable, Sendable {
  case uppercaseLetter = 0
  case lowercaseLetter, titlecaseLetter, modifierLetter, otherLetter
  case nonspacingMark, spacingMark, enclosingMark
  case decimalNumber, letterNumber, otherNumber
  case connectorPunctuation, dashPunctuation, openPunctuation, closePunctuation
  case initialPunctuation, finalPunctuation, otherPunctuation
  case mathSymbol, currencySymbol, modifierSymbol, otherSymbol
  case spaceSeparator, lineSeparator, paragraphSeparator
  case control, format, surrogate, privateUse, unassigned

  /// The short name that regular expressions use: `Lu`, `Nd`, ….
  package var shortName: String {
    switch self {
    case .uppercaseLetter: "Lu"
    case .lowercaseLetter: "Ll"
    case .titlecaseLetter: "Lt"
    case .modifierLetter: "Lm"
    case .otherLetter: "Lo"
    case .nonspacingMark: "Mn"
    case .spacingMark: "Mc"
    case .enclosingMark: "Me"
    case .decimalNumber: "Nd"
    case .letterNumber: "Nl"
    case .otherNumber: "No"
    case .connectorPunctuation: "Pc"
    case .dashPunctuation: "Pd"
    case .openPunctuation: "Ps"
    case .closePunctuation: "Pe"
    case .initialPunctuation: "Pi"
    case .finalPunctuation: "Pf"
    case .otherPunctuation: "Po"
    case .mathSymbol: "Sm"
    case .currencySymbol: "Sc"
    case .modifierSymbol: "Sk"
    case .otherSymbol: "So"
    case .spaceSeparator: "Zs"
    case .lineSeparator: "Zl"
    case .paragraphSeparator: "Zp"
    case .control: "Cc"
    case .format: "Cf"
    case .surrogate: "Cs"
    case .privateUse: "Co"
    case .unassigned: "Cn"
    }
  }
}

/// A set of general categories, one bit each.
package struct CategorySet: OptionSet, Hashable, Sendable {
  package let rawValue: UInt32
  package init(rawValue: UInt32) { self.rawValue = rawValue }
  package init(_ category: GeneralCategory) { rawValue = 1 << UInt32(category.rawValue) }

  package static let letter = CategorySet(rawValue: 0x1F)
  package static let casedLetter = CategorySet(rawValue: 0x7)
  package static let mark = CategorySet(rawValue: 0x7 << 5)
  package static let number = CategorySet(rawValue: 0x7 << 8)
  package static let punctuation = CategorySet(rawValue: 0x7F << 11)
  package static let symbol = CategorySet(rawValue: 0xF << 18)
  package static let separator = CategorySet(rawValue: 0x7 << 22)
  package static let other = CategorySet(rawValue: 0x1F << 25)
  package static let all = CategorySet(rawValue: 0x3FFF_FFFF)
}

/// What Unicode 16.0 says about one scalar.
///
///     ScalarClass(0x41).isLetter  // true
///
/// Looking a scalar up takes two loads from the generated table.
package struct ScalarClass: Hashable, Sendable {
  /// The entry of the table: see `scalar_classes.h`.
  package let byte: UInt8

  /// The class of the scalar of this value; a value that is no scalar is unassigned.
  @inline(__always)
  package init(_ scalar: UInt32) { byte = scalar_class(scalar) }

  /// An entry of the table as it stands.
  @inline(__always)
  package init(byte: UInt8) { self.byte = byte }

  package var category: GeneralCategory { GeneralCategory(rawValue: byte & 0x1F) ?? .unassigned }

  @inline(__always)
  package func isAny(of categories: CategorySet) -> Bool {
    categories.rawValue & (1 << UInt32(byte & 0x1F)) != 0
  }

  package var isLetter: Bool { isAny(of: .letter) }
  package var isMark: Bool { isAny(of: .mark) }
  package var isNumber: Bool { isAny(of: .number) }
  package var isPunctuation: Bool { isAny(of: .punctuation) }
  package var isWhiteSpace: Bool { byte & 0x20 != 0 }

  /// Whether a library of Unicode 14 or later may class the scalar otherwise.
  @inline(__always)
  package var isUnsettled: Bool { byte & 0x40 != 0 }
}

extension Span<UInt8> {
  /// Whether no scalar of `range`, which holds whole scalars of valid UTF-8, is unsettled.
  ///
  /// - Complexity: O(*n*).
  func isSettled(in range: Range<Int>) -> Bool { nextUnsettled(in: range) == range.upperBound }

  /// Where the first unsettled scalar of `range`, which holds whole scalars of valid UTF-8, begins; the end of
  /// `range` if there is none.
  ///
  /// - Complexity: O(*n*); of ASCII 64 bytes at a time are passed over.
  func nextUnsettled(in range: Range<Int>) -> Int {
    precondition(range.lowerBound >= 0 && range.upperBound <= count)
    // The kernel reads the range, inside of the buffer, and keeps nothing.
    return unsafe withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return range.upperBound }
      return unsafe utf8_next_unsettled(base, range.lowerBound, range.upperBound)
    }
  }
}
