#include "merge_kernels.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// Each merge of a pre-token needs two look-ups before the next merge can be chosen, and each look-up is a wait
// for memory; besides, nothing about a merge can be foreseen by a processor. So many pre-tokens are merged side
// by side, in rounds of three loops over all of them: make the merge that was chosen and ask for the slots of the
// pairs that it makes; read those slots; choose the next merge. Each is a fixed number of steps without a branch, and
// those that are done after a round are noted without one too. What one loop stores the next loads when it has
// left the store buffer.
//
// One register holds 16 parts. Longer pre-tokens take two: `width` says how many, a constant wherever it is
// passed on.
enum { LANES = 16, LANE = MERGE_LANE, WIDEST = MERGE_LONGEST / MERGE_LANE };

static const uint32_t no_rank = (1u << MERGE_RANK_BITS) - 1;
// Beyond the parts on either side: greater than any symbol, so that no pair has it.
static const uint32_t no_symbol = (1u << MERGE_SYMBOL_BITS) - 1;
// A rank and, below it, where its pair begins: the smallest is the leftmost of the lowest rank.
enum { POSITION_BITS = 5 };

// A pre-token that is being merged. Arrays begin at [LANE], with as much beyond either end.
typedef struct {
  // The symbols of the parts, `no_symbol` where there are none.
  __attribute__((aligned(64))) uint32_t symbols[(WIDEST + 2) * LANE];
  // The rank, moved up by the bits of a position, of the pair that each part begins; `no_rank` where there is
  // none.
  __attribute__((aligned(64))) uint32_t ranks[(WIDEST + 2) * LANE];
  // The part that the last merge made, its pairs with the parts on both sides, and the slots where those are.
  size_t made;
  uint64_t left, right;
  const uint64_t *left_group, *right_group;
  // The merge to make next: the smallest of `ranks`, each with its position.
  uint32_t lowest;
  pre_token_miss *miss;
} merge_lane;

static inline uint64_t pair_of(uint32_t left, uint32_t right) {
  return (uint64_t)left << MERGE_SYMBOL_BITS | right;
}

#define INLINE static inline __attribute__((always_inline))

// The slots of the group that a pair's hash chooses: Fibonacci hashing.
INLINE const uint64_t *group_of(const merge_table *table, uint64_t pair) {
  const uint64_t position = pair * 0x9E3779B97F4A7C15u >> (64 - table->bits);
  return table->slots + (position & ~(uint64_t)(MERGE_GROUP - 1));
}

// Says what the merge that was chosen makes, and asks for the slots of its pairs; returns the symbol.
INLINE uint32_t begin_merge(const merge_table *table, merge_lane *lane) {
  const uint32_t rank = lane->lowest >> POSITION_BITS;
  const size_t position = lane->lowest & ((1 << POSITION_BITS) - 1);
  const uint32_t merged = table->in_order ? rank + 256 : table->merged[rank];
  lane->made = position;
  lane->left = pair_of(lane->symbols[LANE - 1 + position], merged);
  lane->right = pair_of(merged, lane->symbols[LANE + 2 + position]);
  lane->left_group = group_of(table, lane->left);
  lane->right_group = group_of(table, lane->right);
  __builtin_prefetch(lane->left_group);
  __builtin_prefetch(lane->right_group);
  return merged;
}

INLINE int is_done(const merge_lane *lane) { return lane->lowest >> POSITION_BITS == no_rank; }

// The pre-tokens that are still to be merged.
typedef struct {
  const pre_token_batch *batch;
  pre_token_miss *misses;
  size_t count, next;
} merge_queue;

#define KERNEL(name) name##_plain
#include "merge_body.h"
#include "merge_rounds.h"
#undef KERNEL

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt"))), apply_to = function)
#define KERNEL(name) name##_avx2
#include "merge_body.h"
#include "merge_rounds.h"
#undef KERNEL
#pragma clang attribute pop

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,bmi,bmi2,lzcnt,popcnt"))), apply_to = function)
#define KERNEL(name) name##_avx512
#include "merge_vectors.h"
#include "merge_rounds.h"
#undef KERNEL
#pragma clang attribute pop

int merges_have_kernel(int kernel) {
  __builtin_cpu_init();
  switch (kernel) {
    case MERGE_KERNEL_PLAIN: return 1;
    case MERGE_KERNEL_AVX2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
    default:
      return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("bmi2");
  }
}
#else
// Other processors have none of their own.
#define merge_short_avx2 merge_short_plain
#define merge_short_avx512 merge_short_plain
int merges_have_kernel(int kernel) { return kernel == MERGE_KERNEL_PLAIN; }
#endif

void merge_short(int kernel, const merge_table *table, const pre_token_batch *batch, pre_token_miss *misses, size_t count,
                 uint32_t *ids) {
  switch (kernel) {
    case MERGE_KERNEL_AVX512: return merge_short_avx512(table, batch, misses, count, ids);
    case MERGE_KERNEL_AVX2: return merge_short_avx2(table, batch, misses, count, ids);
    default: return merge_short_plain(table, batch, misses, count, ids);
  }
}
