internal import CKernels

/// A pre-token as a key of the cache: its bytes where there are at most 15, else their hash and number.
/// `key_kernels.h` says where the bits lie.
typealias PreTokenKey = pre_token_key

extension PreTokenKey {
  /// Longest pre-token whose bytes are the key, in bytes.
  static let longestInline = Int(KEY_LONGEST_INLINE)
  /// Longest pre-token that is worth remembering, in bytes. Longer ones hardly ever come back.
  static let longest = Int(KEY_LONGEST)

  /// The key of the `length` bytes at `start`.
  ///
  /// - Parameter available: How many bytes may be read from `start` on, at least `length`.
  @inline(__always)
  init(_ start: UnsafeRawPointer, length: Int, available: Int) {
    if length > Self.longest {
      self = .tooLong
      return
    }
    if length > Self.longestInline {
      unsafe self.init(hashing: UnsafeRawBufferPointer(start: start, count: length))
      return
    }
    var low: UInt64 = 0
    var high: UInt64 = 0
    if available >= 16 {
      // 16 bytes may be read: what lies past the pre-token is masked off.
      low = UInt64(littleEndian: unsafe start.loadUnaligned(as: UInt64.self))
      high = UInt64(littleEndian: unsafe start.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    } else {
      for offset in 0..<length {
        let byte = UInt64(unsafe start.load(fromByteOffset: offset, as: UInt8.self))
        if offset < 8 { low |= byte << UInt64(8 * offset) }
        if offset >= 8 { high |= byte << UInt64(8 * (offset - 8)) }
      }
    }
    if length < 8 {
      low &= (1 &<< UInt64(8 &* length)) &- 1
      high = 0
    } else {
      high &= (1 &<< UInt64(8 &* (length &- 8))) &- 1
    }
    if low != 0 {
      self.init(low: low, high: high | UInt64(length) << 56)
    } else if length < 8 {
      self.init(low: KEY_OF_ZEROS, high: UInt64(length) << 56)
    } else {
      unsafe self.init(hashing: UnsafeRawBufferPointer(start: start, count: length))
    }
  }

  /// The key of a pre-token whose bytes are not the key themselves.
  private init(hashing bytes: UnsafeRawBufferPointer) {
    self.init(low: unsafe Self.hash(bytes), high: UInt64(bytes.count))
  }

  /// The key of a pre-token that is not remembered.
  static let tooLong = PreTokenKey(low: 0, high: KEY_TOO_LONG)

  /// Both words, the low one first.
  var words: [UInt64] { [low, high] }

  /// Whether the key is a hash and not the bytes themselves.
  @inline(__always)
  var isHashed: Bool { high >> 56 == 0 }

  /// A hash whose highest bits depend on all of both words.
  @inline(__always)
  var hash: UInt32 {
    let mixed = (low ^ (high &* 0x9E37_79B9_7F4A_7C15)) &* 0xD6E8_FEB8_6659_FD93
    return UInt32(truncatingIfNeeded: mixed >> 32)
  }

  /// A hash of bytes, never 0: eight at a step, the last eight overlapping those before; fewer than eight one by
  /// one.
  static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    var hash = UInt64(truncatingIfNeeded: bytes.count) &* 0x9E37_79B9_7F4A_7C15
    if bytes.count < 8 {
      for offset in 0..<bytes.count {
        hash = (hash ^ UInt64(unsafe bytes[offset])) &* 0x100_0000_01B3
      }
    } else {
      var offset = 0
      while offset &+ 8 < bytes.count {
        // In bounds by the condition of the loop; eight bytes are any UInt64.
        hash = mixed(
          hash, unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        offset &+= 8
      }
      // At least eight bytes long, checked above.
      hash = mixed(
        hash, unsafe bytes.loadUnaligned(fromByteOffset: bytes.count &- 8, as: UInt64.self))
    }
    hash = (hash ^ (hash >> 32)) &* 0x9E37_79B9_7F4A_7C15
    return hash == 0 ? 1 : hash
  }

  /// The same for a span.
  @inline(__always)
  static func hash(_ bytes: Span<UInt8>) -> UInt64 {
    // Only while the span lives.
    unsafe bytes.withUnsafeBytes { unsafe hash($0) }
  }

  @inline(__always)
  private static func mixed(_ hash: UInt64, _ word: UInt64) -> UInt64 {
    let product = (hash ^ UInt64(littleEndian: word)) &* 0xD6E8_FEB8_6659_FD93
    return product ^ (product >> 32)
  }
}

/// How keys are hashed, and by what they are made and looked up. Ids are the same.
enum PreTokenHash: CaseIterable {
  /// By multiplications, in kernels with AVX-512.
  case vectors
  /// By the processor's CRC32, in kernels with AVX2 or for ARM.
  case crc32
  /// By the same multiplications, in kernels for any processor.
  case multiplication
  /// By the same multiplications, in Swift.
  case portable

  /// What this processor can run.
  static let available = allCases.filter { hash in
    hash.kernel.map { keys_have_kernel($0) != 0 } ?? true
  }

  /// What an engine of this level uses; nil is the reference.
  init(_ level: MaskScanner.Level?) {
    #if arch(arm64)
      let baseline = PreTokenHash.crc32
    #else
      let baseline = PreTokenHash.multiplication
    #endif
    let wanted: PreTokenHash =
      switch level {
      case nil: .portable
      case .plain: .multiplication
      case .baseline: baseline
      case .avx2: .crc32
      case .avx512: .vectors
      }
    self = Self.available.contains(wanted) ? wanted : .multiplication
  }

  /// The number of the kernels, nil if there are none.
  @inline(__always)
  var kernel: Int32? {
    switch self {
    case .vectors: Int32(KEY_KERNEL_AVX512)
    case .crc32: Int32(KEY_KERNEL_CRC32)
    case .multiplication: Int32(KEY_KERNEL_PLAIN)
    case .portable: nil
    }
  }

  /// The number of the kernel that merges short pre-tokens, nil if there is none.
  var mergeKernel: Int32? {
    let wanted: Int
    switch self {
    case .vectors: wanted = Int(MERGE_KERNEL_AVX512)
    case .crc32: wanted = Int(MERGE_KERNEL_AVX2)
    case .multiplication: wanted = Int(MERGE_KERNEL_PLAIN)
    case .portable: return nil
    }
    return Int32(merges_have_kernel(Int32(wanted)) != 0 ? wanted : Int(MERGE_KERNEL_PLAIN))
  }

  @inline(__always)
  func callAsFunction(_ key: PreTokenKey) -> UInt32 {
    self == .crc32 ? keys_hash(Int32(KEY_KERNEL_CRC32), key) : key.hash
  }
}
