// Pre-tokens as keys of the cache: sixteen bytes each, hashed; and looking them up.
#ifndef KEY_KERNELS_H
#define KEY_KERNELS_H

#include <stddef.h>
#include <stdint.h>

// A pre-token as a key. Up to 15 bytes: the bytes, zero-padded, the first in the lowest bits of `low`, and
// the length in bits 56...59 of `high`. Up to KEY_LONGEST: a hash of the bytes in `low`, the length in
// `high`. Longer: KEY_TOO_LONG. The highest four bits of `high` are zero.
//
// `low` is never 0 but in KEY_TOO_LONG. Where the first eight bytes are, seven or fewer have KEY_OF_ZEROS, which no bytes
// of such a length give, and eight or more a hash.
typedef struct {
  uint64_t low, high;
} pre_token_key;

enum { KEY_LONGEST_INLINE = 15, KEY_LONGEST = 256 };
static const uint64_t KEY_OF_ZEROS = 0xFF00000000000000;
// `high` of a pre-token that the cache never holds.
static const uint64_t KEY_TOO_LONG = 0x00FFFFFFFFFFFFFF;

// By what keys are made and looked up. Hashes are multiplications, or CRC32, where there is an instruction for it.
enum {
  KEY_KERNEL_PLAIN = 0,   // multiplications, any processor
  KEY_KERNEL_CRC32 = 1,   // CRC32, with BMI2 and AVX2 on x86-64
  KEY_KERNEL_AVX512 = 2,  // multiplications, eight at a time; AVX-512 with BW, DQ, VL and VBMI
};

// Whether this processor can run a kernel.
int keys_have_kernel(int kernel);

// A slot of the cache: a key, the four highest bits of which are a code, and the ids, or where they are. Free where `high`
// is 0. The code is the number of ids less one, or one of the two below: these have the highest bit, so that a
// comparison which leaves out the three bits of the number finds slots that have their ids, and no others.
//
// Several threads may use one table. None waits for another: a slot goes from free to claimed to filled, and a
// filled one stays as it is until all but one have left the table. Who claims a
// slot swaps `high` from 0, and stores `low` last; who fills it stores the payload, and then `high` with the number of
// ids. So who finds both words of its key, in whatever order they were read, has found its slot, and who has read from
// it that it is filled sees the ids. Between the two steps of a claim the slot looks like another key's: at worst a
// pre-token is in the table twice.
typedef struct {
  pre_token_key key;
  uint64_t payload[2];
} pre_token_slot;

enum {
  SLOT_CLAIMED = 8,   // ids are not known yet: the first payload is the number of a miss of who has claimed it
  SLOT_IN_ARENA = 9,  // the first payload is a place in the arena and, in its high half, the number of ids
  SLOT_WIDE_IDS = 4,
  SLOT_NARROW_IDS = 8,
};

// What of a slot's `high` is equal to a key's if it has the key's ids.
static const uint64_t SLOT_FILLED_KEY = ~((uint64_t)7 << 60);

// A cache as it is: 2^bits slots, at the start of a cache line, and the arena. The highest bits of a key's hash choose
// its home, a line of two slots. Where the first is taken the other one is next, then the two of the next line: a
// line that nobody has asked for costs more than anything else.
typedef struct {
  pre_token_slot *slots;
  uint32_t bits;
  const uint8_t *arena;
  uint32_t is_shared;  // whether other threads use it at the same time
} pre_token_cache;

// The slot of a miss that has none, and the number of no miss.
enum { NO_SLOT = 0xFFFFFFFF };

// The word of a slot that says whether it is free, claimed or filled.
static inline uint64_t slot_high(const pre_token_slot *slot) { return __atomic_load_n(&slot->key.high, __ATOMIC_ACQUIRE); }

static inline uint64_t slot_low(const pre_token_slot *slot) { return __atomic_load_n(&slot->key.low, __ATOMIC_ACQUIRE); }

// Claims a free slot for a miss; 0 if another thread was faster.
static inline int slot_claim(pre_token_slot *slot, pre_token_key key, size_t miss, uint32_t is_shared) {
  const uint64_t high = key.high | (uint64_t)SLOT_CLAIMED << 60;
  if (is_shared) {
    uint64_t there = 0;
    if (!__atomic_compare_exchange_n(&slot->key.high, &there, high, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) return 0;
  } else {
    slot->key.high = high;
  }
  __atomic_store_n(&slot->payload[0], miss, __ATOMIC_RELAXED);
  __atomic_store_n(&slot->key.low, key.low, __ATOMIC_RELEASE);
  return 1;
}

// Fills a slot that was claimed: `code` is the number of ids less one, or SLOT_IN_ARENA.
static inline void slot_fill(pre_token_slot *slot, uint64_t high, uint64_t code, uint64_t first, uint64_t second) {
  __atomic_store_n(&slot->payload[0], first, __ATOMIC_RELAXED);
  slot->payload[1] = second;
  __atomic_store_n(&slot->key.high, high | code << 60, __ATOMIC_RELEASE);
}

// Leaves a slot claimed for good: there is no room for its ids.
static inline void slot_abandon(pre_token_slot *slot) { __atomic_store_n(&slot->payload[0], NO_SLOT, __ATOMIC_RELAXED); }

// What may be the number of the miss for which a slot is claimed: if another thread has claimed it, it may be filling it.
static inline uint64_t slot_claimant(const pre_token_slot *slot) { return __atomic_load_n(&slot->payload[0], __ATOMIC_RELAXED); }

// The place behind another one in the order above, both in bytes from the first slot.
static inline size_t slot_after(size_t place, size_t mask) { return (place + sizeof(pre_token_slot)) & mask; }

// A batch of pre-tokens: the first begins at `start` in the `count` bytes of `text`, each ends at its
// element of `ends` and the next begins there.
typedef struct {
  const uint8_t *text;
  size_t count, start;
  const intptr_t *ends;
  size_t n;
} pre_token_batch;

// Makes the keys of the pre-tokens from `index` on, says where their homes are, in bytes from the first slot, and has
// these brought near. Up to KEY_SLACK more of both may be written than there are pre-tokens.
enum { KEY_SLACK = 8 };
void keys_fill(int kernel, const pre_token_batch *batch, const pre_token_cache *cache, size_t index,
               pre_token_key *keys, uint32_t *places);

// The hash of one key, as a kernel works it out.
uint32_t keys_hash(int kernel, pre_token_key key);

// A pre-token that the cache does not hold.
typedef struct {
  uint32_t index;  // which one of the batch
  uint32_t gap;    // how many ids are written before those that are missing
  uint32_t slot;   // where the slot is that was claimed for it, in bytes from the first, or NO_SLOT
  uint32_t first;  // the number of the first miss of the same pre-token: its own, if it has claimed the slot
  uint32_t place;  // where its ids are put until they are written, counted from some start
  uint32_t count;  // how many there are, 0 as long as it is not known
} pre_token_miss;

// Writes the ids of the pre-tokens from `index` on to `ids`, from `*written` on, up to the first that is too
// long for a cache; returns which that is, or `batch->n`. `ids` has room for an id a byte, and eight.
// `is_narrow` says whether ids in slots have 16 bits. Of pre-tokens that the cache does not hold no ids are
// written: each claims a free slot, of which there must be more than pre-tokens, unless another thread has claimed one for
// the same, and is appended to `misses`, whose number is `*missing`; `place` and `count` are 0. The batches between which
// `misses` is not emptied have one `start`.
size_t keys_find(int kernel, const pre_token_batch *batch, const pre_token_cache *cache,
                 const pre_token_key *keys, const uint32_t *places, int is_narrow, size_t index,
                 uint32_t *ids, size_t *written, pre_token_miss *misses, size_t *missing);

// The least place of a miss's ids: blocks that end with them begin before.
enum { INSERT_SLACK = 16 };
// Puts the ids of misses between the `written` ones at `ids`, each miss's at its gap. `news` has them at the miss's place.
// Returns how many ids there are then; there is room for them.
size_t ids_insert(uint32_t *ids, size_t written, const pre_token_miss *misses, size_t missing, const uint32_t *news);

#endif
