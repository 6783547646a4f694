/// The integer that stands for one token of a vocabulary.
///
/// An array of token ids has the memory layout of an array of `UInt32`.
///
///     let newline: TokenID = 198
@frozen
public struct TokenID: RawRepresentable, Hashable, Comparable, Sendable,
  ExpressibleByIntegerLiteral,
  CustomStringConvertible
{
  /// The id as vocabularies and token files write it.
  public var rawValue: UInt32

  /// Wraps `rawValue`; whether a vocabulary holds such a token is not checked.
  @inlinable
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Wraps `rawValue`; whether a vocabulary holds such a token is not checked.
  @inlinable
  public init(_ rawValue: UInt32) { self.rawValue = rawValue }

  /// An id written as a literal.
  @inlinable
  public init(integerLiteral value: UInt32) { self.rawValue = value }

  /// Ids in numeric order.
  @inlinable
  public static func < (left: TokenID, right: TokenID) -> Bool { left.rawValue < right.rawValue }

  /// The id in decimal.
  public var description: String { "\(rawValue)" }
}
