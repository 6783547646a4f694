// Making keys eight at a time, with AVX-512.

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,bmi,bmi2,lzcnt,popcnt"))), apply_to = function)

// Puts the keys of pre-tokens that are long or begin with zeros, which `lanes` says, in the place of what their first
// bytes have given.
static __attribute__((noinline, cold)) void put_rare_keys(const pre_token_batch *batch, size_t index, unsigned lanes,
                                                          pre_token_key *keys) {
  for (; lanes; lanes &= lanes - 1) {
    const size_t place = index + (unsigned)__builtin_ctz(lanes);
    const uint8_t *bytes = bytes_of(batch, place);
    keys[place] = rare_key(bytes, (size_t)(batch->text + batch->ends[place] - bytes));
  }
}

// The first sixteen bytes of four pre-tokens. Four loads: a gather takes more than that for half of them.
static inline __m512i four_times_sixteen(const uint8_t *text, size_t one, size_t two, size_t three, size_t four) {
  const __m256i first = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(text + one))),
                                                _mm_loadu_si128((const __m128i *)(text + two)), 1);
  const __m256i last = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(text + three))),
                                               _mm_loadu_si128((const __m128i *)(text + four)), 1);
  return _mm512_inserti64x4(_mm512_castsi256_si512(first), last, 1);
}

// Keys of up to 15 bytes of their first sixteen. `lengths` are eight of 64 bits, `which` chooses the lowest byte of one for
// all sixteen of its key.
static inline __m512i keys_of(__m512i bytes, __m512i lengths, __m512i which) {
  // No length of a byte is more than that of the last.
  const __m512i places = _mm512_broadcast_i32x4(_mm_set_epi8(-1, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
  const __m512i length = _mm512_permutexvar_epi8(which, lengths);
  const __m512i kept = _mm512_maskz_mov_epi8(_mm512_cmplt_epu8_mask(places, length), bytes);
  return _mm512_mask_mov_epi8(kept, 0x8000800080008000, length);
}

static void fill_avx512(const pre_token_batch *batch, const pre_token_cache *cache, size_t index, pre_token_key *keys,
                        uint32_t *places) {
  if (!has_room_behind(batch, index)) return fill_multiplied(batch, cache, index, keys, places);
  const __m512i before_high = _mm512_set1_epi64((long long)0x9E3779B97F4A7C15u);
  const __m512i before_all = _mm512_set1_epi64((long long)0xD6E8FEB86659FD93u);
  // The lowest bytes of the words of each half, sixteen times.
  const __m512i of_first = _mm512_set_epi64(0x1818181818181818, 0x1818181818181818, 0x1010101010101010, 0x1010101010101010,
                                            0x0808080808080808, 0x0808080808080808, 0, 0);
  const __m512i of_last = _mm512_or_si512(of_first, _mm512_set1_epi8(32));
  // Keys, four and four, to words of eight keys.
  const __m512i lows = _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0);
  const __m512i highs = _mm512_set_epi64(15, 13, 11, 9, 7, 5, 3, 1);
  const __m128i shift = _mm_cvtsi32_si128(65 - (int)cache->bits);
  const uint8_t *text = batch->text;
  const char *slots = (const char *)cache->slots;
  const size_t *all_ends = (const size_t *)batch->ends;
  size_t start = index == 0 ? batch->start : all_ends[index - 1];
  __m512i before = _mm512_set1_epi64((long long)start);
  const size_t n = batch->n;
  for (; index + 8 <= n; index += 8) {
    const size_t *at = all_ends + index;
    const __m512i ends = _mm512_loadu_si512(at);
    const __m512i lengths = _mm512_sub_epi64(ends, _mm512_alignr_epi64(ends, before, 7));
    before = ends;
    __m512i first = keys_of(four_times_sixteen(text, start, at[0], at[1], at[2]), lengths, of_first);
    __m512i last = keys_of(four_times_sixteen(text, at[3], at[4], at[5], at[6]), lengths, of_last);
    start = at[7];
    _mm512_storeu_si512(keys + index, first);
    _mm512_storeu_si512(keys + index + 4, last);
    __m512i low = _mm512_permutex2var_epi64(first, lows, last), high = _mm512_permutex2var_epi64(first, highs, last);
    const unsigned is_rare = _mm512_cmpgt_epu64_mask(lengths, _mm512_set1_epi64(KEY_LONGEST_INLINE)) |
                             (unsigned)_mm512_testn_epi64_mask(low, low);
    if (__builtin_expect(is_rare, 0)) {
      put_rare_keys(batch, index, is_rare, keys);
      first = _mm512_loadu_si512(keys + index);
      last = _mm512_loadu_si512(keys + index + 4);
      low = _mm512_permutex2var_epi64(first, lows, last);
      high = _mm512_permutex2var_epi64(first, highs, last);
    }
    const __m512i mixed = _mm512_xor_si512(low, _mm512_mullo_epi64(high, before_high));
    const __m512i line = _mm512_srl_epi64(_mm512_mullo_epi64(mixed, before_all), shift);
    _mm256_storeu_si256((__m256i *)(places + index), _mm256_slli_epi32(_mm512_cvtepi64_epi32(line), 6));
    for (unsigned lane = 0; lane < 8; lane++) __builtin_prefetch(slots + places[index + lane], 0, 3);
  }
  if (index < n) fill_multiplied(batch, cache, index, keys, places);
}

// As key_find.h wants it: the lowest two bits for the first key, the next two for the second.
static inline __attribute__((always_inline)) unsigned which_differ_avx512(const pre_token_key *keys, const pre_token_slot *one,
                                                                          const pre_token_slot *two) {
  const __m256i filled_key = _mm256_set_epi64x((long long)SLOT_FILLED_KEY, -1, (long long)SLOT_FILLED_KEY, -1);
  const __m256i there = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_load_si128((const __m128i *)&one->key)),
                                                _mm_load_si128((const __m128i *)&two->key), 1);
  return _mm256_test_epi64_mask(_mm256_xor_si256(_mm256_loadu_si256((const __m256i *)keys), there), filled_key);
}

#define FIRST_DIFFERS 3
#define KERNEL(name) name##_avx512
#define WHICH_DIFFER which_differ_avx512
#include "key_find.h"
#undef WHICH_DIFFER
#undef KERNEL
#undef FIRST_DIFFERS

#pragma clang attribute pop
