#include "merge_kernels.h"

#define INLINE static inline __attribute__((always_inline))

// Without a branch for each slot, so that the compiler makes vectors of it: the highest bit of a difference says that it
// is negative, since no number here has more than 23 bits.
INLINE int are_sound(const uint64_t *slots, size_t count, uint64_t merges, uint64_t *taken) {
  const uint64_t symbol_mask = (1u << MERGE_SYMBOL_BITS) - 1, rank_mask = (1u << MERGE_RANK_BITS) - 1;
  uint64_t bad = 0, used = 0;
  for (size_t index = 0; index < count; index += 1) {
    const uint64_t slot = slots[index];
    const uint64_t is_taken = slot != ~(uint64_t)0;
    const uint64_t rank = slot & rank_mask;
    const uint64_t right = slot >> MERGE_RANK_BITS & symbol_mask;
    const uint64_t left = slot >> (MERGE_RANK_BITS + MERGE_SYMBOL_BITS);
    // The last symbol that is there before this merge makes one.
    const uint64_t last = rank + 255;
    bad |= ((merges - 1 - rank) | (last - left) | (last - right)) >> 63 & is_taken;
    used += is_taken;
  }
  *taken += used;
  return !bad;
}

INLINE int are_ranks(const uint32_t *ranks, size_t count, uint32_t merges) {
  const uint32_t none = (1u << MERGE_RANK_BITS) - 1;
  uint32_t bad = 0;
  for (size_t index = 0; index < count; index += 1) bad |= ranks[index] != none && ranks[index] >= merges;
  return !bad;
}

int merges_are_sound_portable(const uint64_t *slots, size_t count, uint64_t merges, uint64_t *taken) {
  return are_sound(slots, count, merges, taken);
}

int merge_ranks_are_sound_portable(const uint32_t *ranks, size_t count, uint32_t merges) {
  return are_ranks(ranks, count, merges);
}

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
static int slots_avx2(const uint64_t *slots, size_t count, uint64_t merges, uint64_t *taken) {
  return are_sound(slots, count, merges, taken);
}
static int ranks_avx2(const uint32_t *ranks, size_t count, uint32_t merges) { return are_ranks(ranks, count, merges); }
#pragma clang attribute pop

int merges_are_sound(const uint64_t *slots, size_t count, uint64_t merges, uint64_t *taken) {
  if (merges_have_kernel(MERGE_KERNEL_AVX2)) return slots_avx2(slots, count, merges, taken);
  return are_sound(slots, count, merges, taken);
}

int merge_ranks_are_sound(const uint32_t *ranks, size_t count, uint32_t merges) {
  if (merges_have_kernel(MERGE_KERNEL_AVX2)) return ranks_avx2(ranks, count, merges);
  return are_ranks(ranks, count, merges);
}
#else
int merges_are_sound(const uint64_t *slots, size_t count, uint64_t merges, uint64_t *taken) {
  return are_sound(slots, count, merges, taken);
}

int merge_ranks_are_sound(const uint32_t *ranks, size_t count, uint32_t merges) { return are_ranks(ranks, count, merges); }
#endif
