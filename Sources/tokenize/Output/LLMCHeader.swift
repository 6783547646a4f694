/// `llmc`: the header of llm.c's token files, 256 32-bit integers: magic number, version, count of ids.
enum LLMCHeader: TokenFileHeader {
  static func bytes(count: Int, width: Int) throws -> [UInt8] {
    guard let count = Int32(exactly: count) else {
      throw Failure(
        .badData,
        "llm.c's header holds a count up to 2147483647, and there are \(count) ids;"
          + " cut the text into several files")
    }
    let fields: [Int32] = width == 2 ? [20_240_520, 1, count] : [20_240_801, 7, count]
    var bytes: [UInt8] = []
    for field in fields + [Int32](repeating: 0, count: 256 - fields.count) {
      for shift in stride(from: 0, to: 32, by: 8) {
        bytes.append(UInt8(truncatingIfNeeded: field >> Int32(shift)))
      }
    }
    return bytes
  }
}
