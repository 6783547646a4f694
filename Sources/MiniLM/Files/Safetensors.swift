internal import CKernels
internal import Tokenizers

/// Files of named tensors, as Hugging Face's `safetensors` defines them.
///
///     8 bytes       length of the header, little-endian
///     the header    JSON: name → dtype, shape, data_offsets (from the end of the header); and under
///                   "__metadata__" strings; blanks at its end
///     the numbers   of all tensors, one after the other, without gaps, row by row, little-endian
///
/// Ours are float32, and carry in the metadata a `checksum` of the other metadata and of the numbers; where
/// a file has one it is compared.
enum Safetensors {
  /// A tensor to be written: some floats of an arena.
  struct Part {
    var name: String
    var shape: [Int]
    var storage: FloatStorage
    var range: Range<Int>
  }

  /// A tensor in a file.
  struct Entry {
    enum Element: String {
      case float32 = "F32"
      case float16 = "F16"
      case bfloat16 = "BF16"
      case float64 = "F64"

      var size: Int {
        switch self {
        case .float16, .bfloat16: 2
        case .float32: 4
        case .float64: 8
        }
      }
    }

    var name: String
    /// Nothing for what is not a floating-point number of a known kind.
    var element: Element?
    var shape: [Int]
    /// Bytes after the header.
    var range: Range<Int>
    var count: Int { shape.reduce(1, *) }
  }

  /// The most a header may have, as the format has it.
  static let largestHeader = 100_000_000

  /// The checksum before anything has been added.
  static let checksumStart: UInt64 = 0xCBF2_9CE4_8422_2325

  /// The checksum of strings, `checksum` itself left out, in the order of their names.
  static func checksum(of metadata: [String: String]) -> UInt64 {
    var state = checksumStart
    for (name, value) in metadata.sorted(by: {
      Array($0.key.utf8).lexicographicallyPrecedes($1.key.utf8)
    })
    where name != "checksum" {
      let bytes = Array("\(name)=\(value)\n".utf8)
      // The array's own bytes.
      unsafe state = minilm_checksum(state, bytes, bytes.count)
    }
    return state
  }

  /// Writes a file, aside first: on failure whatever had this name before is untouched.
  static func write(_ parts: [Part], metadata: [String: String], to path: String)
    throws(MiniLMError)
  {
    var sum = checksum(of: metadata)
    for part in parts {
      // `pointer(at:)` checks the range.
      unsafe sum = minilm_checksum(sum, part.storage.pointer(at: part.range), 4 * part.range.count)
    }
    var strings = metadata.sorted { $0.key < $1.key }.map {
      JSONValue.Member($0.key, .string($0.value))
    }
    strings.append(.init("checksum", .string(String(sum, radix: 16))))
    var members = [JSONValue.Member("__metadata__", .object(strings))]
    var offset = 0
    for part in parts {
      precondition(part.shape.reduce(1, *) == part.range.count)
      let end = offset + 4 * part.range.count
      members.append(
        .init(
          part.name,
          .members([
            "dtype": .string("F32"), "shape": .array(part.shape.map { .integer($0) }),
            "data_offsets": .array([.integer(offset), .integer(end)]),
          ])))
      offset = end
    }
    var header = Array(JSONValue.object(members).compact.utf8)
    // Numbers at a multiple of 64 bytes.
    while (header.count + 8) % 64 != 0 { header.append(UInt8(ascii: " ")) }
    let length = UInt64(header.count)
    let bytes = (0..<8).map { UInt8(truncatingIfNeeded: length >> UInt64(8 * $0)) } + header
    var writer = try WholeFileWriter(path: path)
    // The array's own bytes; parameters are little-endian in memory on every platform this is built for.
    try unsafe writer.write(bytes, count: bytes.count)
    for part in parts {
      try unsafe writer.write(part.storage.pointer(at: part.range), count: 4 * part.range.count)
    }
    try writer.commit()
  }
}

/// A safetensors file whose header has been read and found in order.
struct SafetensorsReader: ~Copyable {
  let path: String
  /// In the order of their bytes.
  let entries: [Safetensors.Entry]
  let metadata: [String: String]
  private var file: PlainFileReader

  init(path: String) throws(MiniLMError) {
    var file = try PlainFileReader(path: path)
    let header = try Self.header(&file)
    self.path = path
    self.file = file
    (entries, metadata) = (header.entries, header.metadata)
  }

  private static func header(_ file: inout PlainFileReader) throws(MiniLMError)
    -> (entries: [Safetensors.Entry], metadata: [String: String])
  {
    let path = file.path
    func bad(_ reason: String) -> MiniLMError { .badCheckpoint(path: path, reason: reason) }
    guard file.remaining >= 8 else {
      throw bad("it has \(file.remaining) bytes, too few for a safetensors file")
    }
    let length = try file.bytes(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard length <= Safetensors.largestHeader else {
      throw bad("it does not begin as a safetensors file does")
    }
    guard length <= UInt64(file.remaining) else {
      throw bad("it is cut short: its header alone has \(length) bytes")
    }
    let document: JSONValue
    let bytes = try file.bytes(Int(length))
    do {
      document = try JSONValue(parsing: bytes)
    } catch {
      throw bad("its header is not JSON: \(error)")
    }
    guard case .object(let members) = document else { throw bad("its header is not an object") }
    var entries: [Safetensors.Entry] = []
    var metadata: [String: String] = [:]
    for member in members {
      if member.name == "__metadata__" {
        guard case .object(let strings) = member.value else {
          throw bad("its metadata is no object")
        }
        for string in strings {
          guard let value = string.value.stringValue else {
            throw bad("the metadata '\(string.name)' is no string")
          }
          metadata[string.name] = value
        }
        continue
      }
      guard let entry = Self.entry(member) else {
        throw bad("tensor '\(member.name)' is not described as it should be")
      }
      entries.append(entry)
    }
    entries.sort {
      ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
    }
    var offset = 0
    for entry in entries {
      guard entry.range.lowerBound == offset else {
        throw bad("tensor '\(entry.name)' does not follow the one before it")
      }
      offset = entry.range.upperBound
    }
    guard Set(entries.map(\.name)).count == entries.count else {
      throw bad("it names a tensor twice")
    }
    guard file.remaining == offset else {
      throw bad(
        file.remaining < offset
          ? "it is cut short: \(offset - file.remaining) of its bytes are missing"
          : "\(file.remaining - offset) bytes follow its end")
    }
    return (entries, metadata)
  }

  private static func entry(_ member: JSONValue.Member) -> Safetensors.Entry? {
    guard let type = member.value["dtype"]?.stringValue,
      let shape = member.value["shape"]?.arrayValue?.map(\.integerValue),
      let offsets = member.value["data_offsets"]?.arrayValue?.compactMap(\.integerValue),
      offsets.count == 2, offsets[0] >= 0, offsets[0] <= offsets[1]
    else { return nil }
    var sizes: [Int] = []
    var count = 1
    for size in shape {
      guard let size, size >= 0 else { return nil }
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      if overflow || product > 1 << 48 { return nil }
      count = product
      sizes.append(size)
    }
    let element = Safetensors.Entry.Element(rawValue: type)
    if let element, count * element.size != offsets[1] - offsets[0] { return nil }
    return Safetensors.Entry(
      name: member.name, element: element, shape: sizes, range: offsets[0]..<offsets[1])
  }

  /// Reads all tensors, each to the place that `place` gives for it, as float32; what it gives none for is
  /// passed over. Throws where a checksum is wrong.
  mutating func read(
    _ place: (Safetensors.Entry) throws(MiniLMError) -> (FloatStorage, Int)?
  ) throws(MiniLMError) {
    var sum = Safetensors.checksum(of: metadata)
    for entry in entries {
      let target = try place(entry)
      if let (storage, offset) = target, entry.element == .float32 {
        // `pointer(at:)` checks that there is room for them.
        let floats = unsafe storage.pointer(at: offset..<offset + entry.count)
        try unsafe file.read(into: floats, count: 4 * entry.count)
        unsafe sum = minilm_checksum(sum, floats, 4 * entry.count)
        continue
      }
      guard let element = entry.element ?? (target == nil ? .float32 : nil) else {
        throw .badCheckpoint(
          path: path, reason: "tensor '\(entry.name)' does not hold floating-point numbers")
      }
      var left = entry.range.count
      var offset = target?.1 ?? 0
      while left > 0 {
        let piece = try file.bytes(Swift.min(left, 1 << 20))
        // The array's own bytes.
        unsafe sum = minilm_checksum(sum, piece, piece.count)
        if let storage = target?.0 {
          for start in stride(from: 0, to: piece.count, by: element.size) {
            storage[offset] = Self.float(piece, at: start, element)
            offset += 1
          }
        }
        left -= piece.count
      }
    }
    if let stored = metadata["checksum"], stored != String(sum, radix: 16) {
      throw .badCheckpoint(path: path, reason: "its checksum is wrong: the file is damaged")
    }
  }

  /// One number of some size as a float; the pieces are a multiple of every size.
  private static func float(_ bytes: [UInt8], at start: Int, _ element: Safetensors.Entry.Element)
    -> Float
  {
    var bits: UInt64 = 0
    for index in (0..<element.size).reversed() { bits = bits << 8 | UInt64(bytes[start + index]) }
    switch element {
    case .float32: return Float(bitPattern: UInt32(truncatingIfNeeded: bits))
    case .bfloat16: return Float(bitPattern: UInt32(truncatingIfNeeded: bits << 16))
    case .float64: return Float(Double(bitPattern: bits))
    case .float16: return half(UInt16(truncatingIfNeeded: bits))
    }
  }

  /// IEEE 754's half precision, spelled out: the type Float16 is not on every platform.
  private static func half(_ bits: UInt16) -> Float {
    let sign: Float = bits >> 15 == 1 ? -1 : 1
    let exponent = Int(bits >> 10 & 0x1F)
    let fraction = Float(bits & 0x3FF)
    switch exponent {
    case 0: return sign * fraction * 0x1p-24
    case 31: return fraction == 0 ? sign * .infinity : .nan
    default:
      return sign * Float(sign: .plus, exponent: exponent - 15, significand: 1 + fraction / 1024)
    }
  }
}
