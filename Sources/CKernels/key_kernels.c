// Keys of pre-tokens and their look-up: see key_body.h.
#include "key_kernels.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

static inline uint64_t load8(const uint8_t *bytes) {
  uint64_t word;
  memcpy(&word, bytes, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  word = __builtin_bswap64(word);
#endif
  return word;
}

// Eight bytes at a step, the last eight overlapping those before. At least eight bytes.
static uint64_t hash_bytes(const uint8_t *bytes, size_t length) {
  uint64_t hash = length * 0x9E3779B97F4A7C15u;
  for (size_t offset = 0; offset + 8 < length; offset += 8) {
    hash = (hash ^ load8(bytes + offset)) * 0xD6E8FEB86659FD93u;
    hash ^= hash >> 32;
  }
  hash = (hash ^ load8(bytes + length - 8)) * 0xD6E8FEB86659FD93u;
  hash ^= hash >> 32;
  return (hash ^ hash >> 32) * 0x9E3779B97F4A7C15u;
}

// The key of a pre-token that is too long for its bytes to be one.
static __attribute__((noinline, cold)) pre_token_key long_key(const uint8_t *bytes, size_t length) {
  if (length > KEY_LONGEST) return (pre_token_key){0, KEY_TOO_LONG};
  return (pre_token_key){hash_bytes(bytes, length), length};
}

// What of sixteen bytes belongs to a pre-token of each length.
static const pre_token_key bytes_of_length[KEY_LONGEST_INLINE + 1] = {
    {0, 0},
    {0xFF, 0},
    {0xFFFF, 0},
    {0xFFFFFF, 0},
    {0xFFFFFFFF, 0},
    {0xFFFFFFFFFF, 0},
    {0xFFFFFFFFFFFF, 0},
    {0xFFFFFFFFFFFFFF, 0},
    {UINT64_MAX, 0},
    {UINT64_MAX, 0xFF},
    {UINT64_MAX, 0xFFFF},
    {UINT64_MAX, 0xFFFFFF},
    {UINT64_MAX, 0xFFFFFFFF},
    {UINT64_MAX, 0xFFFFFFFFFF},
    {UINT64_MAX, 0xFFFFFFFFFFFF},
    {UINT64_MAX, 0xFFFFFFFFFFFFFF},
};

// Whether the bytes of a pre-token, which are more than eight, are those in the arena.
static inline int is_equal(const uint8_t *bytes, const uint8_t *kept, size_t length) {
  for (size_t offset = 0; offset + 8 < length; offset += 8) {
    if (load8(bytes + offset) != load8(kept + offset)) return 0;
  }
  return load8(bytes + length - 8) == load8(kept + length - 8);
}

static inline __attribute__((always_inline)) uint32_t hash_multiplied(pre_token_key key) {
  const uint64_t mixed = (key.low ^ key.high * 0x9E3779B97F4A7C15u) * 0xD6E8FEB86659FD93u;
  return (uint32_t)((mixed ^ mixed >> 32) * 0x9E3779B97F4A7C15u >> 32);
}

#define KERNEL(name) name##_multiplied
#include "key_body.h"
#undef KERNEL

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,sse4.2,bmi,bmi2"))), apply_to = function)
static inline __attribute__((always_inline)) uint32_t hash_crc32(pre_token_key key) {
  return (uint32_t)_mm_crc32_u64(_mm_crc32_u64(0, key.low), key.high);
}

#define KERNEL(name) name##_crc32
#include "key_body.h"
#undef KERNEL

uint32_t keys_hash_crc32(pre_token_key key) { return hash_crc32(key); }
#pragma clang attribute pop

int keys_have_crc32(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("bmi2") &&
         __builtin_cpu_supports("avx2");
}
#elif defined(__aarch64__)
#pragma clang attribute push(__attribute__((target("crc"))), apply_to = function)
static inline __attribute__((always_inline)) uint32_t hash_crc32(pre_token_key key) {
  return __builtin_arm_crc32cd(__builtin_arm_crc32cd(0, key.low), key.high);
}

#define KERNEL(name) name##_crc32
#include "key_body.h"
#undef KERNEL

uint32_t keys_hash_crc32(pre_token_key key) { return hash_crc32(key); }
#pragma clang attribute pop

int keys_have_crc32(void) {
#if defined(__linux__)
  // The bit of AT_HWCAP that says so.
  return (getauxval(AT_HWCAP) >> 7 & 1) != 0;
#elif defined(__APPLE__)
  return 1;
#else
  return 0;
#endif
}
#else
// Other processors have none of their own yet: nobody asks for these.
#define fill_crc32 fill_multiplied
#define find_narrow_crc32 find_narrow_multiplied
#define find_wide_crc32 find_wide_multiplied
int keys_have_crc32(void) { return 0; }

uint32_t keys_hash_crc32(pre_token_key key) {
  (void)key;
  __builtin_trap();
}
#endif

void keys_fill(int hash, const pre_token_batch *batch, const pre_token_cache *cache, size_t index,
               pre_token_key *keys, uint32_t *places) {
  (hash == KEY_HASH_CRC32 ? fill_crc32 : fill_multiplied)(batch, cache, index, keys, places);
}

size_t keys_find(int hash, const pre_token_batch *batch, const pre_token_cache *cache,
                 const pre_token_key *keys, const uint32_t *places, int is_narrow, size_t index,
                 uint32_t *ids, size_t *written, pre_token_miss *misses, size_t *missing) {
  if (hash == KEY_HASH_CRC32)
    return (is_narrow ? find_narrow_crc32 : find_wide_crc32)(batch, cache, keys, places, index, ids,
                                                            written, misses, missing);
  return (is_narrow ? find_narrow_multiplied : find_wide_multiplied)(batch, cache, keys, places, index,
                                                                    ids, written, misses, missing);
}
