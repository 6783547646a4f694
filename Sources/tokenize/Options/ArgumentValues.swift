import ArgumentParser
import MiniLM
import Tokenizers

/// One of several names on the command line.
///
/// What the argument parser asks of such a type it could answer itself, by code that finds out at run time what
/// the type conforms to: a noticeable part of a start.
protocol Choice: ExpressibleByArgument, CaseIterable, RawRepresentable where RawValue == String {}

extension Choice {
  /// The choice of this name.
  public init?(argument: String) { self.init(rawValue: argument) }

  /// Its name.
  public var defaultValueDescription: String { rawValue }

  /// All names.
  public static var allValueStrings: [String] { allCases.map { $0.rawValue } }

  /// None: names say enough.
  public static var allValueDescriptions: [String: String] { [:] }

  /// The names, for the shells.
  public static var defaultCompletionKind: CompletionKind { .list(allValueStrings) }
}

// Choices of the libraries that are choices on the command line too, under the same names.
extension Engine: Choice {}
extension InvalidUTF8Policy: Choice {}
extension SpecialTokenPolicy: Choice {}
extension TokenFileFormat: Choice {}
extension CharacterModel.Unit: Choice {}
extension WordModel.Splitter: Choice {}
extension ModelKind: Choice {}
extension Precision: Choice {}
extension TokenStreamFormat: Choice {}
extension LearningRateSchedule.Shape: Choice {}
extension EncodingFormat: Choice {}
extension TrainingPreset: Choice {}
extension TransformerShape.Activation: Choice {}
extension TransformerShape.Norm: Choice {}
extension TransformerShape.Positions: Choice {}
extension RunFolder.Which: Choice {}
