import Foundation
import MiniLM
import TestSupport
import Testing
import Tokenizers

/// Models in several safetensors files, with an index, as transformers cuts large ones.
@Suite struct ShardedModelTests {
  /// A safetensors file taken apart by Foundation's JSON.
  private struct Tensors {
    var list: [(name: String, description: [String: Any], bytes: Data)] = []

    init(path: String) throws {
      let data = try Data(contentsOf: URL(fileURLWithPath: path))
      let length = data.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
      let header = try JSONSerialization.jsonObject(with: data[8..<8 + length]) as? [String: Any]
      for (name, value) in try #require(header) where name != "__metadata__" {
        let description = try #require(value as? [String: Any])
        let offsets = try #require(description["data_offsets"] as? [Int])
        list.append(
          (name, description, data[8 + length + offsets[0]..<8 + length + offsets[1]]))
      }
      list.sort { $0.name < $1.name }
    }

    /// A file of some of them.
    static func file(_ tensors: ArraySlice<(name: String, description: [String: Any], bytes: Data)>)
      throws -> Data
    {
      var header: [String: Any] = [:]
      var body = Data()
      for (name, description, bytes) in tensors {
        var description = description
        description["data_offsets"] = [body.count, body.count + bytes.count]
        header[name] = description
        body += bytes
      }
      let json = try JSONSerialization.data(withJSONObject: header)
      let length = (0..<8).map { UInt8(truncatingIfNeeded: json.count >> (8 * $0)) }
      return Data(length) + json + body
    }
  }

  private static let shards = [
    "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
  ]

  /// Cuts the model in `folder` in two; the index as Foundation has it, before it is written.
  private func cut(_ folder: String) throws -> [String: Any] {
    let whole = "\(folder)/model.safetensors"
    let tensors = try Tensors(path: whole)
    try FileManager.default.removeItem(atPath: whole)
    let half = tensors.list.count / 2
    var map: [String: String] = [:]
    for (shard, part) in zip(Self.shards, [tensors.list[..<half], tensors.list[half...]]) {
      try Tensors.file(part).write(to: URL(fileURLWithPath: "\(folder)/\(shard)"))
      for tensor in part { map[tensor.name] = shard }
    }
    return [
      "metadata": ["total_size": tensors.list.reduce(0) { $0 + $1.bytes.count }], "weight_map": map,
    ]
  }

  private func write(_ index: [String: Any], to folder: String) throws {
    try JSONSerialization.data(withJSONObject: index).write(
      to: URL(fileURLWithPath: "\(folder)/model.safetensors.index.json"))
  }

  @Test(arguments: GPTReference.names)
  func shardsGiveTheSameModel(_ name: String) throws {
    let model = try GPTReference.named(name).model()
    try withScratchFolder { folder in
      try ModelFiles.write(model, to: folder)
      var index = try cut(folder)
      try write(index, to: folder)
      #expect(bits(try ModelFiles.read(from: folder).model) == bits(model))
      // A size is not stated by every program.
      index["metadata"] = nil
      try write(index, to: folder)
      #expect(bits(try ModelFiles.read(from: folder).model) == bits(model))
      // One file goes before an index, as it does in transformers.
      try ModelFiles.write(model, to: folder)
      try Data("no index".utf8).write(
        to: URL(fileURLWithPath: "\(folder)/model.safetensors.index.json"))
      #expect(bits(try ModelFiles.read(from: folder).model) == bits(model))
    }
  }

  /// What transformers saved, cut in two: names without prefix, masks, half of it elsewhere.
  @Test func transformersGPT2InShards() throws {
    let source = Fixtures.path("fixtures/gpt/gpt2")
    let whole = try ModelFiles.read(from: source).model
    try withScratchFolder { folder in
      for name in ["config.json", "model.safetensors"] {
        try FileManager.default.copyItem(atPath: "\(source)/\(name)", toPath: "\(folder)/\(name)")
      }
      try write(try cut(folder), to: folder)
      #expect(bits(try ModelFiles.read(from: folder).model) == bits(whole))
    }
  }

  /// What the refusal says when an index or a shard has been changed.
  private func refusal(
    _ change: (_ index: inout [String: Any], _ map: inout [String: Any], _ folder: String) throws ->
      Void
  ) throws -> String {
    try withScratchFolder { folder in
      try ModelFiles.write(try GPTReference.named("GPT-2").model(), to: folder)
      var index = try cut(folder)
      var map = try #require(index["weight_map"] as? [String: Any])
      try change(&index, &map, folder)
      if index["weight_map"] != nil { index["weight_map"] = map }
      try write(index, to: folder)
      do {
        _ = try ModelFiles.read(from: folder)
        return ""
      } catch let error as MiniLMError {
        guard case .badCheckpoint = error else { return "" }
        return error.description
      }
    }
  }

  @Test func badIndexesAreRefused() throws {
    let tensor = "transformer.wte.weight"
    #expect(try refusal { _, _, _ in } == "")
    #expect(try refusal { index, _, _ in index["weight_map"] = nil }.contains("weight_map"))
    #expect(try refusal { _, map, _ in map = [:] }.contains("weight_map"))
    #expect(try refusal { _, map, _ in map[tensor] = 3 }.contains("no file name"))
    for name in ["", ".", "..", "/etc/passwd", "../model.safetensors", "a/b.safetensors", "a\0b"] {
      #expect(
        try refusal { _, map, _ in map[tensor] = name }.contains("beside it expected"), "\(name)")
    }
    #expect(
      try refusal { _, map, _ in map[tensor] = "model-00003-of-00002.safetensors" }.contains(
        "is missing"))
    #expect(
      try refusal { _, _, folder in
        try FileManager.default.removeItem(atPath: "\(folder)/\(Self.shards[1])")
      }.contains("is missing"))
    #expect(
      try refusal { _, map, _ in
        map[tensor] = map[tensor] as? String == Self.shards[0] ? Self.shards[1] : Self.shards[0]
      }.contains("where the index"))
    #expect(
      try refusal { _, map, _ in map["transformer.extra"] = Self.shards[0] }.contains(
        "'transformer.extra' is not in"))
    #expect(
      try refusal { _, map, _ in map[tensor] = nil }.contains(
        "where the index does not have it"))
    for size in [0, 1, -1, Int.max] as [Any] + ["4000", 1e300, NSNull()] {
      #expect(
        try refusal { index, _, _ in index["metadata"] = ["total_size": size] }.contains(
          "total_size"), "\(size)")
    }
  }

  @Test func badShardsAreRefused() throws {
    func edit(_ folder: String, _ change: (inout Data) -> Void) throws {
      let file = URL(fileURLWithPath: "\(folder)/\(Self.shards[1])")
      var data = try Data(contentsOf: file)
      change(&data)
      try data.write(to: file)
    }
    #expect(try refusal { _, _, folder in try edit(folder) { $0.removeLast() } }.contains("short"))
    #expect(
      try refusal { _, _, folder in try edit(folder) { $0.append(0) } }.contains("follow its end"))
    #expect(try refusal { _, _, folder in try edit(folder) { $0 = Data() } }.contains("too few"))
    #expect(
      try refusal { _, _, folder in
        let path = "\(folder)/\(Self.shards[1])"
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.createDirectory(
          atPath: path, withIntermediateDirectories: false)
      } != "")
    // The tensors of the other shard once more.
    #expect(
      try refusal { _, _, folder in
        let first = try Tensors(path: "\(folder)/\(Self.shards[0])").list
        let second = try Tensors(path: "\(folder)/\(Self.shards[1])").list
        try Tensors.file((second + first)[...]).write(
          to: URL(fileURLWithPath: "\(folder)/\(Self.shards[1])"))
      }.contains("where the index does not have it"))
  }

  /// Foundation would not write a name twice.
  @Test func aTensorNamedTwiceIsRefused() throws {
    try withScratchFolder { folder in
      try ModelFiles.write(try GPTReference.named("GPT-2").model(), to: folder)
      _ = try cut(folder)
      let text = #"{"weight_map":{"a":"\#(Self.shards[0])","a":"\#(Self.shards[1])"}}"#
      try text.write(
        toFile: "\(folder)/model.safetensors.index.json", atomically: false, encoding: .utf8)
      #expect {
        try ModelFiles.read(from: folder)
      } throws: {
        "\($0)".contains("names tensor 'a' twice")
      }
      for text in ["", "[]", "{", #"{"weight_map":[]}"#, "null"] {
        try text.write(
          toFile: "\(folder)/model.safetensors.index.json", atomically: false, encoding: .utf8)
        #expect(throws: MiniLMError.self) { try ModelFiles.read(from: folder) }
      }
    }
  }
}
