/// A cache of pre-tokens for a team of encoders that work on one text: what one of them has merged the others know, and
/// one table takes less of a third-level cache than many.
///
/// Its users look up and fill at the same time; one who has to change the table otherwise, because it must grow, waits
/// until the others have left it.
@safe final class PreTokenCache: @unchecked Sendable {
  /// Pre-tokens that a user looks up before it leaves the table.
  static let group = 4096
  /// From so many bytes on, a table of about the right size is made at once; a shorter text needs a small one, which has
  /// soon grown.
  private static let worthSizing = 1 << 20

  /// Gets the memory that the next cache will have for so many bytes.
  static func getMemory(forAbout byteCount: Int) {
    if byteCount >= worthSizing { PreTokenCacheStorage.getMemory(forAbout: byteCount) }
  }

  let hash: PreTokenHash
  let users: Int
  /// How many pre-tokens a user may look up at a time: each may claim a slot.
  let groupSize: Int
  // Changed under the lock by who is alone; used by who holds it together with others.
  private var storage: PreTokenCacheStorage
  private let lock: TeamLock

  /// - Parameter users: How many there are at most; each has a number below that.
  init(
    hash: PreTokenHash, bounds: PreTokenCacheStorage.Bounds = PreTokenCacheStorage.Bounds(),
    users: Int = 1
  ) {
    precondition(users > 0)
    self.hash = hash
    self.users = users
    storage = PreTokenCacheStorage(hash: hash, bounds: bounds)
    groupSize = max(1, min(Self.group, storage.mostClaims / users))
    lock = TeamLock(members: users)
  }

  var isShared: Bool { users > 1 }

  /// Uses the table for a while, in which so many slots may be claimed, and gives back those that were not.
  ///
  /// - Parameters:
  ///   - user: Who does, on one thread at a time.
  ///   - count: At most `groupSize`.
  ///   - body: Returns how many slots it has claimed.
  @inline(__always)
  func use(by user: Int, claiming count: Int, _ body: (borrowing PreTokenCacheStorage) -> Int) {
    lock.enter(user)
    while !storage.reserve(count) {
      lock.leave(user)
      lock.withAll { storage.makeRoom(for: count) }
      lock.enter(user)
    }
    storage.release(count - body(storage))
    lock.leave(user)
  }

  /// Says that about so many bytes are to be encoded: a cache that is still empty begins with what a prepared model
  /// knows, or with a table of about the size that it will have, so that it need not grow while all wait.
  func expect(_ byteCount: Int, _ seeds: PreTokenSeeds) {
    lock.withAll {
      guard storage.isEmpty, byteCount >= Self.worthSizing else { return }
      if byteCount >= PreTokenSeeds.worthCopying, let known = seeds.ifMade,
        known.storage.hash == hash
      {
        storage = seeds.takeReady() ?? PreTokenCacheStorage(copying: known.storage)
      } else {
        storage.begin(forAbout: byteCount, threads: users)
      }
    }
  }

  /// What is in it; the cache has nothing to remember then.
  func take() -> PreTokenCacheStorage {
    lock.withAll {
      var taken = PreTokenCacheStorage(hash: hash)
      swap(&taken, &storage)
      return taken
    }
  }
}
