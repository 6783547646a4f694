// Passing over well-formed UTF-8 a vector at a time, included once for each set of instructions that can look bytes
// up in a table of sixteen: UTF8_AVX2 or UTF8_NEON says which.

#if defined(UTF8_AVX2)
#define VECTOR __m256i
#define LOAD(bytes) _mm256_loadu_si256((const __m256i *)(bytes))
#define ALL(value) _mm256_set1_epi8((char)(value))
#define AND _mm256_and_si256
#define OR _mm256_or_si256
#define XOR _mm256_xor_si256
// What a byte is more than another one, 0 if it is less.
#define EXCESS _mm256_subs_epu8
#define HIGH_HALF(vector) AND(_mm256_srli_epi16(vector, 4), ALL(0x0F))
#define LOOK_UP(table, places) \
  _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(table))), places)
// The bytes that lie `distance` before those of `block`.
#define BEFORE(block, previous, distance) \
  _mm256_alignr_epi8(block, _mm256_permute2x128_si256(previous, block, 0x21), 16 - (distance))
#define IS_ZERO(vector) _mm256_testz_si256(vector, vector)
#define IS_ASCII(vector) (!_mm256_movemask_epi8(vector))
#else
#define VECTOR uint8x16_t
#define LOAD(bytes) vld1q_u8(bytes)
#define ALL(value) vdupq_n_u8((uint8_t)(value))
#define AND vandq_u8
#define OR vorrq_u8
#define XOR veorq_u8
#define EXCESS vqsubq_u8
#define HIGH_HALF(vector) vshrq_n_u8(vector, 4)
#define LOOK_UP(table, places) vqtbl1q_u8(vld1q_u8(table), places)
#define BEFORE(block, previous, distance) vextq_u8(previous, block, 16 - (distance))
#define IS_ZERO(vector) (vmaxvq_u8(vector) == 0)
#define IS_ASCII(vector) (vmaxvq_u8(vector) < 0x80)
#endif

// Bits for what two neighbouring bytes can do wrong together. Three tables give, for the high and the low
// half of the first byte and the high half of the second, which of them that half allows; what all three
// allow is wrong. (Keiser and Lemire 2021, "Validating UTF-8 in less than one instruction per byte".)
enum {
  LEAD_ALONE = 1,       // a lead byte before a byte that continues nothing
  STRAY = 2,            // a continuation byte after ASCII
  OVERLONG_2 = 4,       // C0 and C1
  OVERLONG_3 = 8,       // E0 80...9F
  OVERLONG_4 = 16,      // F0 80...8F, and F5...FF 80...8F, which are too great
  SURROGATE = 32,       // ED A0...BF
  TOO_GREAT = 64,       // F4 90...BF, F5...FF
  CONTINUATIONS = 128,  // two continuation bytes: wrong unless the lead byte wants them
  ANY_LOW = LEAD_ALONE | STRAY | CONTINUATIONS,
  AFTER_ANY = STRAY | OVERLONG_2 | CONTINUATIONS,
};

static const uint8_t by_first_high[16] = {
    STRAY, STRAY, STRAY, STRAY, STRAY, STRAY, STRAY, STRAY, CONTINUATIONS, CONTINUATIONS, CONTINUATIONS,
    CONTINUATIONS, LEAD_ALONE | OVERLONG_2, LEAD_ALONE, LEAD_ALONE | OVERLONG_3 | SURROGATE,
    LEAD_ALONE | OVERLONG_4 | TOO_GREAT};
static const uint8_t by_first_low[16] = {
    ANY_LOW | OVERLONG_2 | OVERLONG_3 | OVERLONG_4, ANY_LOW | OVERLONG_2, ANY_LOW, ANY_LOW,
    ANY_LOW | TOO_GREAT,
    // From F5 on everything is too great.
    ANY_LOW | TOO_GREAT | OVERLONG_4, ANY_LOW | TOO_GREAT | OVERLONG_4, ANY_LOW | TOO_GREAT | OVERLONG_4,
    ANY_LOW | TOO_GREAT | OVERLONG_4, ANY_LOW | TOO_GREAT | OVERLONG_4, ANY_LOW | TOO_GREAT | OVERLONG_4,
    ANY_LOW | TOO_GREAT | OVERLONG_4, ANY_LOW | TOO_GREAT | OVERLONG_4,
    ANY_LOW | TOO_GREAT | OVERLONG_4 | SURROGATE, ANY_LOW | TOO_GREAT | OVERLONG_4,
    ANY_LOW | TOO_GREAT | OVERLONG_4};
static const uint8_t by_second_high[16] = {
    LEAD_ALONE, LEAD_ALONE, LEAD_ALONE, LEAD_ALONE, LEAD_ALONE, LEAD_ALONE, LEAD_ALONE, LEAD_ALONE,
    AFTER_ANY | OVERLONG_3 | OVERLONG_4, AFTER_ANY | OVERLONG_3 | TOO_GREAT,
    AFTER_ANY | SURROGATE | TOO_GREAT, AFTER_ANY | SURROGATE | TOO_GREAT, LEAD_ALONE, LEAD_ALONE, LEAD_ALONE,
    LEAD_ALONE};

// Passes over blocks as long as nothing is wrong; returns where the rest is to be looked at from, a place where a
// sequence begins.
static size_t skip_well_formed(const uint8_t *bytes, size_t start, size_t count) {
  enum { WIDTH = sizeof(VECTOR) };
  size_t position = start;
  VECTOR previous = ALL(0);
  while (count - position >= WIDTH) {
    const VECTOR block = LOAD(bytes + position);
    const VECTOR first = BEFORE(block, previous, 1);
    const VECTOR pairs = AND(AND(LOOK_UP(by_first_high, HIGH_HALF(first)),
                                 LOOK_UP(by_first_low, AND(first, ALL(0x0F)))),
                             LOOK_UP(by_second_high, HIGH_HALF(block)));
    // The second and third bytes after leads of three and four bytes go on, whatever they follow.
    const VECTOR third = EXCESS(BEFORE(block, previous, 2), ALL(0xE0 - 0x80));
    const VECTOR fourth = EXCESS(BEFORE(block, previous, 3), ALL(0xF0 - 0x80));
    const VECTOR wrong = XOR(pairs, AND(OR(third, fourth), ALL(0x80)));
    if (!IS_ZERO(wrong)) break;
    previous = block;
    position += WIDTH;
    // Many blocks are ASCII through and through; after one that is, nothing is left open.
    if (IS_ASCII(block)) {
      while (count - position >= 2 * WIDTH &&
             IS_ASCII(OR(LOAD(bytes + position), LOAD(bytes + position + WIDTH))))
        position += 2 * WIDTH;
    }
  }
  // Back to where a sequence begins that the blocks may have cut off.
  for (size_t back = 0; back < 3 && position > start && is_continuation(bytes[position - 1]); back++)
    position -= 1;
  if (position > start && bytes[position - 1] >= 0xC0) position -= 1;
  return position;
}

#undef VECTOR
#undef LOAD
#undef ALL
#undef AND
#undef OR
#undef XOR
#undef EXCESS
#undef HIGH_HALF
#undef LOOK_UP
#undef BEFORE
#undef IS_ZERO
#undef IS_ASCII
