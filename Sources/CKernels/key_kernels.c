// Keys of pre-tokens, see key_body.h, and key_vectors.h for eight at a time; and their look-up, see key_find.h.
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
  hash = (hash ^ hash >> 32) * 0x9E3779B97F4A7C15u;
  return hash + (hash == 0);
}

// The key of a pre-token that is too long for its bytes to be one, or begins with zeros.
static __attribute__((noinline, cold)) pre_token_key rare_key(const uint8_t *bytes, size_t length) {
  if (length < 8) return (pre_token_key){KEY_OF_ZEROS, (uint64_t)length << 56};
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

// Whether sixteen bytes may be read from where each pre-token begins: none begins behind the last end.
static inline int has_room_behind(const pre_token_batch *batch, size_t index) {
  return index < batch->n && (size_t)batch->ends[batch->n - 1] + 16 <= batch->count;
}

// What is looked up, and where.
typedef struct {
  const pre_token_batch *batch;
  const pre_token_cache *cache;
  const pre_token_key *keys;
  const uint32_t *places;
} key_search;

// What comes of it.
typedef struct {
  uint32_t *first, *ids;  // where ids begin, and where the next one goes
  pre_token_miss *misses;
  size_t missing;
} key_output;

static inline const uint8_t *bytes_of(const pre_token_batch *batch, size_t index) {
  return batch->text + (index == 0 ? batch->start : (size_t)batch->ends[index - 1]);
}

// Whether the bytes of a pre-token, at least eight, are those at `kept`.
static inline int is_equal(const uint8_t *bytes, const uint8_t *kept, size_t length) {
  for (size_t offset = 0; offset + 8 < length; offset += 8) {
    if (load8(bytes + offset) != load8(kept + offset)) return 0;
  }
  return load8(bytes + length - 8) == load8(kept + length - 8);
}

// All that a slot has room for is written: no branch depends on how many ids there are. `code` is their number less one.
static inline __attribute__((always_inline)) uint32_t *copy_inline(const pre_token_slot *slot, uint64_t code,
                                                                   uint32_t *ids, const int is_narrow) {
  if (is_narrow) {
    uint16_t narrow[SLOT_NARROW_IDS];
    memcpy(narrow, slot->payload, sizeof narrow);
    for (unsigned number = 0; number < SLOT_NARROW_IDS; number++) ids[number] = narrow[number];
  } else {
    memcpy(ids, slot->payload, sizeof slot->payload);
  }
  return ids + code + 1;
}

// The slot of a line to compare with a key: the first if it has the key's first word, else the other. Both have it where
// two words of eight bytes or more begin alike, which `walk` sorts out. A choice and not a branch, which would be wrong
// too often; the empty statement keeps it one.
static inline __attribute__((always_inline)) const pre_token_slot *likely_slot(const char *line, uint64_t low) {
  const pre_token_slot *const slots = (const pre_token_slot *)line;
  const pre_token_slot *slot = slot_low(slots) == low ? slots : slots + 1;
  __asm__("" : "+r"(slot));
  return slot;
}

// Copies ids from the arena; 0 if they are another pre-token's, of which the key is the same hash.
static inline int copy_from_arena(const key_search search, size_t index, uint64_t reference, key_output *output) {
  const uint8_t *source = search.cache->arena + (uint32_t)reference;
  const size_t count = reference >> 32, high = search.keys[index].high;
  if (high >> 56 == 0) {
    if (!is_equal(bytes_of(search.batch, index), source, high)) return 0;
    source += (high + 3) & ~(size_t)3;
  }
  // Four at a time: up to three too many are read and written, for which both sides have room.
  for (size_t done = 0; done < count; done += 4) memcpy(output->ids + done, source + 4 * done, 16);
  output->ids += count;
  return 1;
}

// Notes that the ids of a pre-token are missing, which has claimed a slot by itself or before.
static inline void note_miss(key_output *output, size_t index, size_t slot, size_t first) {
  output->misses[output->missing++] = (pre_token_miss){
      .index = (uint32_t)index,
      .gap = (uint32_t)(output->ids - output->first),
      .slot = (uint32_t)slot,
      .first = (uint32_t)first,
  };
}

// Looks a pre-token up from its home on, whatever there is; 0 if it is too long for the cache.
static __attribute__((noinline)) int walk(const key_search search, key_output *output, size_t index,
                                          int is_narrow) {
  const uint64_t low = search.keys[index].low, high = search.keys[index].high;
  const size_t mask = ((size_t)sizeof(pre_token_slot) << search.cache->bits) - 1;
  for (size_t place = search.places[index];; place = slot_after(place, mask)) {
    pre_token_slot *slot = (pre_token_slot *)((char *)search.cache->slots + place);
    uint64_t there = slot_high(slot);
    if (there == 0) {
      if (high == KEY_TOO_LONG) return 0;
      if (slot_claim(slot, search.keys[index], output->missing, search.cache->is_shared)) {
        note_miss(output, index, place, output->missing);
        return 1;
      }
      there = slot_high(slot);
    }
    const uint64_t difference = there ^ high;
    if (difference << 4 != 0 || slot_low(slot) != low) continue;
    const uint64_t code = difference >> 60;
    if (code == SLOT_CLAIMED) {
      size_t first = slot_claimant(slot);
      if (first >= output->missing || output->misses[first].slot != place) {
        // Another thread is about it: waiting for that would take longer.
        first = output->missing;
        place = NO_SLOT;
      } else if (high >> 56 == 0) {
        // Of a long pre-token the key is but a hash: another one may have the same.
        const uint8_t *other = bytes_of(search.batch, output->misses[first].index);
        if (!is_equal(bytes_of(search.batch, index), other, high)) continue;
      }
      note_miss(output, index, place, first);
      return 1;
    }
    if (code == SLOT_IN_ARENA) {
      if (copy_from_arena(search, index, slot->payload[0], output)) return 1;
      continue;
    }
    output->ids = copy_inline(slot, code, output->ids, is_narrow);
    return 1;
  }
}

// Claims the first free slot of the home of a pre-token that is not there, and notes the miss; 0 if that is left to `walk`.
// Which of the two slots is free is a choice and not a branch, as above.
static inline __attribute__((always_inline)) int claim_at_home(const key_search search, key_output *output, size_t index) {
  const pre_token_key key = search.keys[index];
  pre_token_slot *const home = (pre_token_slot *)((char *)search.cache->slots + search.places[index]);
  // It may be there. That of one that is too long is the first word of a free slot.
  if ((int)(slot_low(home) == key.low) | (int)(slot_low(home + 1) == key.low)) return 0;
  pre_token_slot *slot = slot_high(home) == 0 ? home : home + 1;
  __asm__("" : "+r"(slot));
  if (slot_high(slot) != 0 || !slot_claim(slot, key, output->missing, search.cache->is_shared)) return 0;
  note_miss(output, index, (size_t)((char *)slot - (char *)search.cache->slots), output->missing);
  return 1;
}

// The highest bits depend on all of the key.
static inline __attribute__((always_inline)) uint32_t hash_multiplied(pre_token_key key) {
  return (uint32_t)((key.low ^ key.high * 0x9E3779B97F4A7C15u) * 0xD6E8FEB86659FD93u >> 32);
}

#if defined(__x86_64__)
// What of two keys and their slots is not the same, where the slots have their ids. By vectors: whole numbers have too few
// units for all that a look-up does.
static inline __attribute__((always_inline)) __m128i difference_of(const pre_token_key *key, const pre_token_slot *slot) {
  const __m128i filled_key = _mm_set_epi64x((long long)SLOT_FILLED_KEY, -1);
  const __m128i difference = _mm_xor_si128(_mm_loadu_si128((const __m128i *)key), _mm_load_si128((const __m128i *)&slot->key));
  return _mm_and_si128(filled_key, difference);
}

// As key_find.h wants it, with SSE2.
static inline __attribute__((always_inline)) unsigned which_differ(const pre_token_key *keys, const pre_token_slot *one,
                                                                   const pre_token_slot *two) {
  const __m128i first = difference_of(keys, one), second = difference_of(keys + 1, two), none = _mm_setzero_si128();
  if (__builtin_expect(_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_or_si128(first, second), none)) == 0xFFFF, 1)) return 0;
  return _mm_movemask_epi8(_mm_cmpeq_epi8(first, none)) == 0xFFFF ? 2 : 1;
}
#else
// As key_find.h wants it, by whole numbers.
static inline __attribute__((always_inline)) unsigned which_differ(const pre_token_key *keys, const pre_token_slot *one,
                                                                   const pre_token_slot *two) {
  const uint64_t first = (slot_low(one) ^ keys[0].low) | ((slot_high(one) ^ keys[0].high) & SLOT_FILLED_KEY);
  const uint64_t second = (slot_low(two) ^ keys[1].low) | ((slot_high(two) ^ keys[1].high) & SLOT_FILLED_KEY);
  if (__builtin_expect((first | second) == 0, 1)) return 0;
  return first != 0 ? 1 : 2;
}
#endif

#define FIRST_DIFFERS 1
#define KERNEL(name) name##_multiplied
#define WHICH_DIFFER which_differ
#include "key_body.h"
#include "key_find.h"
#undef WHICH_DIFFER
#undef KERNEL

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,sse4.2,bmi,bmi2"))), apply_to = function)
static inline __attribute__((always_inline)) uint32_t hash_crc32(pre_token_key key) {
  return (uint32_t)_mm_crc32_u64(_mm_crc32_u64(0, key.low), key.high);
}

// The same with AVX2.
static inline __attribute__((always_inline)) unsigned which_differ_avx2(const pre_token_key *keys, const pre_token_slot *one,
                                                                        const pre_token_slot *two) {
  const __m128i first = difference_of(keys, one), second = difference_of(keys + 1, two), both = _mm_or_si128(first, second);
  if (__builtin_expect(_mm_testz_si128(both, both), 1)) return 0;
  return _mm_testz_si128(first, first) ? 2 : 1;
}

#define KERNEL(name) name##_crc32
#define WHICH_DIFFER which_differ_avx2
#include "key_body.h"
#include "key_find.h"
#undef WHICH_DIFFER
#undef KERNEL

static uint32_t hash_by_crc32(pre_token_key key) { return hash_crc32(key); }
#pragma clang attribute pop

#undef FIRST_DIFFERS
#include "key_vectors.h"

int keys_have_kernel(int kernel) {
  __builtin_cpu_init();
  switch (kernel) {
    case KEY_KERNEL_PLAIN: return 1;
    case KEY_KERNEL_CRC32:
      return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("avx2");
    default:
      return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("bmi2");
  }
}
#elif defined(__aarch64__)
#pragma clang attribute push(__attribute__((target("crc"))), apply_to = function)
static inline __attribute__((always_inline)) uint32_t hash_crc32(pre_token_key key) {
  return __builtin_arm_crc32cd(__builtin_arm_crc32cd(0, key.low), key.high);
}

#define KERNEL(name) name##_crc32
#define WHICH_DIFFER which_differ
#include "key_body.h"
#include "key_find.h"
#undef WHICH_DIFFER
#undef KERNEL

static uint32_t hash_by_crc32(pre_token_key key) { return hash_crc32(key); }
#pragma clang attribute pop

#define fill_avx512 fill_multiplied
#define find_narrow_avx512 find_narrow_multiplied
#define find_wide_avx512 find_wide_multiplied

int keys_have_kernel(int kernel) {
  if (kernel != KEY_KERNEL_CRC32) return kernel == KEY_KERNEL_PLAIN;
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
#define fill_avx512 fill_multiplied
#define find_narrow_avx512 find_narrow_multiplied
#define find_wide_avx512 find_wide_multiplied
#define hash_by_crc32 hash_multiplied
int keys_have_kernel(int kernel) { return kernel == KEY_KERNEL_PLAIN; }
#endif

uint32_t keys_hash(int kernel, pre_token_key key) {
  return kernel == KEY_KERNEL_CRC32 ? hash_by_crc32(key) : hash_multiplied(key);
}

void keys_fill(int kernel, const pre_token_batch *batch, const pre_token_cache *cache, size_t index,
               pre_token_key *keys, uint32_t *places) {
  switch (kernel) {
    case KEY_KERNEL_AVX512: return fill_avx512(batch, cache, index, keys, places);
    case KEY_KERNEL_CRC32: return fill_crc32(batch, cache, index, keys, places);
    default: return fill_multiplied(batch, cache, index, keys, places);
  }
}

size_t keys_find(int kernel, const pre_token_batch *batch, const pre_token_cache *cache,
                 const pre_token_key *keys, const uint32_t *places, int is_narrow, size_t index,
                 uint32_t *ids, size_t *written, pre_token_miss *misses, size_t *missing) {
  const key_search search = {batch, cache, keys, places};
  key_output output = {ids, ids + *written, misses, *missing};
  switch (kernel) {
    case KEY_KERNEL_AVX512:
      index = (is_narrow ? find_narrow_avx512 : find_wide_avx512)(search, &output, index);
      break;
    case KEY_KERNEL_CRC32: index = (is_narrow ? find_narrow_crc32 : find_wide_crc32)(search, &output, index); break;
    default: index = (is_narrow ? find_narrow_multiplied : find_wide_multiplied)(search, &output, index);
  }
  *written = (size_t)(output.ids - ids);
  *missing = output.missing;
  return index;
}

size_t ids_insert(uint32_t *ids, size_t written, const pre_token_miss *misses, size_t missing, const uint32_t *news) {
  enum { BLOCK = INSERT_SLACK };
  size_t total = written;
  for (size_t number = 0; number < missing; number++) total += misses[number].count;
  // From the last to the first, so that nothing is written over before it has moved.
  size_t end = total, up_to = written;
  for (size_t number = missing; number-- > 0;) {
    const size_t gap = misses[number].gap, count = misses[number].count;
    const uint32_t *const new = news + misses[number].place;
    const size_t moved = up_to - gap, start = end - moved;
    // What lies before the gap has yet to move. Where nothing of it can be hit, whole blocks are written, and what they
    // write too much, before the place where they belong, is written over by what belongs there.
    if (gap >= BLOCK && start - gap >= BLOCK && count <= BLOCK) {
      for (size_t done = 0; done < moved; done += BLOCK) {
        memcpy(ids + end - done - BLOCK, ids + up_to - done - BLOCK, BLOCK * sizeof *ids);
      }
      memcpy(ids + start - BLOCK, new + count - BLOCK, BLOCK * sizeof *ids);
    } else {
      memmove(ids + start, ids + gap, moved * sizeof *ids);
      memcpy(ids + start - count, new, count * sizeof *ids);
    }
    end = start - count;
    up_to = gap;
  }
  return total;
}
