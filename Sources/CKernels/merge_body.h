// Merging with the compiler's vectors, included once for each set of instructions that has no kernel of its own: KERNEL
// names the functions. Vectors of 64 bytes are as many registers as the processor needs for them.

typedef uint32_t KERNEL(parts) __attribute__((vector_size(64)));
typedef int32_t KERNEL(signed_parts) __attribute__((vector_size(64)));
typedef uint64_t KERNEL(slots) __attribute__((vector_size(64)));
#define PARTS KERNEL(parts)
#define SIGNED_PARTS KERNEL(signed_parts)
#define SLOTS KERNEL(slots)

// Not a function: what returns such a vector depends on the instructions that there are.
#define LOAD_PARTS(from)                     \
  ({                                         \
    PARTS loaded;                            \
    memcpy(&loaded, (from), sizeof loaded);  \
    loaded;                                  \
  })

// The rank of a pair, by the slots of its group.
INLINE uint32_t KERNEL(rank_of)(const merge_table *table, uint64_t pair, const uint64_t *group) {
  while (1) {
    const SLOTS slots = *(const SLOTS *)group;
    // All bits are set but in the slot that was found, as those of `no_rank` are.
    const SLOTS others = (SLOTS)(slots >> MERGE_RANK_BITS != (SLOTS){} + pair);
    const uint64_t slot = __builtin_reduce_and(slots | others);
    // The last slot is taken only if all eight are, which hardly any are.
    uint32_t is_final = (slot != UINT64_MAX) | (group[MERGE_GROUP - 1] == UINT64_MAX);
    // Or a compiler makes two branches of the next line, of which neither can be foreseen.
    __asm__("" : "+r"(is_final));
    if (__builtin_expect(is_final != 0, 1)) return (uint32_t)slot & no_rank;
    group += MERGE_GROUP;
    if (group == table->slots + ((size_t)1 << table->bits)) group = table->slots;
  }
}

// Finds the merge to make next.
INLINE void KERNEL(choose)(merge_lane *lane, const int width) {
  const PARTS positions = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  // Below 2^27: as signed numbers they are the same, and more processors compare such.
  SIGNED_PARTS least = (SIGNED_PARTS)(LOAD_PARTS(lane->ranks + LANE) | positions);
  if (width == 2) {
    const PARTS following = LOAD_PARTS(lane->ranks + 2 * LANE) | positions | LANE;
    least = __builtin_elementwise_min(least, (SIGNED_PARTS)following);
  }
  lane->lowest = (uint32_t)__builtin_reduce_min(least);
}

INLINE void KERNEL(begin)(const merge_table *table, merge_lane *lane, const uint8_t *bytes, size_t length,
                          pre_token_miss *miss, const int width) {
  const PARTS no_symbols = (PARTS){} + no_symbol, no_ranks = (PARTS){} + (no_rank << POSITION_BITS);
  lane->symbols[LANE - 1] = lane->symbols[(1 + width) * LANE] = no_symbol;
  lane->ranks[(1 + width) * LANE] = no_rank << POSITION_BITS;
  for (int half = 0; half < width; half++) {
    memcpy(lane->symbols + LANE + half * LANE, &no_symbols, sizeof no_symbols);
    memcpy(lane->ranks + LANE + half * LANE, &no_ranks, sizeof no_ranks);
  }
  // What is to be merged first is found on the way: vectors would wait for what was just stored in parts.
  uint32_t lowest = no_rank << POSITION_BITS, left = bytes[0];
  lane->symbols[LANE] = left;
  for (uint32_t position = 0; position + 1 < length; position++) {
    const uint32_t right = bytes[position + 1];
    const uint32_t rank = table->rank_of_bytes[left << 8 | right] << POSITION_BITS;
    lane->symbols[LANE + 1 + position] = right;
    lane->ranks[LANE + position] = rank;
    lowest = lowest < (rank | position) ? lowest : rank | position;
    left = right;
  }
  lane->lowest = lowest;
  lane->miss = miss;
}

// Makes the merge that was chosen.
INLINE void KERNEL(merge)(const merge_table *table, merge_lane *lane, const int width) {
  const PARTS positions = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  const uint32_t merged = begin_merge(table, lane);
  const size_t position = lane->made;
  // The right part goes, and what follows it moves up. All is read before any of it is written.
  PARTS ranks[WIDEST], symbols[WIDEST];
  for (int half = 0; half < width; half++) {
    const uint32_t *const old_ranks = lane->ranks + LANE + half * LANE, *const old_symbols = lane->symbols + LANE + half * LANE;
    const SIGNED_PARTS own = (SIGNED_PARTS)(positions | (uint32_t)half * LANE);
    const PARTS moved = (PARTS)(own > (SIGNED_PARTS){} + (int32_t)position);
    ranks[half] = (LOAD_PARTS(old_ranks + 1) & moved) | (LOAD_PARTS(old_ranks) & ~moved);
    symbols[half] = (LOAD_PARTS(old_symbols + 1) & moved) | (LOAD_PARTS(old_symbols) & ~moved);
  }
  for (int half = 0; half < width; half++) {
    memcpy(lane->ranks + LANE + half * LANE, &ranks[half], sizeof ranks[half]);
    memcpy(lane->symbols + LANE + half * LANE, &symbols[half], sizeof symbols[half]);
  }
  lane->symbols[LANE + position] = merged;
}

INLINE void KERNEL(finish)(const merge_table *table, const merge_lane *lane, uint32_t *ids, const int width) {
  const uint32_t *const symbols = lane->symbols + LANE;
  uint32_t *const place = ids + lane->miss->place;
  uint32_t count = 0;
  do {
    const uint32_t symbol = symbols[count];
    place[count] = table->in_order && symbol > 255 ? symbol : table->tokens[symbol];
    count++;
  } while (count < (uint32_t)width * LANE && symbols[count] != no_symbol);
  lane->miss->count = count;
}

#undef PARTS
#undef SIGNED_PARTS
#undef SLOTS
#undef LOAD_PARTS
