// Merging with AVX-512, whose compressions move parts up and find what a comparison has found.

// The rank of a pair, by the slots of its group.
INLINE uint32_t KERNEL(rank_of)(const merge_table *table, uint64_t pair, const uint64_t *group) {
  while (1) {
    const __m512i slots = _mm512_load_si512(group);
    const __mmask8 found = _mm512_cmpeq_epi64_mask(_mm512_srli_epi64(slots, MERGE_RANK_BITS),
                                                   _mm512_set1_epi64((long long)pair));
    // The slot that was found comes first; else all bits are set, as those of `no_rank` are.
    const __m512i first = _mm512_mask_compress_epi64(_mm512_set1_epi64(-1), found, slots);
    const uint64_t slot = (uint64_t)_mm_cvtsi128_si64(_mm512_castsi512_si128(first));
    // The last slot is taken only if all eight are, which hardly any are.
    uint32_t is_vacant = group[MERGE_GROUP - 1] == UINT64_MAX;
    // Or a compiler makes two branches of the next line, of which neither can be foreseen: half of the rate.
    __asm__("" : "+r"(is_vacant));
    if (__builtin_expect((found | is_vacant) != 0, 1)) return (uint32_t)slot & no_rank;
    group += MERGE_GROUP;
    if (group == table->slots + ((size_t)1 << table->bits)) group = table->slots;
  }
}

// Finds the merge to make next.
INLINE void KERNEL(choose)(merge_lane *lane, const int width) {
  const __m512i positions = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  __m512i least = _mm512_or_si512(_mm512_load_si512(lane->ranks + LANE), positions);
  if (width == 2) {
    const __m512i ranks = _mm512_load_si512(lane->ranks + 2 * LANE);
    const __m512i following = _mm512_or_si512(positions, _mm512_set1_epi32(LANE));
    least = _mm512_min_epu32(least, _mm512_or_si512(ranks, following));
  }
  // Halves of halves, of which none is computed in a wider register than it fills.
  const __m256i eight =
      _mm256_min_epu32(_mm512_castsi512_si256(least), _mm512_extracti64x4_epi64(least, 1));
  __m128i four = _mm_min_epu32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
  four = _mm_min_epu32(four, _mm_shuffle_epi32(four, _MM_SHUFFLE(1, 0, 3, 2)));
  four = _mm_min_epu32(four, _mm_shuffle_epi32(four, _MM_SHUFFLE(2, 3, 0, 1)));
  lane->lowest = (uint32_t)_mm_cvtsi128_si32(four);
}

INLINE void KERNEL(begin)(const merge_table *table, merge_lane *lane, const uint8_t *bytes, size_t length,
                  pre_token_miss *miss, const int width) {
  // What is read beyond either end.
  lane->symbols[LANE - 1] = lane->symbols[(1 + width) * LANE] = no_symbol;
  lane->ranks[(1 + width) * LANE] = no_rank << POSITION_BITS;
  const uint32_t all = _bzhi_u32(UINT32_MAX, (uint32_t)length);
  for (int half = 0; half < width; half++) {
    const __mmask16 parts = (__mmask16)(all >> half * LANE);
    // Nothing is read behind the pre-token.
    const __m512i symbols = _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(parts, bytes + half * LANE));
    const __mmask16 pairs = (__mmask16)(all >> 1 >> half * LANE);
    const __m512i next = _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(pairs, bytes + half * LANE + 1));
    const __m512i ranks = _mm512_mask_i32gather_epi32(
        _mm512_set1_epi32((int)no_rank), pairs, _mm512_or_si512(_mm512_slli_epi32(symbols, 8), next),
        table->rank_of_bytes, 4);
    _mm512_store_si512(lane->ranks + LANE + half * LANE, _mm512_slli_epi32(ranks, POSITION_BITS));
    _mm512_store_si512(lane->symbols + LANE + half * LANE,
                       _mm512_mask_mov_epi32(_mm512_set1_epi32((int)no_symbol), parts, symbols));
  }
  lane->miss = miss;
  KERNEL(choose)(lane, width);
}

// Makes the merge that was chosen.
INLINE void KERNEL(merge)(const merge_table *table, merge_lane *lane, const int width) {
  const uint32_t merged = begin_merge(table, lane);
  const size_t position = lane->made;
  // The right part goes, and what follows it moves up.
  if (width == 1) {
    const __mmask16 kept = (__mmask16) ~(2u << position);
    const __m512i no_ranks = _mm512_set1_epi32((int)(no_rank << POSITION_BITS));
    const __m512i no_symbols = _mm512_set1_epi32((int)no_symbol);
    const __m512i ranks = _mm512_load_si512(lane->ranks + LANE);
    const __m512i symbols = _mm512_load_si512(lane->symbols + LANE);
    _mm512_store_si512(lane->ranks + LANE, _mm512_mask_compress_epi32(no_ranks, kept, ranks));
    _mm512_store_si512(lane->symbols + LANE, _mm512_mask_compress_epi32(no_symbols, kept, symbols));
  } else {
    // All is read before any of it is written.
    const uint32_t moved = ~1u << position;
    __m512i ranks[WIDEST], symbols[WIDEST];
    for (int half = 0; half < width; half++) {
      const size_t first = LANE + (size_t)half * LANE;
      const __mmask16 mask = (__mmask16)(moved >> half * LANE);
      ranks[half] = _mm512_mask_loadu_epi32(_mm512_load_si512(lane->ranks + first), mask,
                                            lane->ranks + first + 1);
      symbols[half] = _mm512_mask_loadu_epi32(_mm512_load_si512(lane->symbols + first), mask,
                                              lane->symbols + first + 1);
    }
    for (int half = 0; half < width; half++) {
      _mm512_store_si512(lane->ranks + LANE + half * LANE, ranks[half]);
      _mm512_store_si512(lane->symbols + LANE + half * LANE, symbols[half]);
    }
  }
  lane->symbols[LANE + position] = merged;
}

INLINE void KERNEL(finish)(const merge_table *table, const merge_lane *lane, uint32_t *ids, const int width) {
  uint32_t count = 0;
  for (int half = 0; half < width; half++) {
    const __m512i symbols = _mm512_load_si512(lane->symbols + LANE + half * LANE);
    const __mmask16 parts = _mm512_cmpneq_epi32_mask(symbols, _mm512_set1_epi32((int)no_symbol));
    __mmask16 looked_up = parts;
    if (table->in_order) looked_up &= _mm512_cmplt_epu32_mask(symbols, _mm512_set1_epi32(256));
    uint32_t *const place = ids + lane->miss->place + half * LANE;
    _mm512_storeu_si512(place, symbols);
    // Few as a rule: a gather costs more.
    for (uint32_t bits = looked_up; bits; bits &= bits - 1) {
      const uint32_t part = _tzcnt_u32(bits);
      place[part] = table->tokens[lane->symbols[LANE + half * LANE + part]];
    }
    count += (uint32_t)_mm_popcnt_u32(parts);
  }
  lane->miss->count = count;
}
