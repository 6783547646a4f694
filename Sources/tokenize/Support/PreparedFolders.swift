/// Where prepared forms of vocabularies are kept.
///
/// Never beside a vocabulary, whose folder may have come from anywhere: whoever makes up a prepared form says
/// what ids a text has. So they lie in places that belong to the user, or to those who have put the program there.
enum PreparedFolders {
  /// A list of folders in the place of the usual ones; empty for none.
  static let variable = "TOKENIZE_PREPARED"

  /// Where they are looked for, in this order.
  static var all: [String] {
    if let list = Paths.environment(variable) {
      return list.split(separator: ":").map(String.init)
    }
    return ([cache] + ofProgram).compactMap { $0 }
  }

  /// Where they are written: nowhere, if there is no home.
  static var first: String? { all.first }

  /// The user's own.
  private static var cache: String? {
    // The standard has relative paths ignored.
    if let folder = Paths.environment("XDG_CACHE_HOME"), folder.hasPrefix("/") {
      return folder + "/tokenize"
    }
    guard let home = Paths.environment("HOME"), home.hasPrefix("/") else { return nil }
    return home + "/.cache/tokenize"
  }

  /// What was installed with the program, or made when it was built.
  private static var ofProgram: [String] {
    guard let program = Paths.program else { return [] }
    let home = Paths.folder(of: program)
    return [Paths.folder(of: home) + "/share/tokenize/prepared", home + "/prepared"]
  }
}
