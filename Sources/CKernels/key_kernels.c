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

#pragma clang attribute push(__attribute__((target("sse4.2,bmi,bmi2"))), apply_to = function)

static inline uint32_t hash_key(uint64_t low, uint64_t high) {
  return (uint32_t)_mm_crc32_u64(_mm_crc32_u64(0, low), high);
}

uint32_t keys_hash_crc32(pre_token_key key) { return hash_key(key.low, key.high); }

void keys_fill_crc32(const uint8_t *text, size_t count, size_t start, const intptr_t *ends, size_t n,
                     pre_token_key *keys, uint32_t *hashes, const void *slots, uint32_t mask) {
  for (size_t index = 0; index < n; index++) {
    const size_t end = (size_t)ends[index];
    const size_t length = end - start;
    uint64_t low, high;
    if (__builtin_expect(length <= KEY_LONGEST_INLINE, 1)) {
      if (__builtin_expect(start + 16 <= count, 1)) {
        low = load8(text + start);
        high = load8(text + start + 8);
      } else {
        uint8_t padded[16] = {0};
        memcpy(padded, text + start, length);
        low = load8(padded);
        high = load8(padded + 8);
      }
      // What lies past the pre-token is cut off; a count of 64 bits or more cuts nothing.
      low = _bzhi_u64(low, (uint32_t)length * 8);
      high = _bzhi_u64(high, (uint32_t)(length > 8 ? length - 8 : 0) * 8);
      high |= (uint64_t)length << 56;
    } else if (length <= KEY_LONGEST) {
      low = hash_bytes(text + start, length);
      high = length;
    } else {
      low = 0;
      high = KEY_TOO_LONG;
    }
    const uint32_t hash = hash_key(low, high);
    keys[index] = (pre_token_key){low, high};
    hashes[index] = hash;
    __builtin_prefetch((const char *)slots + (size_t)(hash & mask) * 32, 0, 3);
    start = end;
  }
}

#pragma clang attribute pop

int keys_have_crc32(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("bmi2");
}

#else

int keys_have_crc32(void) { return 0; }

uint32_t keys_hash_crc32(pre_token_key key) {
  (void)key;
  __builtin_trap();
}

void keys_fill_crc32(const uint8_t *text, size_t count, size_t start, const intptr_t *ends, size_t n,
                     pre_token_key *keys, uint32_t *hashes, const void *slots, uint32_t mask) {
  (void)text, (void)count, (void)start, (void)ends, (void)n, (void)keys, (void)hashes, (void)slots;
  (void)mask;
  __builtin_trap();
}

#endif
