// Making keys eight at a time and looking both slots of a cache line up at once, with AVX-512.

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,bmi,bmi2,lzcnt,popcnt"))), apply_to = function)

// Puts the keys of long pre-tokens, which `lanes` says, in the place of what their first bytes have given.
static __attribute__((noinline, cold)) void put_long_keys(const uint8_t *text, unsigned lanes, __m512i starts,
                                                          __m512i lengths, __m512i *low, __m512i *high) {
  uint64_t start[8], length[8], lows[8], highs[8];
  _mm512_storeu_si512(start, starts);
  _mm512_storeu_si512(length, lengths);
  _mm512_storeu_si512(lows, *low);
  _mm512_storeu_si512(highs, *high);
  for (; lanes; lanes &= lanes - 1) {
    const unsigned lane = (unsigned)__builtin_ctz(lanes);
    const pre_token_key key = long_key(text + start[lane], length[lane]);
    lows[lane] = key.low;
    highs[lane] = key.high;
  }
  *low = _mm512_loadu_si512(lows);
  *high = _mm512_loadu_si512(highs);
}

// The lowest `bits` of each element, 0 to 64 of them.
static inline __m512i lowest_bits(__m512i words, __m512i bits) {
  // Shifted by 64 one becomes 0, and that less one all bits.
  const __m512i one = _mm512_set1_epi64(1);
  return _mm512_and_si512(words, _mm512_sub_epi64(_mm512_sllv_epi64(one, bits), one));
}

static void fill_avx512(const pre_token_batch *batch, const pre_token_cache *cache, size_t index, pre_token_key *keys,
                        uint32_t *places) {
  if (!has_room_behind(batch, index)) return fill_multiplied(batch, cache, index, keys, places);
  const __m512i before_high = _mm512_set1_epi64((long long)0x9E3779B97F4A7C15u);
  const __m512i before_all = _mm512_set1_epi64((long long)0xD6E8FEB86659FD93u);
  // Words of eight keys to keys, four and four.
  const __m512i first_four = _mm512_set_epi64(11, 3, 10, 2, 9, 1, 8, 0);
  const __m512i last_four = _mm512_set_epi64(15, 7, 14, 6, 13, 5, 12, 4);
  const __m128i shift = _mm_cvtsi32_si128(64 - (int)cache->bits);
  const uint8_t *text = batch->text;
  const char *slots = (const char *)cache->slots;
  const size_t start = index == 0 ? batch->start : (size_t)batch->ends[index - 1];
  __m512i before = _mm512_set1_epi64((long long)start);
  for (const size_t n = batch->n; index < n; index += 8) {
    const __mmask8 lanes = n - index >= 8 ? 0xFF : (__mmask8)((1u << (n - index)) - 1);
    const __m512i ends = _mm512_maskz_loadu_epi64(lanes, batch->ends + index);
    const __m512i starts = _mm512_alignr_epi64(ends, before, 7);
    before = ends;
    const __m512i lengths = _mm512_maskz_sub_epi64(lanes, ends, starts), bits = _mm512_slli_epi64(lengths, 3);
    const __m512i none = _mm512_setzero_si512();
    __m512i low = _mm512_mask_i64gather_epi64(none, lanes, starts, text, 1);
    __m512i high = _mm512_mask_i64gather_epi64(none, lanes, starts, text + 8, 1);
    low = lowest_bits(low, bits);
    high = lowest_bits(high, _mm512_max_epi64(_mm512_sub_epi64(bits, _mm512_set1_epi64(64)), none));
    high = _mm512_or_si512(high, _mm512_slli_epi64(lengths, 56));
    const unsigned is_long = _mm512_cmpgt_epu64_mask(lengths, _mm512_set1_epi64(KEY_LONGEST_INLINE));
    if (__builtin_expect(is_long, 0)) put_long_keys(text, is_long, starts, lengths, &low, &high);
    _mm512_storeu_si512(keys + index, _mm512_permutex2var_epi64(low, first_four, high));
    _mm512_storeu_si512(keys + index + 4, _mm512_permutex2var_epi64(low, last_four, high));
    const __m512i mixed = _mm512_xor_si512(low, _mm512_mullo_epi64(high, before_high));
    const __m512i slot = _mm512_srl_epi64(_mm512_mullo_epi64(mixed, before_all), shift);
    _mm256_storeu_si256((__m256i *)(places + index), _mm256_slli_epi32(_mm512_cvtepi64_epi32(slot), 5));
    for (unsigned lane = 0; lane < 8; lane++) __builtin_prefetch(slots + places[index + lane], 0, 3);
  }
}

// Which slot of a line has a key, by the two lowest bits of both halves of a comparison: its offset, or NEITHER.
enum { NEITHER = 255 };
#define ROW(a, b, c, d) {a, b, c, d, a, b, c, d, a, b, c, d, a, b, c, d}
static const uint8_t offset_of_match[4][16] = {
    ROW(NEITHER, NEITHER, NEITHER, 0),
    ROW(NEITHER, NEITHER, NEITHER, 0),
    ROW(NEITHER, NEITHER, NEITHER, 0),
    ROW(32, 32, 32, 0),
};
#undef ROW

static inline __attribute__((always_inline)) size_t find_by_lines(const key_search search, key_output *output,
                                                                  size_t index, const int is_narrow) {
  const char *slots = (const char *)search.cache->slots;
  uint32_t *ids = output->ids;
  // The keys of a line without the numbers of ids, and nothing of the payloads.
  const __m512i what = _mm512_set_epi64(0, 0, (long long)(UINT64_MAX >> 4), -1, 0, 0, (long long)(UINT64_MAX >> 4), -1);
  for (const size_t n = search.batch->n; index < n; index++) {
    const char *line = slots + (search.places[index] & ~(uint32_t)63);
    const __m512i key = _mm512_broadcast_i64x2(_mm_loadu_si128((const __m128i *)(search.keys + index)));
    const unsigned same = _mm512_testn_epi64_mask(_mm512_xor_si512(_mm512_load_si512(line), key), what);
    const size_t offset = offset_of_match[same >> 4 & 3][same & 15];
    const pre_token_slot *slot = (const pre_token_slot *)(line + (offset & 32));
    // Keys have none of the highest four bits.
    const uint64_t count = slot->key.high >> 60;
    if (__builtin_expect(offset != NEITHER, 1) && __builtin_expect(count < SLOT_CLAIMED, 1)) {
      ids = copy_inline(slot, count, ids, is_narrow);
    } else {
      output->ids = ids;
      const int is_found = walk(search, output, index, is_narrow);
      ids = output->ids;
      if (!is_found) break;
    }
  }
  output->ids = ids;
  return index;
}

static size_t find_narrow_avx512(const key_search search, key_output *output, size_t index) {
  return find_by_lines(search, output, index, 1);
}

static size_t find_wide_avx512(const key_search search, key_output *output, size_t index) {
  return find_by_lines(search, output, index, 0);
}

#pragma clang attribute pop
