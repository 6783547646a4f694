// Pre-tokens as keys of the cache: sixteen bytes each, hashed by the processor's CRC32.
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

// Whether this processor can run the functions below.
int keys_have_crc32(void);

// Makes the keys and hashes of `n` pre-tokens, and has the cache lines of their slots brought near.
//
// The first pre-token begins at `start` in the `count` bytes of `text`, each ends at its element of
// `ends` and the next begins there. A slot is 32 bytes, `mask` one less than the number of slots.
void keys_fill_crc32(const uint8_t *text, size_t count, size_t start, const intptr_t *ends, size_t n,
                     pre_token_key *keys, uint32_t *hashes, const void *slots, uint32_t mask);

// The hash of one key, as above.
uint32_t keys_hash_crc32(pre_token_key key);

#endif
