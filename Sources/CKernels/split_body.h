// What all patterns need for splitting, included once for each set of instructions, behind
// split_classify.h: KERNEL names the functions, and one of CLASSIFY_… says which instructions there are.

// The masks of the next 64 bytes. What lies beyond the end of the text is spaces.
static inline __attribute__((always_inline)) void KERNEL(read)(split_reader *reader,
                                                               split_masks *masks,
                                                               unsigned wants) {
  const size_t next = reader->next;
  reader->next = next + 64;
  const uint8_t *bytes = reader->text + next;
  uint8_t padded[64];
  if (next + 64 > reader->count) {
    memset(padded, ' ', 64);
    if (next < reader->count) memcpy(padded, bytes, reader->count - next);
    bytes = padded;
  }
  KERNEL(classify)(bytes, masks, wants);
  if (masks->long_byte) {
    split_masks first = {0};
    const uint64_t known = KERNEL(class_common_characters)(bytes, masks, &first, wants);
    class_long_characters(reader, reader->text + next, masks, first, known, wants);
  }
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
  // 24 without asking how many there are: more are rare, and a loop's end cannot be foreseen.
  for (unsigned done = 0; done < 24 || __builtin_expect(done < count, 0); done += 8) {
    const __m128i eight = _mm_loadl_epi64((const __m128i *)(packed + done));
    _mm512_storeu_si512(ends + done, _mm512_add_epi64(_mm512_cvtepu8_epi64(eight), bases));
  }
#else
  // Past the last bit the value means nothing; it is written over or not counted. The empty statement keeps
  // the compiler from counting zeros in vectors, which have no instruction for it.
#define NEXT(index)                                                       \
  do {                                                                    \
    size_t end = base + (size_t)__builtin_ctzll(bits | 1ull << 63);       \
    __asm__("" : "+r"(end));                                              \
    ends[index] = (intptr_t)end;                                          \
    bits &= bits - 1;                                                     \
  } while (0)
  for (unsigned done = 0; done < 16 || __builtin_expect(done < count, 0); done += 8, ends += 8) {
    NEXT(0); NEXT(1); NEXT(2); NEXT(3); NEXT(4); NEXT(5); NEXT(6); NEXT(7);
  }
#undef NEXT
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
