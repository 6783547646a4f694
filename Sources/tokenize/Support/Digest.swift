import Crypto

/// SHA-256 of bytes as they come: the only use of the cryptography library.
struct Digest {
  private var hash = SHA256()

  mutating func update(_ bytes: Span<UInt8>) {
    // The pointer is not kept.
    unsafe bytes.withUnsafeBytes { unsafe hash.update(bufferPointer: $0) }
  }

  /// The digest as 64 hexadecimal digits.
  var hexadecimal: String {
    hash.finalize().map { byte in
      let digits = String(byte, radix: 16)
      return digits.count == 1 ? "0" + digits : digits
    }.joined()
  }
}
