// What 64 bytes are, included once for each set of instructions: KERNEL names the function, and one of
// CLASSIFY_… says how bytes are told apart.

#if defined(CLASSIFY_AVX2) || defined(CLASSIFY_SSE2) || defined(CLASSIFY_NEON)
#if defined(CLASSIFY_NEON)
#define PART uint8x16_t
#define LOAD(bytes) vld1q_u8(bytes)
#define EITHER vorrq_u8
#define BITS(is) KERNEL(bits)(is(parts[0]), is(parts[1]), is(parts[2]), is(parts[3]))
#define ALL(value) vdupq_n_u8((uint8_t)(value))
#define EQUAL(part, byte) vceqq_u8(part, ALL(byte))
#define AT_MOST(part, byte) vcleq_u8(part, ALL(byte))
#define AT_LEAST(part, byte) vcgeq_u8(part, ALL(byte))
#define FROM(part, byte) vsubq_u8(part, ALL(byte))
#define IS_LONG(part) AT_LEAST(part, 0x80)
#define IS_CONTINUATION(part) vcltq_s8(vreinterpretq_s8_u8(part), vdupq_n_s8(-64))
// Of letters.
#define IS_UPPER(part) vcltq_u8(part, ALL('a'))
#else
#if defined(CLASSIFY_AVX2)
#define PART __m256i
#define OPERATION(name) _mm256_##name
#define LOAD(bytes) _mm256_loadu_si256((const __m256i *)(bytes))
#define EITHER _mm256_or_si256
#define BITS(is) (PART_BITS(is, 0) | PART_BITS(is, 1) << 32)
#else
#define PART __m128i
#define OPERATION(name) _mm_##name
#define LOAD(bytes) _mm_loadu_si128((const __m128i *)(bytes))
#define EITHER _mm_or_si128
#define BITS(is) \
  (PART_BITS(is, 0) | PART_BITS(is, 1) << 16 | (PART_BITS(is, 2) | PART_BITS(is, 3) << 16) << 32)
#endif
#define PART_BITS(is, part) KERNEL(highest_bits)(is(parts[part]))
#define ALL(value) OPERATION(set1_epi8)((char)(value))
#define EQUAL(part, byte) OPERATION(cmpeq_epi8)(part, ALL(byte))
// There is no unsigned comparison: a byte is at most n if the smaller of the two is the byte.
#define AT_MOST(part, byte) OPERATION(cmpeq_epi8)(OPERATION(min_epu8)(part, ALL(byte)), part)
#define AT_LEAST(part, byte) OPERATION(cmpeq_epi8)(OPERATION(max_epu8)(part, ALL(byte)), part)
#define FROM(part, byte) OPERATION(sub_epi8)(part, ALL(byte))
#define IS_LONG(part) part
#define IS_CONTINUATION(part) OPERATION(cmpgt_epi8)(ALL(-64), part)
// Of letters; signed comparison will do.
#define IS_UPPER(part) OPERATION(cmpgt_epi8)(ALL('a'), part)
#endif
#define IS_LETTER(part) AT_MOST(FROM(EITHER(part, ALL(0x20)), 'a'), 25)
#define IS_NUMBER(part) AT_MOST(FROM(part, '0'), 9)
#define IS_BLANK(part) EQUAL(part, ' ')
#define IS_SPACE(part) EITHER(IS_BLANK(part), AT_MOST(FROM(part, 9), 4))
#define IS_APOSTROPHE(part) EQUAL(part, '\'')
#define IS_FROM_E0(part) AT_LEAST(part, 0xE0)
#define IS_FROM_F0(part) AT_LEAST(part, 0xF0)
#define IS_LINE_END(part) EITHER(EQUAL(part, '\n'), EQUAL(part, '\r'))
#define IS_SLASH(part) EQUAL(part, '/')

#if defined(CLASSIFY_NEON)
// A bit for each byte of four parts, which are all ones or all zeros: each keeps one bit by its place among
// eight, and three rounds of adding neighbours bring the bits of eight bytes together in one.
static inline __attribute__((always_inline)) uint64_t KERNEL(bits)(PART one, PART two, PART three,
                                                                   PART four) {
  const PART places = vcombine_u8(vcreate_u8(0x8040201008040201u), vcreate_u8(0x8040201008040201u));
  const PART lower = vpaddq_u8(vandq_u8(one, places), vandq_u8(two, places));
  const PART upper = vpaddq_u8(vandq_u8(three, places), vandq_u8(four, places));
  const PART quarters = vpaddq_u8(lower, upper);
  return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(quarters, quarters)), 0);
}
#else
// The highest bit of each byte.
static inline __attribute__((always_inline)) uint64_t KERNEL(highest_bits)(PART bytes) {
  uint32_t bits = (uint32_t)OPERATION(movemask_epi8)(bytes);
  // Does nothing, but hides from the compiler where the bits come from: else it joins the parts to a vector of
  // 64 bytes and takes that apart again byte by byte, which costs ten times as much.
  __asm__("" : "+r"(bits));
  return bits;
}
#endif

#elif defined(CLASSIFY_PLAIN)
// Eight bytes side by side in a word; what is told of a byte is its highest bit.
#define EACH(byte) ((uint8_t)(byte) * 0x0101010101010101u)
#define IS_CONTINUATION(word) ((word) & ~((word) << 1))
#define IS_FROM_E0(word) ((word) & (word) << 1 & (word) << 2)
#define IS_FROM_F0(word) (IS_FROM_E0(word) & (word) << 3)
// The highest bits of the eight bytes side by side: the factor brings each to its place in the highest byte.
#define WORD_BITS(is) (((is(word) & EACH(0x80)) >> 7) * 0x0102040810204080u >> 56 << index)

// What a byte is, a byte of a word for each class: eight such words, each added to twice the sum of those
// before, are eight bits of each class side by side.
enum { OF_LETTER, OF_UPPER_OR_SLASH, OF_NUMBER, OF_BLANK, OF_SPACE, OF_LINE_END, OF_APOSTROPHE, OF_LONG };
#define IS(of) (1ull << 8 * (of))
static const uint64_t KERNEL(classes_of_byte)[256] = {
    [9] = IS(OF_SPACE), [11 ... 12] = IS(OF_SPACE),
    ['\n'] = IS(OF_SPACE) | IS(OF_LINE_END), ['\r'] = IS(OF_SPACE) | IS(OF_LINE_END),
    [' '] = IS(OF_SPACE) | IS(OF_BLANK), ['\''] = IS(OF_APOSTROPHE), ['/'] = IS(OF_UPPER_OR_SLASH),
    ['0' ... '9'] = IS(OF_NUMBER), ['A' ... 'Z'] = IS(OF_LETTER) | IS(OF_UPPER_OR_SLASH),
    ['a' ... 'z'] = IS(OF_LETTER), [0x80 ... 0xFF] = IS(OF_LONG)};
#undef IS
#endif

// The classes of ASCII in 64 bytes, and which bytes are not ASCII.
static inline __attribute__((always_inline)) void KERNEL(classify)(const uint8_t *bytes,
                                                                   split_masks *masks,
                                                                   unsigned wants) {
#if defined(CLASSIFY_AVX512)
  const __m512i block = _mm512_loadu_si512(bytes);
  // Letters, either case, lie within 26 of 'a' once the bit that tells the case is set.
  const __m512i folded = _mm512_or_si512(block, _mm512_set1_epi8(0x20));
  masks->letter = _mm512_cmplt_epu8_mask(_mm512_sub_epi8(folded, _mm512_set1_epi8('a')),
                                         _mm512_set1_epi8(26));
  masks->number = _mm512_cmplt_epu8_mask(_mm512_sub_epi8(block, _mm512_set1_epi8('0')),
                                         _mm512_set1_epi8(10));
  masks->blank = _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8(' '));
  masks->space = masks->blank | _mm512_cmplt_epu8_mask(_mm512_sub_epi8(block, _mm512_set1_epi8(9)),
                                                       _mm512_set1_epi8(5));
  masks->apostrophe = _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8('\''));
  masks->long_byte = _mm512_movepi8_mask(block);
  masks->continuation = masks->from_e0 = masks->from_f0 = 0;
  if (masks->long_byte) {
    masks->continuation = _mm512_cmplt_epi8_mask(block, _mm512_set1_epi8(-64));
    masks->from_e0 = _mm512_cmpge_epu8_mask(block, _mm512_set1_epi8((char)0xE0));
    masks->from_f0 = _mm512_cmpge_epu8_mask(block, _mm512_set1_epi8((char)0xF0));
  }
  if (wants & WANT_LINE_ENDS)
    masks->line_end = _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8('\n')) |
                      _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8('\r'));
  if (wants & WANT_CASES) {
    masks->slash = _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8('/'));
    masks->upper = masks->letter & _mm512_cmplt_epu8_mask(block, _mm512_set1_epi8('a'));
    masks->lower = masks->letter & ~masks->upper;
    masks->mark = 0;
  }
#elif defined(CLASSIFY_AVX2) || defined(CLASSIFY_SSE2) || defined(CLASSIFY_NEON)
#if defined(CLASSIFY_AVX2)
  const PART parts[2] = {LOAD(bytes), LOAD(bytes + 32)};
#else
  const PART parts[4] = {LOAD(bytes), LOAD(bytes + 16), LOAD(bytes + 32), LOAD(bytes + 48)};
#endif
  masks->letter = BITS(IS_LETTER);
  masks->number = BITS(IS_NUMBER);
  masks->blank = BITS(IS_BLANK);
  masks->space = BITS(IS_SPACE);
  masks->apostrophe = BITS(IS_APOSTROPHE);
  masks->long_byte = BITS(IS_LONG);
  masks->continuation = masks->from_e0 = masks->from_f0 = 0;
  if (masks->long_byte) {
    masks->continuation = BITS(IS_CONTINUATION);
    masks->from_e0 = BITS(IS_FROM_E0);
    masks->from_f0 = BITS(IS_FROM_F0);
  }
  if (wants & WANT_LINE_ENDS) masks->line_end = BITS(IS_LINE_END);
  if (wants & WANT_CASES) {
    masks->slash = BITS(IS_SLASH);
    masks->upper = masks->letter & BITS(IS_UPPER);
    masks->lower = masks->letter & ~masks->upper;
    masks->mark = 0;
  }
#else
  uint64_t classes[8];
#pragma clang loop unroll(full)
  for (unsigned part = 0; part < 8; part++) {
    const uint8_t *eight = bytes + 8 * part;
    uint64_t sum = 0;
#pragma clang loop unroll(full)
    for (unsigned index = 8; index-- > 0;) sum = 2 * sum + KERNEL(classes_of_byte)[eight[index]];
    // Does nothing, but keeps what follows in words: put together to vectors they would wait for memory.
    __asm__("" : "+r"(sum));
    classes[part] = sum;
  }
  // The bytes of eight words as a square, mirrored at its diagonal: halves, then quarters, then bytes change places.
#define CHANGE_PLACES(distance, kept)                                                            \
  for (unsigned one = 0; one < 8; one++) {                                                       \
    if (one & (distance)) continue;                                                              \
    const uint64_t first = classes[one], second = classes[one + (distance)];                     \
    classes[one] = (first & (kept)) | (second & (kept)) << 8 * (distance);                       \
    classes[one + (distance)] = (first >> 8 * (distance) & (kept)) | (second & ~(uint64_t)(kept)); \
  }
  CHANGE_PLACES(4, 0x00000000FFFFFFFFu)
  CHANGE_PLACES(2, 0x0000FFFF0000FFFFu)
  CHANGE_PLACES(1, 0x00FF00FF00FF00FFu)
#undef CHANGE_PLACES
  masks->letter = classes[OF_LETTER];
  masks->number = classes[OF_NUMBER];
  masks->blank = classes[OF_BLANK];
  masks->space = classes[OF_SPACE];
  masks->apostrophe = classes[OF_APOSTROPHE];
  masks->long_byte = classes[OF_LONG];
  masks->continuation = masks->from_e0 = masks->from_f0 = 0;
  if (masks->long_byte) {
    // Left as it is: vectors have no multiplication of 64 bits.
#pragma clang loop vectorize(disable) unroll(disable)
    for (unsigned index = 0; index < 64; index += 8) {
      uint64_t word;
      memcpy(&word, bytes + index, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
      word = __builtin_bswap64(word);
#endif
      masks->continuation |= WORD_BITS(IS_CONTINUATION);
      masks->from_e0 |= WORD_BITS(IS_FROM_E0);
      masks->from_f0 |= WORD_BITS(IS_FROM_F0);
    }
  }
  if (wants & WANT_LINE_ENDS) masks->line_end = classes[OF_LINE_END];
  if (wants & WANT_CASES) {
    masks->upper = classes[OF_UPPER_OR_SLASH] & masks->letter;
    masks->slash = classes[OF_UPPER_OR_SLASH] & ~masks->letter;
    masks->lower = masks->letter & ~masks->upper;
    masks->mark = 0;
  }
#endif
}

#if defined(CLASSIFY_AVX512)
#define WHERE_EQUAL(byte) _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8((char)(byte)))
#define WHERE_AT_LEAST(byte) _mm512_cmpge_epu8_mask(block, _mm512_set1_epi8((char)(byte)))
#elif defined(CLASSIFY_AVX2)
#define WHERE(is, byte) \
  (KERNEL(highest_bits)(is(parts[0], byte)) | KERNEL(highest_bits)(is(parts[1], byte)) << 32)
#elif defined(CLASSIFY_SSE2)
#define WHERE(is, byte)                                                                       \
  (KERNEL(highest_bits)(is(parts[0], byte)) | KERNEL(highest_bits)(is(parts[1], byte)) << 16 | \
   (KERNEL(highest_bits)(is(parts[2], byte)) | KERNEL(highest_bits)(is(parts[3], byte)) << 16) << 32)
#elif defined(CLASSIFY_NEON)
#define WHERE(is, byte) \
  KERNEL(bits)(is(parts[0], byte), is(parts[1], byte), is(parts[2], byte), is(parts[3], byte))
#endif
#if defined(WHERE)
#define WHERE_EQUAL(byte) WHERE(EQUAL, byte)
#define WHERE_AT_LEAST(byte) WHERE(AT_LEAST, byte)
#endif

#if defined(CLASSIFY_AVX512)
// Whether bits of a table are set: of each byte of `index` one of 256 bytes, and of that the bit of `bit`.
static inline __attribute__((always_inline)) uint64_t KERNEL(bits_at)(const uint8_t *table, __m512i index, __m512i bit) {
  const __m512i low = _mm512_permutex2var_epi8(_mm512_loadu_si512(table), index, _mm512_loadu_si512(table + 64));
  const __m512i high = _mm512_permutex2var_epi8(_mm512_loadu_si512(table + 128), index, _mm512_loadu_si512(table + 192));
  return _mm512_test_epi8_mask(_mm512_mask_mov_epi8(low, _mm512_movepi8_mask(index), high), bit);
}

// The classes of those characters whose first bytes are `places`, of which `tables` has `size` bytes for each kind: 256,
// or twice as many, of which `upper_half` says where the second half is meant. Returns which ones are classed.
static inline __attribute__((always_inline)) uint64_t KERNEL(class_by_bits)(
    const uint8_t *tables, size_t size, __m512i index, __m512i bit, uint64_t upper_half, uint64_t places,
    split_masks *first, unsigned wants) {
#define OF_KIND(kind)                                                                                  \
  (size == 256 ? KERNEL(bits_at)(tables + (kind) * size, index, bit)                                   \
               : (KERNEL(bits_at)(tables + (kind) * size, index, bit) & ~upper_half) |                 \
                     (KERNEL(bits_at)(tables + (kind) * size + 256, index, bit) & upper_half))
  places &= ~OF_KIND(SCALAR_BITS_NUMBER_OR_SPACE);
  first->letter |= OF_KIND(SCALAR_BITS_LETTER) & places;
  if (wants & WANT_CASES) {
    first->upper |= OF_KIND(SCALAR_BITS_UPPER) & places;
    first->lower |= OF_KIND(SCALAR_BITS_LOWER) & places;
    first->mark |= OF_KIND(SCALAR_BITS_MARK) & places;
  }
#undef OF_KIND
  return places;
}
#endif

// Gives those characters beyond ASCII of which most texts that have such consist their classes, all of the 64 bytes at
// once, and not one after the other. Sets the bits of their first bytes in `first`, and returns which ones are classed: of
// those that the 64 bytes cut off hardly any.
static inline __attribute__((always_inline)) uint64_t KERNEL(class_common_characters)(
    const uint8_t *bytes, const split_masks *masks, split_masks *first, unsigned wants) {
#if defined(WHERE_EQUAL)
  // Where a second byte, and a third, is within the 64.
  const uint64_t has_second = ~0ull >> 1, has_third = ~0ull >> 2;
#endif
#if defined(CLASSIFY_AVX512)
  // By bits of the tables: what they are is the same as in `scalar_class_blocks`.
  const __m512i block = _mm512_loadu_si512(bytes);
  const __m512i numbers = _mm512_set_epi64(
      0x3F3E3D3C3B3A3938, 0x3736353433323130, 0x2F2E2D2C2B2A2928, 0x2726252423222120,
      0x1F1E1D1C1B1A1918, 0x1716151413121110, 0x0F0E0D0C0B0A0908, 0x0706050403020100);
  const __m512i next = _mm512_permutexvar_epi8(_mm512_add_epi8(numbers, _mm512_set1_epi8(1)), block);
  const __m512i bit_of_number = _mm512_set1_epi64((long long)0x8040201008040201u);
  const __m512i high_bits = _mm512_set1_epi8((char)0xF8), low_bits = _mm512_set1_epi8(7);
  // Ideographs and Hangul.
  const uint64_t ideographs = WHERE_AT_LEAST(0xE4) & ~WHERE_AT_LEAST(0xED) & ~WHERE_EQUAL(0xEA);
  const uint64_t hexagrams = WHERE_EQUAL(0xE4) & ~(has_second & ~(WHERE_EQUAL(0xB7) >> 1));
  uint64_t known = ideographs & ~hexagrams;
  first->letter = known;
  const uint64_t lead = masks->long_byte & ~masks->continuation;
  const uint64_t two = lead & ~masks->from_e0 & has_second;
  if (two) {
    const __m512i index = _mm512_or_si512(_mm512_and_si512(_mm512_slli_epi16(block, 3), high_bits),
                                          _mm512_and_si512(_mm512_srli_epi16(next, 3), low_bits));
    const __m512i bit = _mm512_shuffle_epi8(bit_of_number, _mm512_and_si512(next, low_bits));
    known |= KERNEL(class_by_bits)(scalar_bits_two, 256, index, bit, 0, two, first, wants);
  }
  const uint64_t three = lead & masks->from_e0 & ~masks->from_f0 & has_third & ~ideographs;
  if (three) {
    const __m512i last = _mm512_permutexvar_epi8(_mm512_add_epi8(numbers, _mm512_set1_epi8(2)), block);
    const __m512i index = _mm512_or_si512(_mm512_and_si512(_mm512_slli_epi16(next, 3), high_bits),
                                          _mm512_and_si512(_mm512_srli_epi16(last, 3), low_bits));
    const __m512i bit = _mm512_shuffle_epi8(bit_of_number, _mm512_and_si512(last, low_bits));
    const uint64_t upper_half = _mm512_test_epi8_mask(next, _mm512_set1_epi8(0x20));
    for (unsigned area = 0; area < SCALAR_BITS_AREAS; area++) {
      const uint64_t places = three & WHERE_EQUAL(scalar_bits_leads[area]);
      if (places) {
        const uint8_t *tables = scalar_bits_three + area * SCALAR_BITS_KINDS * 512;
        known |= KERNEL(class_by_bits)(tables, 512, index, bit, upper_half, places, first, wants);
      }
    }
  }
  return known;
#elif defined(WHERE_EQUAL)
  // By comparisons of their bytes.
  (void)masks;
#if defined(CLASSIFY_AVX2)
  const PART parts[2] = {LOAD(bytes), LOAD(bytes + 32)};
#else
  const PART parts[4] = {LOAD(bytes), LOAD(bytes + 16), LOAD(bytes + 32), LOAD(bytes + 48)};
#endif
  // U+5000...9FFF and U+B000...CFFF: ideographs and Hangul.
  uint64_t letters = (WHERE_AT_LEAST(0xE5) & ~WHERE_AT_LEAST(0xED)) & ~WHERE_EQUAL(0xEA);
  uint64_t upper = 0, lower = 0, marks = 0;
  const uint64_t e3 = WHERE_EQUAL(0xE3) & has_third;
  if (e3) {
    // U+3041...3096, 30A1...30FA and 30FC...30FF: Hiragana and Katakana.
    const uint64_t from_81 = WHERE_AT_LEAST(0x81) >> 2, from_97 = WHERE_AT_LEAST(0x97) >> 2;
    const uint64_t from_a1 = WHERE_AT_LEAST(0xA1) >> 2, is_bb = WHERE_EQUAL(0xBB) >> 2;
    letters |= e3 & ((WHERE_EQUAL(0x81) >> 1 & from_81) | (WHERE_EQUAL(0x82) >> 1 & (~from_97 | from_a1)) |
                     (WHERE_EQUAL(0x83) >> 1 & ~is_bb));
  }
  const uint64_t d0 = WHERE_EQUAL(0xD0) & has_second, d1 = WHERE_EQUAL(0xD1) & has_second;
  if (d0 | d1) {
    // U+0400...042F, and 0430...045F: Cyrillic.
    const uint64_t from_b0 = WHERE_AT_LEAST(0xB0) >> 1, from_a0 = WHERE_AT_LEAST(0xA0) >> 1;
    upper |= d0 & ~from_b0;
    lower |= (d0 & from_b0) | (d1 & ~from_a0);
  }
  const uint64_t c3 = WHERE_EQUAL(0xC3) & has_second;
  if (c3) {
    // U+00C0...00FF, less two signs: Latin.
    const uint64_t from_9f = WHERE_AT_LEAST(0x9F) >> 1;
    upper |= c3 & ~from_9f & ~(WHERE_EQUAL(0x97) >> 1);
    lower |= c3 & from_9f & ~(WHERE_EQUAL(0xB7) >> 1);
  }
  const uint64_t d8 = WHERE_EQUAL(0xD8) & has_second, d9 = WHERE_EQUAL(0xD9) & has_second;
  if (d8 | d9) {
    // U+0620...063F and 0640...064A: Arabic.
    letters |= (d8 & WHERE_AT_LEAST(0xA0) >> 1) | (d9 & ~(WHERE_AT_LEAST(0x8B) >> 1));
  }
  const uint64_t e0 = WHERE_EQUAL(0xE0) & has_third;
  if (e0) {
    // U+0904...0939; 093E...093F and 0940...094D: Devanagari.
    const uint64_t a4 = e0 & WHERE_EQUAL(0xA4) >> 1, a5 = e0 & WHERE_EQUAL(0xA5) >> 1;
    letters |= a4 & WHERE_AT_LEAST(0x84) >> 2 & ~(WHERE_AT_LEAST(0xBA) >> 2);
    marks |= (a4 & WHERE_AT_LEAST(0xBE) >> 2) | (a5 & ~(WHERE_AT_LEAST(0x8E) >> 2));
  }
  first->letter = letters | upper | lower;
  if (wants & WANT_CASES) {
    first->upper = upper;
    first->lower = lower;
    first->mark = marks;
  }
  return first->letter | marks;
#else
  (void)bytes, (void)masks, (void)first, (void)wants;
  return 0;
#endif
}

#undef WHERE
#undef WHERE_EQUAL
#undef WHERE_AT_LEAST
#undef PART
#undef OPERATION
#undef LOAD
#undef EITHER
#undef BITS
#undef PART_BITS
#undef ALL
#undef EACH
#undef AT_LEAST
#undef AT_MOST
#undef BETWEEN
#undef EQUAL
#undef FROM
#undef IS_LETTER
#undef IS_NUMBER
#undef IS_BLANK
#undef IS_SPACE
#undef IS_APOSTROPHE
#undef IS_LONG
#undef IS_CONTINUATION
#undef IS_FROM_E0
#undef IS_FROM_F0
#undef IS_LINE_END
#undef IS_SLASH
#undef IS_UPPER
#undef WORD_BITS
