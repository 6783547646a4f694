internal import CKernels

extension [TokenID] {
  /// Makes room for more ids behind those that there are.
  mutating func reserve(_ room: Int) {
    if capacity - count < room { reserveCapacity(count + room) }
  }

  /// Appends others.
  ///
  /// - Parameter pastCaches: Whether they are not wanted again soon. Writing them drives out of the caches what is
  ///   wanted, the table of pre-tokens first of all, unless they are written past them.
  mutating func append(_ others: [TokenID], pastCaches: Bool) {
    guard pastCaches else { return append(contentsOf: others) }
    append(addingCapacity: others.count) { output in
      unsafe output.withUnsafeMutableBufferPointer { buffer, initialized in
        unsafe others.withUnsafeBufferPointer { others in
          // Room for them was made.
          guard let target = buffer.baseAddress, let source = others.baseAddress else { return }
          unsafe streaming_copy(target, source, others.count * MemoryLayout<TokenID>.stride)
          initialized = others.count
        }
      }
    }
  }
}

/// Gives the room behind the ids of an array its pages, shortly before they are written: what comes one page after the
/// other, as it is written, is a tenth of a first pass over a long text.
struct RoomAhead {
  private var capacity: Int
  /// Up to here all elements have their pages.
  private var present: Int

  /// Takes it that the room which an array has already was written to before.
  init(_ ids: [TokenID]) {
    capacity = ids.capacity
    present = capacity
  }

  /// Takes it that nothing behind the ids was written to.
  init(behind ids: [TokenID]) {
    capacity = ids.capacity
    present = ids.count
  }

  /// To be called before so many ids, or some more, are appended.
  ///
  /// - Parameter step: How many get their pages at a time; nil where so many may come that huge pages are worth it.
  mutating func provide(_ room: Int, behind ids: inout [TokenID], step: Int? = nil) {
    if ids.capacity != capacity {
      // Its memory is new.
      capacity = ids.capacity
      present = ids.count
    }
    let count = ids.count
    // More may have been appended than was provided for.
    present = max(present, count)
    let wanted = min(count + room, capacity)
    if wanted <= present { return }
    let (first, last) = (present - count, capacity - count)
    ids.append(addingCapacity: last) { output in
      unsafe output.withUnsafeMutableBufferPointer { buffer, _ in
        // In bounds: the room is `last` elements long. Nothing is written through the pointer.
        guard
          let start = unsafe buffer.baseAddress.map({ unsafe UnsafeMutableRawPointer($0 + first) })
        else { return }
        let end = unsafe UnsafeMutableRawPointer(buffer.baseAddress.unsafelyUnwrapped + last)
        let wantedRoom = max(wanted - count - first, step ?? 0)
        var stop = unsafe min(start + wantedRoom * MemoryLayout<TokenID>.stride, end)
        if step == nil, HugePages.areWorthwhile {
          // Whole ones: the next call begins where this one ends.
          unsafe stop = min(stop.alignedUp(toMultipleOf: HugePages.size), end)
        }
        unsafe HugePages.populateHuge(
          UnsafeMutableRawBufferPointer(start: start, count: stop - start))
        present = unsafe count + first + (stop - start) / MemoryLayout<TokenID>.stride
      }
    }
  }
}
