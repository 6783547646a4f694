public import ArgumentParser
public import MiniLM
public import Tokenizers

// Choices of the libraries that are choices on the command line too, under the same names.
extension Engine: ExpressibleByArgument {}
extension InvalidUTF8Policy: ExpressibleByArgument {}
extension SpecialTokenPolicy: ExpressibleByArgument {}
extension TokenFileFormat: ExpressibleByArgument {}
extension CharacterModel.Unit: ExpressibleByArgument {}
extension WordModel.Splitter: ExpressibleByArgument {}
extension ModelKind: ExpressibleByArgument {}
extension TokenStreamFormat: ExpressibleByArgument {}
extension LearningRateSchedule.Shape: ExpressibleByArgument {}
extension EncodingFormat: ExpressibleByArgument {}
