/// `npy`: NumPy's format 1.0, one dimension of `uint16` or `uint32`, as `numpy.save` writes it.
enum NpyHeader: TokenFileHeader {
  static func bytes(count: Int, width: Int) -> [UInt8] {
    // 128 bytes in all have room for any count, and are what numpy.save comes to as well.
    let text = "{'descr': '<u\(width)', 'fortran_order': False, 'shape': (\(count),), }"
    var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0]
    bytes += text.utf8
    bytes += [UInt8](repeating: 0x20, count: 127 - bytes.count)
    return bytes + [0x0A]
  }
}
