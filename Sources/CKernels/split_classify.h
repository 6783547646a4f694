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
// Eight bytes side by side in a word; what is told of a byte is its highest bit. Sums stay in their bytes, since
// those bits are cleared first; what is more than ASCII is sorted out by IS_… at the end.
#define EACH(byte) ((uint8_t)(byte) * 0x0101010101010101u)
#define AT_LEAST(word, byte) (((word) & EACH(0x7F)) + EACH(0x80 - (byte)))
#define BETWEEN(word, first, last) (AT_LEAST(word, first) & ~AT_LEAST(word, (last) + 1) & ~(word))
#define EQUAL(word, byte) BETWEEN(word, byte, byte)
#define IS_LETTER(word) BETWEEN((word) | EACH(0x20), 'a', 'z')
#define IS_NUMBER(word) BETWEEN(word, '0', '9')
#define IS_BLANK(word) EQUAL(word, ' ')
#define IS_SPACE(word) (BETWEEN(word, 9, 13) | IS_BLANK(word))
#define IS_APOSTROPHE(word) EQUAL(word, '\'')
#define IS_LONG(word) (word)
#define IS_CONTINUATION(word) ((word) & ~((word) << 1))
#define IS_FROM_E0(word) ((word) & (word) << 1 & (word) << 2)
#define IS_FROM_F0(word) (IS_FROM_E0(word) & (word) << 3)
#define IS_LINE_END(word) (EQUAL(word, '\n') | EQUAL(word, '\r'))
#define IS_SLASH(word) EQUAL(word, '/')
#define IS_UPPER(word) BETWEEN(word, 'A', 'Z')
// The highest bits of the eight bytes side by side: the factor brings each to its place in the highest byte.
#define WORD_BITS(is) (((is(word) & EACH(0x80)) >> 7) * 0x0102040810204080u >> 56 << index)
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
  *masks = (split_masks){0};
  // Left as it is: vectors have no multiplication of 64 bits.
#pragma clang loop vectorize(disable) unroll(disable)
  for (unsigned index = 0; index < 64; index += 8) {
    uint64_t word;
    memcpy(&word, bytes + index, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    masks->letter |= WORD_BITS(IS_LETTER);
    masks->number |= WORD_BITS(IS_NUMBER);
    masks->blank |= WORD_BITS(IS_BLANK);
    masks->space |= WORD_BITS(IS_SPACE);
    masks->apostrophe |= WORD_BITS(IS_APOSTROPHE);
    if (word & EACH(0x80)) {
      masks->long_byte |= WORD_BITS(IS_LONG);
      masks->continuation |= WORD_BITS(IS_CONTINUATION);
      masks->from_e0 |= WORD_BITS(IS_FROM_E0);
      masks->from_f0 |= WORD_BITS(IS_FROM_F0);
    }
    if (wants & WANT_LINE_ENDS) masks->line_end |= WORD_BITS(IS_LINE_END);
    if (wants & WANT_CASES) {
      masks->slash |= WORD_BITS(IS_SLASH);
      masks->upper |= WORD_BITS(IS_UPPER);
    }
  }
  if (wants & WANT_CASES) masks->lower = masks->letter & ~masks->upper;
#endif
}

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
