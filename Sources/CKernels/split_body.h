// What all patterns need for splitting, included once for each set of instructions: KERNEL names the
// functions, and one of CLASSIFY_… says how 64 bytes are told apart.

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
#elif defined(CLASSIFY_AVX2)
  uint64_t letter = 0, number = 0, blank = 0, control = 0, apostrophe = 0, longs = 0, rest = 0;
  uint64_t from_e0 = 0, from_f0 = 0, line_end = 0, slash = 0, capital = 0;
  for (int half = 0; half < 2; half++) {
    const __m256i block = _mm256_loadu_si256((const __m256i *)(bytes + 32 * half));
    const __m256i folded = _mm256_or_si256(block, _mm256_set1_epi8(0x20));
    // There is no unsigned comparison: a byte is at most n if the smaller of the two is the byte.
    const __m256i from_a = _mm256_sub_epi8(folded, _mm256_set1_epi8('a'));
    const __m256i from_0 = _mm256_sub_epi8(block, _mm256_set1_epi8('0'));
    const __m256i from_tab = _mm256_sub_epi8(block, _mm256_set1_epi8(9));
#define BITS(vector) ((uint64_t)(uint32_t)_mm256_movemask_epi8(vector) << (32 * half))
    letter |= BITS(_mm256_cmpeq_epi8(_mm256_min_epu8(from_a, _mm256_set1_epi8(25)), from_a));
    number |= BITS(_mm256_cmpeq_epi8(_mm256_min_epu8(from_0, _mm256_set1_epi8(9)), from_0));
    control |= BITS(_mm256_cmpeq_epi8(_mm256_min_epu8(from_tab, _mm256_set1_epi8(4)), from_tab));
    blank |= BITS(_mm256_cmpeq_epi8(block, _mm256_set1_epi8(' ')));
    apostrophe |= BITS(_mm256_cmpeq_epi8(block, _mm256_set1_epi8('\'')));
    longs |= BITS(block);
    rest |= BITS(_mm256_cmpgt_epi8(_mm256_set1_epi8(-64), block));
    from_e0 |= BITS(_mm256_cmpeq_epi8(_mm256_max_epu8(block, _mm256_set1_epi8((char)0xE0)), block));
    from_f0 |= BITS(_mm256_cmpeq_epi8(_mm256_max_epu8(block, _mm256_set1_epi8((char)0xF0)), block));
    if (wants & WANT_LINE_ENDS)
      line_end |= BITS(_mm256_or_si256(_mm256_cmpeq_epi8(block, _mm256_set1_epi8('\n')),
                                       _mm256_cmpeq_epi8(block, _mm256_set1_epi8('\r'))));
    if (wants & WANT_CASES) {
      slash |= BITS(_mm256_cmpeq_epi8(block, _mm256_set1_epi8('/')));
      // Of letters those below 'a'; signed comparison will do.
      capital |= BITS(_mm256_cmpgt_epi8(_mm256_set1_epi8('a'), block));
    }
#undef BITS
  }
  *masks = (split_masks){letter,  number,  blank | control, blank, apostrophe,       rest,
                         longs,   from_e0, from_f0,         line_end, slash, letter & capital,
                         letter & ~capital};
#else
  *masks = (split_masks){0};
  for (unsigned index = 0; index < 64; index++) {
    const uint8_t byte = bytes[index];
    masks->letter |= (uint64_t)((uint8_t)((byte | 0x20) - 'a') < 26) << index;
    masks->number |= (uint64_t)((uint8_t)(byte - '0') < 10) << index;
    masks->blank |= (uint64_t)(byte == ' ') << index;
    masks->space |= (uint64_t)(byte == ' ' || (uint8_t)(byte - 9) < 5) << index;
    masks->apostrophe |= (uint64_t)(byte == '\'') << index;
    masks->continuation |= (uint64_t)((byte & 0xC0) == 0x80) << index;
    masks->long_byte |= (uint64_t)(byte >> 7) << index;
    masks->from_e0 |= (uint64_t)(byte >= 0xE0) << index;
    masks->from_f0 |= (uint64_t)(byte >= 0xF0) << index;
    if (wants & WANT_LINE_ENDS)
      masks->line_end |= (uint64_t)(byte == '\n' || byte == '\r') << index;
    if (wants & WANT_CASES) {
      masks->slash |= (uint64_t)(byte == '/') << index;
      masks->upper |= (uint64_t)((uint8_t)(byte - 'A') < 26) << index;
      masks->lower |= (uint64_t)((uint8_t)(byte - 'a') < 26) << index;
    }
  }
#endif
}

// The masks of the next 64 bytes. What lies beyond the end of the text is spaces.
static inline __attribute__((always_inline)) void KERNEL(read)(split_reader *reader,
                                                               split_masks *masks,
                                                               unsigned wants) {
  const size_t next = reader->next;
  reader->next = next + 64;
  if (next + 64 <= reader->count) {
    KERNEL(classify)(reader->text + next, masks, wants);
  } else {
    uint8_t padded[64];
    memset(padded, ' ', 64);
    if (next < reader->count) memcpy(padded, reader->text + next, reader->count - next);
    KERNEL(classify)(padded, masks, wants);
  }
  if (masks->long_byte) class_long_characters(reader, reader->text + next, masks, wants);
}

// Writes base + i for each bit i of `bits`, eight at a time.
static inline void KERNEL(emit)(uint64_t bits, size_t base, intptr_t *ends, unsigned count) {
#if defined(CLASSIFY_AVX512)
  // The numbers of the bits side by side, a byte each.
  static const uint8_t numbers[64] = {
      0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
      22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
      44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};
  uint8_t packed[64];
  _mm512_storeu_si512(packed, _mm512_maskz_compress_epi8(bits, _mm512_loadu_si512(numbers)));
  const __m512i bases = _mm512_set1_epi64((long long)base);
  // Sixteen without asking how many there are: more are rare, and a loop's end cannot be foreseen.
  for (unsigned done = 0; done < 16 || __builtin_expect(done < count, 0); done += 8) {
    const __m128i eight = _mm_loadl_epi64((const __m128i *)(packed + done));
    _mm512_storeu_si512(ends + done, _mm512_add_epi64(_mm512_cvtepu8_epi64(eight), bases));
  }
#else
  for (unsigned done = 0; done < count; done += 8) {
    for (unsigned index = 0; index < 8; index++) {
      // Past the last bit the value means nothing; it is written over or not counted.
      ends[done + index] = (intptr_t)(base + (size_t)__builtin_ctzll(bits | 1ull << 63));
      bits &= bits - 1;
    }
  }
#endif
}

// The first bytes of those characters of white space after which something visible comes.
static inline __attribute__((always_inline)) uint64_t KERNEL(last_spaces)(
    const split_masks *here, const split_masks *ahead) {
  const uint64_t run_ends = here->space & ~(here->space >> 1 | ahead->space << 63);
  uint64_t last = run_ends & ~here->continuation;
  if ((run_ends & here->continuation) | (ahead->space & ahead->continuation & 3)) {
    // A last character of two or three bytes: from its last byte back to its first.
    const uint64_t ahead_ends = ahead->space & ~(ahead->space >> 1);
    const uint64_t long_ends = run_ends & here->continuation;
    const uint64_t ahead_long_ends = ahead_ends & ahead->continuation;
    const uint64_t second = long_ends >> 1 | ahead_long_ends << 63;
    const uint64_t third = (second & here->continuation) >> 1 |
                           (ahead_long_ends >> 1 & ahead->continuation) << 63;
    last |= (second | third) & ~here->continuation;
  }
  return last;
}
