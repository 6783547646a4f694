import Foundation
import MiniLM
import Tokenizers

/// Texts that are too large to commit, found through TOKENIZE_DATA.
enum RealTexts {
  /// Why a test without them is skipped.
  static let reason =
    "set TOKENIZE_DATA to a folder that holds texts/tinyshakespeare.txt and texts/the-verdict.txt"

  /// The path of `name`, or nil where it is not there.
  static func path(_ name: String) -> String? {
    guard let folder = ProcessInfo.processInfo.environment["TOKENIZE_DATA"] else { return nil }
    let path = "\(folder)/texts/\(name)"
    return FileManager.default.fileExists(atPath: path) ? path : nil
  }

  /// Whether `name` is there.
  static func has(_ name: String) -> Bool { path(name) != nil }

  /// A text as character ids, the distinct scalars numbered in order.
  static func characters(_ name: String) throws -> TokenStream {
    guard let path = path(name) else { throw CocoaError(.fileNoSuchFile) }
    let text = try String(contentsOfFile: path, encoding: .utf8)
    let scalars = Array(text.unicodeScalars)
    var table = [UInt32](repeating: 0, count: 0x11_0000)
    let distinct = Set(scalars).sorted()
    for (index, scalar) in distinct.enumerated() { table[Int(scalar.value)] = UInt32(index) }
    return try TokenStream(
      scalars.map { TokenID(table[Int($0.value)]) }, vocabularySize: distinct.count)
  }
}

/// A file name of its own in a folder that is removed afterwards.
func withScratchFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
    "minilm-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder.path)
}

/// The same small weights that scripts/make-minilm-reference.py makes.
func smallWeights(_ rows: Int, _ columns: Int, _ shift: Int) -> [Float] {
  (0..<rows).flatMap { row in
    (0..<columns).map { Float((5 * row + 3 * $0 + shift) % 13 - 6) / 8 }
  }
}

/// The small case of that script: vocabulary 7, width 3.
enum SmallCase {
  static let ids: [TokenID] = [0, 3, 6, 3, 1, 5]
  static let next: [TokenID] = [3, 6, 3, 1, 5, 0]

  static func batch(rows: Int = 2) throws -> Batch {
    try Batch(rows: rows, length: 6 / rows, inputs: ids, targets: next)
  }

  static func miniLM(bias: Bool = true) throws -> MiniLMModel {
    let model = try MiniLMModel(vocabularySize: 7, width: 3, bias: bias)
    model.parameters.values.replace(
      at: 0,
      with: smallWeights(7, 3, 0) + smallWeights(3, 7, 4) + (bias ? smallWeights(1, 7, 2) : []))
    return model
  }

  static func bigram() throws -> BigramModel {
    let model = try BigramModel(vocabularySize: 7)
    model.parameters.values.replace(at: 0, with: smallWeights(7, 7, 1))
    return model
  }
}

/// A stream of ids with some structure: each id is often followed by the next.
func syntheticStream(_ count: Int, vocabularySize: Int, seed: UInt64 = 3) throws -> TokenStream {
  var random = RandomGenerator(seed: seed)
  var last = 0
  let ids = (0..<count).map { _ in
    last =
      random.uniform() < 0.7
      ? (last + 1) % vocabularySize : random.integer(below: vocabularySize)
    return TokenID(UInt32(last))
  }
  return try TokenStream(ids, vocabularySize: vocabularySize)
}

/// All parameters, bit by bit.
func bits(_ model: any LanguageModel) -> [UInt32] {
  model.parameters.values.values(in: 0..<model.parameters.count).map(\.bitPattern)
}

/// A product of matrices, its transposed forms and what it is added to.
struct ProductCase {
  let m: Int
  let n: Int
  let k: Int
  var transposeA = false
  var transposeB = false
  var adds = false

  /// Of the worst error: sums of k rounded terms in any order; errors of both signs, so that √k is what to expect.
  var bound: Double { 2 + Double(k).squareRoot() / 2 }
}

/// A product's errors against sums in double precision, each in units of 2⁻²⁴·Σ|a·b|: what rounding one of its
/// terms once costs at most.
struct ProductErrors {
  private(set) var worst = 0.0
  private(set) var meanSquare = 0.0

  init(of product: [Float], _ a: [Float], _ b: [Float], _ c: [Float], _ shape: ProductCase) {
    let (m, n, k) = (shape.m, shape.n, shape.k)
    for i in 0..<m {
      for j in 0..<n {
        var sum = shape.adds ? Double(c[i * n + j]) : 0
        var magnitude = abs(sum)
        for p in 0..<k {
          let x = Double(shape.transposeA ? a[p * m + i] : a[i * k + p])
          let y = Double(shape.transposeB ? b[j * k + p] : b[p * n + j])
          sum += x * y
          magnitude += abs(x * y)
        }
        let error = abs(Double(product[i * n + j]) - sum) / (magnitude * 0x1p-24)
        // A NaN is larger than any bound.
        worst = error <= worst ? worst : error
        meanSquare += error * error / Double(m * n)
      }
    }
  }
}
