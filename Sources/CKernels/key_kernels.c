#include "key_kernels.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>

static inline uint64_t load8(const uint8_t *bytes) {
  uint64_t word;
  memcpy(&word, bytes, 8);
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

static inline __attribute__((always_inline, target("sse4.2"))) uint32_t hash_key(uint64_t low,
                                                                                 uint64_t high) {
  return (uint32_t)_mm_crc32_u64(_mm_crc32_u64(0, low), high);
}

__attribute__((target("sse4.2"))) uint32_t keys_hash_crc32(pre_token_key key) {
  return hash_key(key.low, key.high);
}

// The key of a pre-token that is too long for its bytes to be one.
static __attribute__((noinline, cold)) pre_token_key long_key(const uint8_t *bytes, size_t length) {
  if (length > KEY_LONGEST) return (pre_token_key){0, KEY_TOO_LONG};
  return (pre_token_key){hash_bytes(bytes, length), length};
}

#pragma clang attribute push(__attribute__((target("avx2,sse4.2,bmi,bmi2"))), apply_to = function)

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

// `at_end`: whether sixteen bytes from the start of a pre-token may be more than the text has.
static inline __attribute__((always_inline)) void fill(const pre_token_batch *batch,
                                                       const pre_token_cache *cache, size_t index,
                                                       pre_token_key *keys, uint32_t *places,
                                                       const int at_end) {
  const uint8_t *text = batch->text;
  const intptr_t *ends = batch->ends;
  const char *slots = (const char *)cache->slots;
  const uint32_t mask = cache->mask * (uint32_t)sizeof(pre_token_slot);
  size_t start = index == 0 ? batch->start : (size_t)ends[index - 1];
  for (const size_t n = batch->n; index < n; index++) {
    const size_t end = (size_t)ends[index];
    const size_t length = end - start;
    pre_token_key key;
    if (__builtin_expect(length <= KEY_LONGEST_INLINE, 1)) {
      if (!at_end || start + 16 <= batch->count) {
        key.low = load8(text + start);
        key.high = load8(text + start + 8);
      } else {
        uint8_t padded[16] = {0};
        memcpy(padded, text + start, length);
        key.low = load8(padded);
        key.high = load8(padded + 8);
      }
      key.low &= bytes_of_length[length].low;
      key.high &= bytes_of_length[length].high;
      key.high |= (uint64_t)length << 56;
    } else {
      key = long_key(text + start, length);
    }
    const uint32_t place = hash_key(key.low, key.high) * (uint32_t)sizeof(pre_token_slot) & mask;
    keys[index] = key;
    places[index] = place;
    __builtin_prefetch(slots + place, 0, 3);
    start = end;
  }
}

static void fill_avx2(const pre_token_batch *batch, const pre_token_cache *cache, size_t index,
                      pre_token_key *keys, uint32_t *places) {
  // No pre-token begins behind the last end.
  if (index < batch->n && (size_t)batch->ends[batch->n - 1] + 16 <= batch->count) {
    fill(batch, cache, index, keys, places, 0);
  } else {
    fill(batch, cache, index, keys, places, 1);
  }
}

// Whether the bytes of a pre-token, which are more than eight, are those in the arena.
static inline int is_equal(const uint8_t *bytes, const uint8_t *kept, size_t length) {
  for (size_t offset = 0; offset + 8 < length; offset += 8) {
    if (load8(bytes + offset) != load8(kept + offset)) return 0;
  }
  return load8(bytes + length - 8) == load8(kept + length - 8);
}

static inline __attribute__((always_inline)) size_t find(
    const pre_token_batch *batch, const pre_token_cache *cache, const pre_token_key *keys,
    const uint32_t *places, const int is_narrow, size_t index, uint32_t *ids, size_t *written,
    pre_token_miss *misses, size_t *missing) {
  const pre_token_slot *slots = cache->slots;
  const uint8_t *arena = cache->arena;
  const size_t mask = (size_t)cache->mask * sizeof(pre_token_slot), n = batch->n;
  uint32_t *output = ids + *written;
  size_t missed = *missing;
  for (; index < n; index++) {
    const uint64_t low = keys[index].low, high = keys[index].high;
    // In bytes: an index would have to be multiplied each time.
    size_t place = places[index];
    const pre_token_slot *slot;
    uint64_t difference;
  walk:
    while (1) {
      slot = (const pre_token_slot *)((const char *)slots + place);
      difference = slot->key.high ^ high;
      if (__builtin_expect(((slot->key.low ^ low) | difference << 4) == 0, 1)) break;
      if (slot->key.high == 0) goto missing;
      place = (place + sizeof *slot) & mask;
    }
    const uint64_t code = difference >> 60;
    const __m128i payload = _mm_loadu_si128((const __m128i *)slot->payload);
    if (__builtin_expect(code != SLOT_IN_ARENA, 1)) {
      // All that there is room for is written: no branch depends on how many ids there are.
      if (is_narrow) {
        _mm256_storeu_si256((__m256i *)output, _mm256_cvtepu16_epi32(payload));
      } else {
        _mm_storeu_si128((__m128i *)output, payload);
      }
      output += code;
      continue;
    }
    const uint64_t reference = (uint64_t)_mm_cvtsi128_si64(payload);
    const uint8_t *source = arena + (uint32_t)reference;
    const size_t number = reference >> 32;
    if (high >> 56 == 0) {
      // Of a long pre-token the key is but a hash: another one may have the same.
      const size_t length = high;
      const size_t begin = index == 0 ? batch->start : (size_t)batch->ends[index - 1];
      if (!is_equal(batch->text + begin, source, length)) {
        place = (place + sizeof *slot) & mask;
        goto walk;
      }
      source += (length + 3) & ~(size_t)3;
    }
    // Four at a time: up to three too many are read and written, for which both sides have room.
    for (size_t done = 0; done < number; done += 4) {
      _mm_storeu_si128((__m128i *)(output + done), _mm_loadu_si128((const __m128i *)(source + 4 * done)));
    }
    output += number;
    continue;
  missing:
    if (high == KEY_TOO_LONG) break;
    misses[missed++] = (pre_token_miss){(uint32_t)index, (uint32_t)(output - ids), 0, 0};
  }
  *written = (size_t)(output - ids);
  *missing = missed;
  return index;
}

static size_t find_narrow(const pre_token_batch *batch, const pre_token_cache *cache,
                          const pre_token_key *keys, const uint32_t *places, size_t index,
                          uint32_t *ids, size_t *written, pre_token_miss *misses,
                        size_t *missing) {
  return find(batch, cache, keys, places, 1, index, ids, written, misses, missing);
}

static size_t find_wide(const pre_token_batch *batch, const pre_token_cache *cache,
                        const pre_token_key *keys, const uint32_t *places, size_t index,
                        uint32_t *ids, size_t *written, pre_token_miss *misses,
                        size_t *missing) {
  return find(batch, cache, keys, places, 0, index, ids, written, misses, missing);
}

#pragma clang attribute pop

void keys_fill_crc32(const pre_token_batch *batch, const pre_token_cache *cache, size_t index,
                     pre_token_key *keys, uint32_t *places) {
  fill_avx2(batch, cache, index, keys, places);
}

size_t keys_find(const pre_token_batch *batch, const pre_token_cache *cache, const pre_token_key *keys,
                 const uint32_t *places, int is_narrow, size_t index, uint32_t *ids, size_t *written,
                 pre_token_miss *misses, size_t *missing) {
  return (is_narrow ? find_narrow : find_wide)(batch, cache, keys, places, index, ids, written, misses,
                                               missing);
}

int keys_have_crc32(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("bmi2") &&
         __builtin_cpu_supports("avx2");
}

#else

// There are no kernels yet for other processors: nobody calls these.
int keys_have_crc32(void) { return 0; }

uint32_t keys_hash_crc32(pre_token_key key) {
  (void)key;
  __builtin_trap();
}

void keys_fill_crc32(const pre_token_batch *batch, const pre_token_cache *cache, size_t index,
                     pre_token_key *keys, uint32_t *places) {
  (void)batch, (void)cache, (void)index, (void)keys, (void)places;
  __builtin_trap();
}

size_t keys_find(const pre_token_batch *batch, const pre_token_cache *cache, const pre_token_key *keys,
                 const uint32_t *places, int is_narrow, size_t index, uint32_t *ids, size_t *written,
                 pre_token_miss *misses, size_t *missing) {
  (void)batch, (void)cache, (void)keys, (void)places, (void)is_narrow, (void)index, (void)ids;
  (void)written, (void)misses, (void)missing;
  __builtin_trap();
}

#endif
