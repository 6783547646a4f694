/// A command line of the plainest form: options by their whole names, each once, every value a word of its own
/// or behind `=`, and files.
///
/// The argument parser knows far more: other verbs, help, misspelt options, completion, and how to complain. It
/// finds out at run time what a command is made of, which takes as long as all else that a short one does.
/// So the lines that scripts consist of are read here, and whatever is not plain, or could be wrong, is left to
/// the parser: this one never complains.
struct PlainArguments {
  /// What a verb takes.
  struct Names {
    /// Options that have a value.
    var values: [String]
    /// Options that have none.
    var flags: [String]
  }

  /// Every argument that is not an option, in order.
  private(set) var files: [String] = []
  private var values: [(name: String, value: String)] = []
  private var flags: [String] = []

  /// Takes a line apart; nil if it is not plain.
  init?(_ arguments: ArraySlice<String>, _ names: Names) {
    var position = arguments.startIndex
    while position < arguments.endIndex {
      let argument = arguments[position]
      position += 1
      if argument.isEmpty { return nil }
      guard Self.isOption(argument) else {
        files.append(argument)
        continue
      }
      if let flag = Self.long(argument, in: names.flags) {
        if flags.contains(flag) { return nil }
        flags.append(flag)
        continue
      }
      let name: String
      let value: String
      if let whole = Self.long(argument, in: names.values) {
        guard position < arguments.endIndex, !Self.isOption(arguments[position]) else { return nil }
        (name, value) = (whole, arguments[position])
        position += 1
      } else if let equals = argument.utf8.firstIndex(of: UInt8(ascii: "=")),
        let before = names.values.first(where: { $0.utf8.elementsEqual(argument.utf8[..<equals]) })
      {
        name = before
        value = String(argument[argument.utf8.index(after: equals)...])
      } else {
        return nil
      }
      if value.isEmpty || self[name] != nil { return nil }
      values.append((name, value))
    }
  }

  /// Whether an argument begins as options do; `-` alone is a file.
  private static func isOption(_ argument: String) -> Bool {
    argument.utf8.first == UInt8(ascii: "-") && argument.utf8.count > 1
  }

  /// The option that an argument is, by its long name; bytes are compared, since `==` takes canonically
  /// equivalent texts for the same.
  private static func long(_ argument: String, in names: [String]) -> String? {
    let long = argument == "-o" ? "--output" : argument == "-q" ? "--quiet" : argument
    return names.first { $0.utf8.elementsEqual(long.utf8) }
  }

  /// The value of an option that was given.
  subscript(name: String) -> String? {
    values.first { $0.name == name }?.value
  }

  /// Whether a flag was given.
  func has(_ flag: String) -> Bool { flags.contains(flag) }

  /// Reads one of several names into `value`, which stays as it is where the option was not given.
  ///
  /// - Returns: False if there is no such name.
  func read<Value: Choice>(_ name: String, _ value: inout Value) -> Bool {
    guard let text = self[name] else { return true }
    guard let choice = Value(argument: text) else { return false }
    value = choice
    return true
  }
}

/// What a verb can be asked in a plain line.
protocol PlainRequest {
  /// What the verb takes.
  static var plainNames: PlainArguments.Names { get }
  /// What the argument parser would make of the same line; nil where it might complain.
  init?(plain arguments: PlainArguments)
  /// Does it.
  func run() throws
}

extension PlainRequest {
  /// Reads what follows the verb.
  init?(_ arguments: ArraySlice<String>) {
    guard let arguments = PlainArguments(arguments, Self.plainNames) else { return nil }
    self.init(plain: arguments)
  }
}
