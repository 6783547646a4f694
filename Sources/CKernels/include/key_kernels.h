// Pre-tokens as keys of the cache: sixteen bytes each, hashed; and looking them up.
#ifndef KEY_KERNELS_H
#define KEY_KERNELS_H

#include <stddef.h>
#include <stdint.h>

// A pre-token as a key. Up to 15 bytes: the bytes, zero-padded, the first in the lowest bits of `low`, and
// the length in bits 56...59 of `high`. Up to KEY_LONGEST: a hash of the bytes in `low`, the length in
// `high`. Longer: KEY_TOO_LONG. The highest four bits of `high` are zero.
typedef struct {
  uint64_t low, high;
} pre_token_key;

enum { KEY_LONGEST_INLINE = 15, KEY_LONGEST = 256 };
// `high` of a pre-token that the cache never holds.
static const uint64_t KEY_TOO_LONG = 0x00FFFFFFFFFFFFFF;

// How keys are hashed: by multiplications, on any processor, or by CRC32, where `keys_have_crc32`.
enum { KEY_HASH_MULTIPLIED = 0, KEY_HASH_CRC32 = 1 };

// Whether this processor has what the functions below use for KEY_HASH_CRC32: on x86-64 CRC32, BMI2 and AVX2, on
// ARM the extension for CRC32.
int keys_have_crc32(void);

// A slot of the cache: a key, whose four highest bits say how many ids there are, or SLOT_IN_ARENA; and
// the ids, or their place.
typedef struct {
  pre_token_key key;
  uint64_t payload[2];
} pre_token_slot;

enum { SLOT_IN_ARENA = 15, SLOT_WIDE_IDS = 4, SLOT_NARROW_IDS = 8 };

// A cache as it is: its slots, one less than how many there are, and the arena.
typedef struct {
  const pre_token_slot *slots;
  uint32_t mask;
  const uint8_t *arena;
} pre_token_cache;

// A batch of pre-tokens: the first begins at `start` in the `count` bytes of `text`, each ends at its
// element of `ends` and the next begins there.
typedef struct {
  const uint8_t *text;
  size_t count, start;
  const intptr_t *ends;
  size_t n;
} pre_token_batch;

// Makes the keys of the pre-tokens from `index` on, says where their slots are, in bytes from the first, and has
// these brought near.
void keys_fill(int hash, const pre_token_batch *batch, const pre_token_cache *cache, size_t index,
               pre_token_key *keys, uint32_t *places);

// The hash of one key by CRC32.
uint32_t keys_hash_crc32(pre_token_key key);

// A pre-token that the cache does not hold.
typedef struct {
  uint32_t index;  // which one of the batch
  uint32_t gap;    // how many ids are written before those that are missing
  uint32_t place;  // where its ids are put until they are written, counted from some start
  uint32_t count;  // how many there are, 0 as long as it is not known
} pre_token_miss;

// Writes the ids of the pre-tokens from `index` on to `ids`, from `*written` on, up to the first that is too
// long for a cache; returns which that is, or `batch->n`. `ids` has room for an id a byte, and eight.
// `is_narrow` says whether ids in slots have 16 bits. Of pre-tokens that the cache does not hold no ids are
// written: they are appended to `misses`, whose number is `*missing`, with only `index` and `gap` filled.
size_t keys_find(int hash, const pre_token_batch *batch, const pre_token_cache *cache,
                 const pre_token_key *keys, const uint32_t *places, int is_narrow, size_t index,
                 uint32_t *ids, size_t *written, pre_token_miss *misses, size_t *missing);

#endif
