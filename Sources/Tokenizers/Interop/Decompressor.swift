internal import CCompression

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Why compressed bytes could not be read.
public enum CompressionError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The library is not there.
  case noLibrary(Compression)
  /// The bytes are not what they begin as; what the library says.
  case malformed(Compression, String)
  /// The bytes end too early.
  case truncated(Compression)

  /// What was met, what to do.
  public var description: String {
    switch self {
    case .noLibrary(let kind):
      "is compressed with \(kind.rawValue), and \(kind.library) cannot be opened: install it, or"
        + " decompress the file first"
    case .malformed(let kind, let reason): "\(kind.rawValue) cannot be decompressed: \(reason)"
    case .truncated(let kind): "the \(kind.rawValue) data ends too early: the file was cut off"
    }
  }
}

/// A way in which a file may be compressed, told by its first bytes.
public enum Compression: String, Hashable, Sendable {
  /// RFC 1952, by zlib.
  case gzip
  /// RFC 8878, by libzstd.
  case zstd

  /// What bytes begin as, if they are compressed; four are enough.
  public init?(beginning bytes: Span<UInt8>) {
    if bytes.count >= 3, bytes[0] == 0x1F, bytes[1] == 0x8B, bytes[2] == 8 {
      self = .gzip
    } else if bytes.count >= 4, bytes[0] == 0x28, bytes[1] == 0xB5, bytes[2] == 0x2F,
      bytes[3] == 0xFD
    {
      self = .zstd
    } else {
      return nil
    }
  }

  /// The library that reads it.
  var library: String { self == .gzip ? "zlib" : "libzstd" }
}

/// Decompresses bytes as they come, by the system's libraries: the only calls of them.
///
/// Several compressed texts one behind the other are one text. The libraries are opened when they are first
/// needed and never closed; who reads plain text does not pay for them.
public final class Decompressor {
  private static let blockSize = 1 << 18

  private let kind: Compression
  private var stream: Stream
  private var block = [UInt8](repeating: 0, count: blockSize)
  private var isAtEnd = false

  /// - Throws: `CompressionError.noLibrary`.
  public init(_ kind: Compression) throws(CompressionError) {
    self.kind = kind
    stream = try kind == .gzip ? .gzip(GzipStream()) : .zstd(ZstdStream())
  }

  private enum Stream {
    case gzip(GzipStream)
    case zstd(ZstdStream)
  }

  /// Takes compressed bytes and hands the text on, a block at a time.
  public func append(
    _ bytes: Span<UInt8>, _ output: (Span<UInt8>) throws -> Void
  ) throws {
    var taken = 0
    // Taken out for the call, so that it is a local whose span can be handed on.
    var block: [UInt8] = []
    swap(&block, &self.block)
    defer { swap(&block, &self.block) }
    while true {
      let step = try self.step(bytes.extracting(taken..<bytes.count), &block)
      taken += step.taken
      if step.taken > 0 || step.given > 0 { isAtEnd = step.isAtEnd }
      if step.given > 0 { try output(block.span.extracting(0..<step.given)) }
      if taken == bytes.count, step.given < block.count { return }
    }
  }

  private func step(
    _ bytes: Span<UInt8>, _ block: inout [UInt8]
  ) throws(CompressionError) -> DecompressionStep {
    switch stream {
    case .gzip(let stream): try stream.step(bytes, into: &block, restarts: isAtEnd)
    case .zstd(let stream): try stream.step(bytes, into: &block)
    }
  }

  /// Says that there are no more bytes.
  public func finish() throws(CompressionError) {
    if !isAtEnd { throw .truncated(kind) }
  }
}

/// What one call of a library did.
private struct DecompressionStep {
  var taken: Int
  var given: Int
  /// Whether a compressed text ends here.
  var isAtEnd: Bool
}

/// A library of the system, opened by one of its names.
private func openLibrary(_ names: [String]) -> UnsafeMutableRawPointer? {
  for name in names {
    if let library = unsafe dlopen(name, RTLD_NOW | RTLD_LOCAL) { return unsafe library }
  }
  return nil
}

/// Owns zlib's state.
@safe private final class GzipStream {
  // zlib keeps the address: it must not move.
  private let state = UnsafeMutablePointer<ccompression_zlib_stream>.allocate(capacity: 1)
  private let inflate: ccompression_inflate_function
  private let reset: ccompression_inflate_end_function
  private let end: ccompression_inflate_end_function

  init() throws(CompressionError) {
    unsafe state.initialize(to: ccompression_zlib_stream())
    guard let library = unsafe openLibrary(["libz.so.1", "libz.dylib", "libz.1.dylib"]),
      let start = unsafe dlsym(library, "inflateInit2_"),
      let inflate = unsafe dlsym(library, "inflate"),
      let reset = unsafe dlsym(library, "inflateReset"),
      let end = unsafe dlsym(library, "inflateEnd")
    else { throw .noLibrary(.gzip) }
    // zlib's interface fixes the types since its version 1.
    unsafe self.inflate = unsafe unsafeBitCast(inflate, to: ccompression_inflate_function.self)
    unsafe self.reset = unsafe unsafeBitCast(reset, to: ccompression_inflate_end_function.self)
    unsafe self.end = unsafe unsafeBitCast(end, to: ccompression_inflate_end_function.self)
    let started = unsafe unsafeBitCast(start, to: ccompression_inflate_init_function.self)(
      state, Int32(CCOMPRESSION_GZIP_WINDOW), "1",
      Int32(MemoryLayout<ccompression_zlib_stream>.size))
    guard started == CCOMPRESSION_OK else { throw .noLibrary(.gzip) }
  }

  deinit {
    _ = unsafe end(state)
    unsafe state.deallocate()
  }

  func step(
    _ bytes: Span<UInt8>, into block: inout [UInt8], restarts: Bool
  ) throws(CompressionError) -> DecompressionStep {
    if restarts {
      if bytes.isEmpty { return DecompressionStep(taken: 0, given: 0, isAtEnd: true) }
      _ = unsafe reset(state)
    }
    let state = unsafe state
    let count = min(bytes.count, Int(UInt32.max))
    // Both pointers are used during the call only, with the lengths given beside them.
    let result = unsafe bytes.withUnsafeBufferPointer { input in
      unsafe block.withUnsafeMutableBufferPointer { output in
        unsafe state.pointee.next_in = input.baseAddress
        unsafe state.pointee.avail_in = UInt32(count)
        unsafe state.pointee.next_out = output.baseAddress
        unsafe state.pointee.avail_out = UInt32(output.count)
        return unsafe inflate(state, Int32(CCOMPRESSION_NO_FLUSH))
      }
    }
    guard
      [CCOMPRESSION_OK, CCOMPRESSION_STREAM_END, CCOMPRESSION_BUFFER_ERROR].contains(
        where: { $0 == result })
    else {
      // zlib's own constant text, if there is one.
      let reason = unsafe state.pointee.message.map { unsafe String(cString: $0) }
      throw .malformed(.gzip, reason ?? "error \(result)")
    }
    return unsafe DecompressionStep(
      taken: count - Int(state.pointee.avail_in), given: block.count - Int(state.pointee.avail_out),
      isAtEnd: result == CCOMPRESSION_STREAM_END)
  }
}

/// Owns libzstd's state.
@safe private final class ZstdStream {
  private let state: UnsafeMutableRawPointer
  private let free: ccompression_zstd_free_function
  private let decompress: ccompression_zstd_decompress_function
  private let isError: ccompression_zstd_is_error_function
  private let errorName: ccompression_zstd_error_name_function

  init() throws(CompressionError) {
    let names = ["libzstd.so.1", "libzstd.dylib", "/opt/homebrew/lib/libzstd.dylib"]
    guard let library = unsafe openLibrary(names),
      let create = unsafe dlsym(library, "ZSTD_createDStream"),
      let free = unsafe dlsym(library, "ZSTD_freeDStream"),
      let decompress = unsafe dlsym(library, "ZSTD_decompressStream"),
      let isError = unsafe dlsym(library, "ZSTD_isError"),
      let errorName = unsafe dlsym(library, "ZSTD_getErrorName"),
      // libzstd's interface fixes the types since its version 1.
      let state = unsafe unsafeBitCast(create, to: ccompression_zstd_create_function.self)()
    else { throw .noLibrary(.zstd) }
    unsafe self.state = state
    unsafe self.free = unsafe unsafeBitCast(free, to: ccompression_zstd_free_function.self)
    unsafe self.decompress = unsafe unsafeBitCast(
      decompress, to: ccompression_zstd_decompress_function.self)
    self.isError = unsafe unsafeBitCast(isError, to: ccompression_zstd_is_error_function.self)
    unsafe self.errorName = unsafe unsafeBitCast(
      errorName, to: ccompression_zstd_error_name_function.self)
  }

  deinit { _ = unsafe free(state) }

  func step(
    _ bytes: Span<UInt8>, into block: inout [UInt8]
  ) throws(CompressionError) -> DecompressionStep {
    var step = DecompressionStep(taken: 0, given: 0, isAtEnd: false)
    var code = 0
    // Both pointers are used during the call only, with the lengths given beside them.
    unsafe bytes.withUnsafeBytes { source in
      unsafe block.withUnsafeMutableBytes { target in
        var input = unsafe ccompression_zstd_input(
          source: source.baseAddress, size: source.count, position: 0)
        var output = unsafe ccompression_zstd_output(
          target: target.baseAddress, size: target.count, position: 0)
        code = unsafe decompress(state, &output, &input)
        step.taken = unsafe input.position
        step.given = unsafe output.position
      }
    }
    if isError(code) != 0 {
      // libzstd's own constant text.
      let name = unsafe errorName(code)
      let reason = unsafe name.map { unsafe String(cString: $0) }
      throw .malformed(.zstd, reason ?? "error")
    }
    step.isAtEnd = code == 0
    return step
  }
}
