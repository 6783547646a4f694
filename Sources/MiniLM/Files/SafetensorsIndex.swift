internal import Tokenizers

/// The index of a model that transformers has cut into several safetensors files, its shards.
///
///     { "metadata": { "total_size": 4_000 },
///       "weight_map": { "transformer.wte.weight": "model-00001-of-00002.safetensors", … } }
///
/// Shards lie beside it. All of it is checked against their headers before a number is read: each tensor is in
/// the shard that the index names and in no other, and all of them together have the stated size.
struct SafetensorsIndex {
  /// Where the shards are, in the order of their names.
  let shards: [String]
  /// The bytes of all tensors together.
  let byteCount: Int

  private static let largestFile = 64 << 20

  init(path: String) throws(MiniLMError) {
    func bad(_ reason: String) -> MiniLMError { .badCheckpoint(path: path, reason: reason) }
    let json: JSONValue
    let bytes = try PlainFileReader.contents(of: path, limit: Self.largestFile)
    do {
      json = try JSONValue(parsing: bytes)
    } catch {
      throw bad("it is not JSON: \(error)")
    }
    guard case .object(let map) = json["weight_map"], !map.isEmpty else {
      throw bad("it has no 'weight_map' that says in which file each tensor is")
    }
    var tensors: [String: Set<String>] = [:]
    var seen: Set<String> = []
    for member in map {
      guard seen.insert(member.name).inserted else {
        throw bad("it names tensor '\(member.name)' twice")
      }
      guard let shard = member.value.stringValue else {
        throw bad("its entry of tensor '\(member.name)' is no file name")
      }
      guard Self.isPlainName(shard) else {
        throw bad(
          "it has tensor '\(member.name)' in '\(shard)': the name of a file beside it expected")
      }
      tensors[shard, default: []].insert(member.name)
    }
    let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
    // Said first: what else is wrong may come from it.
    if let shard = tensors.keys.sorted().first(where: { !PlainFileReader.exists(folder + $0) }) {
      throw bad("its shard '\(shard)' is missing")
    }
    var size = 0
    for (shard, names) in tensors.sorted(by: { $0.key < $1.key }) {
      size += try Self.size(of: folder + shard, holding: names, index: path)
    }
    if let stated = json["metadata"]?["total_size"], stated.doubleValue != Double(size) {
      throw bad("its total_size is \(stated.compact), and its tensors have \(size) bytes")
    }
    shards = tensors.keys.sorted().map { folder + $0 }
    byteCount = size
  }

  /// A name that leads nowhere but into the folder.
  private static func isPlainName(_ name: String) -> Bool {
    !name.isEmpty && name != "." && name != ".."
      && !name.utf8.contains { $0 == UInt8(ascii: "/") || $0 == 0 }
  }

  /// The bytes of the tensors of a shard, which are those called `names`.
  private static func size(of shard: String, holding names: Set<String>, index: String)
    throws(MiniLMError) -> Int
  {
    func bad(_ reason: String) -> MiniLMError { .badCheckpoint(path: index, reason: reason) }
    let reader: SafetensorsReader
    do {
      reader = try SafetensorsReader(path: shard)
    } catch .cannotRead(_, let reason) {
      throw bad("its shard '\(shard)' cannot be read: \(reason)")
    }
    var left = names
    var size = 0
    for entry in reader.entries {
      guard left.remove(entry.name) != nil else {
        throw bad("tensor '\(entry.name)' is in '\(shard)', where the index does not have it")
      }
      // No more than the file has, which the reader has checked.
      size += entry.range.count
    }
    if let name = left.min() {
      throw bad("tensor '\(name)' is not in '\(shard)', where the index has it")
    }
    return size
  }
}
