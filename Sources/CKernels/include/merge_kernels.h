// Merging short pre-tokens by the table of merges, several side by side.
#ifndef MERGE_KERNELS_H
#define MERGE_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "key_kernels.h"

// Merges as `MergeTableStorage` lays them out. A slot is the left symbol, the right symbol and, in the lowest
// bits, the rank; all bits set where it is free. A pair lies in the first group of eight slots that was not
// full, from the one that its hash chooses.
enum { MERGE_SYMBOL_BITS = 21, MERGE_RANK_BITS = 22, MERGE_GROUP = 8, MERGE_LANE = 16, MERGE_LONGEST = 32 };

typedef struct {
  const uint64_t *slots;  // aligned to a cache line
  uint32_t bits;          // of the number of slots
  const uint32_t *rank_of_bytes;  // of each pair of bytes, the left one in the high half of the index
  const uint32_t *merged;         // the symbol that the merge of each rank makes
  const uint32_t *tokens;         // the id of each symbol
  int in_order;                   // `merged[r]` is 256 + r, and above 255 `tokens[s]` is s
} merge_table;

// By what short pre-tokens are merged.
enum {
  MERGE_KERNEL_PLAIN = 0,   // vectors that any processor has, or none
  MERGE_KERNEL_AVX2 = 1,    // AVX2 with BMI2
  MERGE_KERNEL_AVX512 = 2,  // AVX-512 with BW, DQ and VL
};

// Whether this processor can run a kernel.
int merges_have_kernel(int kernel);

// Merges those of `count` pre-tokens of a batch that have at most MERGE_LONGEST bytes, and for which no ids are
// there yet: their `count` is 0. Writes ids to `ids` at the place of each, up to MERGE_LANE for those of at most as
// many bytes and up to MERGE_LONGEST for others, and how many of them count.
void merge_short(int kernel, const merge_table *table, const pre_token_batch *batch, pre_token_miss *misses,
                 size_t count, uint32_t *ids);

// Whether each of `count` slots is free or a merge, one of `merges` by its rank, of symbols that are there before the
// one that it makes where merges are in order. Adds how many are not free to `taken`.
int merges_are_sound(const uint64_t *slots, size_t count, uint64_t merges, uint64_t *taken);
// Whether each of `count` ranks is that of one of `merges` merges, or says that there is none.
int merge_ranks_are_sound(const uint32_t *ranks, size_t count, uint32_t merges);
// The same without AVX2.
int merges_are_sound_portable(const uint64_t *slots, size_t count, uint64_t merges, uint64_t *taken);
int merge_ranks_are_sound_portable(const uint32_t *ranks, size_t count, uint32_t merges);

#endif
