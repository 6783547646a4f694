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
static pre_token_key long_key(const uint8_t *bytes, size_t length) {
  if (length > KEY_LONGEST) return (pre_token_key){0, KEY_TOO_LONG};
  return (pre_token_key){hash_bytes(bytes, length), length};
}

#pragma clang attribute push(__attribute__((target("avx2,sse4.2,bmi,bmi2"))), apply_to = function)

static void fill_avx2(const pre_token_batch *batch, const pre_token_cache *cache, pre_token_key *keys,
                      uint32_t *hashes) {
  const uint8_t *text = batch->text;
  const intptr_t *ends = batch->ends;
  const char *slots = (const char *)cache->slots;
  const size_t count = batch->count, n = batch->n;
  const uint32_t mask = cache->mask;
  size_t start = batch->start;
  for (size_t index = 0; index < n; index++) {
    const size_t end = (size_t)ends[index];
    const size_t length = end - start;
    pre_token_key key;
    if (__builtin_expect(length <= KEY_LONGEST_INLINE, 1)) {
      if (__builtin_expect(start + 16 <= count, 1)) {
        key.low = load8(text + start);
        key.high = load8(text + start + 8);
      } else {
        uint8_t padded[16] = {0};
        memcpy(padded, text + start, length);
        key.low = load8(padded);
        key.high = load8(padded + 8);
      }
      // What lies past the pre-token is cut off; a count of 64 bits or more cuts nothing.
      key.low = _bzhi_u64(key.low, (uint32_t)length * 8);
      key.high = _bzhi_u64(key.high, (uint32_t)(length > 8 ? length - 8 : 0) * 8);
      key.high |= (uint64_t)length << 56;
    } else {
      key = long_key(text + start, length);
    }
    const uint32_t hash = hash_key(key.low, key.high);
    keys[index] = key;
    hashes[index] = hash;
    __builtin_prefetch(slots + (size_t)(hash & mask) * sizeof(pre_token_slot), 0, 3);
    start = end;
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
    const uint32_t *hashes, const int is_narrow, size_t index, uint32_t *ids, size_t *written) {
  const pre_token_slot *slots = cache->slots;
  const uint8_t *arena = cache->arena;
  const size_t mask = cache->mask, n = batch->n;
  uint32_t *output = ids + *written;
  for (; index < n; index++) {
    const uint64_t low = keys[index].low, high = keys[index].high;
    size_t position = hashes[index] & mask;
    uint64_t difference;
  walk:
    while (1) {
      difference = slots[position].key.high ^ high;
      if (__builtin_expect(((slots[position].key.low ^ low) | difference << 4) == 0, 1)) break;
      if (slots[position].key.high == 0) goto missing;
      position = (position + 1) & mask;
    }
    const uint64_t code = difference >> 60;
    const __m128i payload = _mm_loadu_si128((const __m128i *)slots[position].payload);
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
    const uint64_t place = (uint64_t)_mm_cvtsi128_si64(payload);
    const uint8_t *source = arena + (uint32_t)place;
    const size_t number = place >> 32;
    if (high >> 56 == 0) {
      // Of a long pre-token the key is but a hash: another one may have the same.
      const size_t length = high;
      const size_t begin = index == 0 ? batch->start : (size_t)batch->ends[index - 1];
      if (!is_equal(batch->text + begin, source, length)) {
        position = (position + 1) & mask;
        goto walk;
      }
      source += (length + 3) & ~(size_t)3;
    }
    // Four at a time: up to three too many are read and written, for which both sides have room.
    for (size_t done = 0; done < number; done += 4) {
      _mm_storeu_si128((__m128i *)(output + done), _mm_loadu_si128((const __m128i *)(source + 4 * done)));
    }
    output += number;
  }
missing:
  *written = (size_t)(output - ids);
  return index;
}

static size_t find_narrow(const pre_token_batch *batch, const pre_token_cache *cache,
                          const pre_token_key *keys, const uint32_t *hashes, size_t index,
                          uint32_t *ids, size_t *written) {
  return find(batch, cache, keys, hashes, 1, index, ids, written);
}

static size_t find_wide(const pre_token_batch *batch, const pre_token_cache *cache,
                        const pre_token_key *keys, const uint32_t *hashes, size_t index,
                        uint32_t *ids, size_t *written) {
  return find(batch, cache, keys, hashes, 0, index, ids, written);
}

#pragma clang attribute pop

void keys_fill_crc32(const pre_token_batch *batch, const pre_token_cache *cache, pre_token_key *keys,
                     uint32_t *hashes) {
  fill_avx2(batch, cache, keys, hashes);
}

size_t keys_find(const pre_token_batch *batch, const pre_token_cache *cache, const pre_token_key *keys,
                 const uint32_t *hashes, int is_narrow, size_t index, uint32_t *ids, size_t *written) {
  return (is_narrow ? find_narrow : find_wide)(batch, cache, keys, hashes, index, ids, written);
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

void keys_fill_crc32(const pre_token_batch *batch, const pre_token_cache *cache, pre_token_key *keys,
                     uint32_t *hashes) {
  (void)batch, (void)cache, (void)keys, (void)hashes;
  __builtin_trap();
}

size_t keys_find(const pre_token_batch *batch, const pre_token_cache *cache, const pre_token_key *keys,
                 const uint32_t *hashes, int is_narrow, size_t index, uint32_t *ids, size_t *written) {
  (void)batch, (void)cache, (void)keys, (void)hashes, (void)is_narrow, (void)index, (void)ids;
  (void)written;
  __builtin_trap();
}

#endif
