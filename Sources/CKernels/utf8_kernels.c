#include "utf8_kernels.h"

#include <string.h>

#include "scalar_classes.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

static inline uint64_t load8(const uint8_t *bytes) {
  uint64_t word;
  memcpy(&word, bytes, 8);
  return word;
}

// Passes over ASCII, 32 and 8 bytes at a time; stops at most 7 ASCII bytes early.
static inline size_t skip_ascii(const uint8_t *bytes, size_t position, size_t end) {
  const uint64_t high = 0x8080808080808080u;
  while (end - position >= 32) {
    const uint8_t *next = bytes + position;
    if ((load8(next) | load8(next + 8) | load8(next + 16) | load8(next + 24)) & high) break;
    position += 32;
  }
  while (end - position >= 8 && !(load8(bytes + position) & high)) position += 8;
  return position;
}

static inline int is_continuation(uint8_t byte) { return (byte & 0xC0) == 0x80; }

size_t utf8_well_formed_end_portable(const uint8_t *bytes, size_t start, size_t count) {
  size_t position = start;
  while (position < count) {
    const uint8_t lead = bytes[position];
    const size_t left = count - position;
    const uint8_t *next = bytes + position;
    if (lead < 0x80) {
      position = skip_ascii(bytes, position, count);
      while (position < count && bytes[position] < 0x80) position += 1;
    } else if (lead < 0xE0) {
      if (lead < 0xC2 || left < 2 || !is_continuation(next[1])) return position;
      position += 2;
    } else if (lead < 0xF0) {
      if (left < 3 || !is_continuation(next[1]) || !is_continuation(next[2])) return position;
      // Overlong forms and surrogates.
      if ((lead == 0xE0 && next[1] < 0xA0) || (lead == 0xED && next[1] > 0x9F)) return position;
      position += 3;
    } else {
      if (lead > 0xF4 || left < 4 || !is_continuation(next[1]) || !is_continuation(next[2]) ||
          !is_continuation(next[3]))
        return position;
      // Overlong forms and values beyond U+10FFFF.
      if ((lead == 0xF0 && next[1] < 0x90) || (lead == 0xF4 && next[1] > 0x8F)) return position;
      position += 4;
    }
  }
  return position;
}

#if defined(__x86_64__)

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
};

#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)

// The bytes that lie `distance` before those of `block`.
#define BEFORE(block, previous, distance) \
  _mm256_alignr_epi8(block, _mm256_permute2x128_si256(previous, block, 0x21), 16 - (distance))

#define TABLE(...) _mm256_setr_epi8(__VA_ARGS__, __VA_ARGS__)

static inline __m256i wrong_pairs(__m256i block, __m256i first) {
  const __m256i half = _mm256_set1_epi8(0x0F);
  const __m256i first_high = _mm256_and_si256(_mm256_srli_epi16(first, 4), half);
  const __m256i first_low = _mm256_and_si256(first, half);
  const __m256i second_high = _mm256_and_si256(_mm256_srli_epi16(block, 4), half);
  const __m256i by_first_high = _mm256_shuffle_epi8(
      TABLE(STRAY, STRAY, STRAY, STRAY, STRAY, STRAY, STRAY, STRAY, (char)CONTINUATIONS,
            (char)CONTINUATIONS, (char)CONTINUATIONS, (char)CONTINUATIONS, LEAD_ALONE | OVERLONG_2,
            LEAD_ALONE, LEAD_ALONE | OVERLONG_3 | SURROGATE, LEAD_ALONE | OVERLONG_4 | TOO_GREAT),
      first_high);
  const __m256i by_first_low = _mm256_shuffle_epi8(
      TABLE((char)(ANY_LOW | OVERLONG_2 | OVERLONG_3 | OVERLONG_4), (char)(ANY_LOW | OVERLONG_2),
            (char)ANY_LOW, (char)ANY_LOW, (char)(ANY_LOW | TOO_GREAT),
            (char)(ANY_LOW | TOO_GREAT | OVERLONG_4), (char)(ANY_LOW | TOO_GREAT | OVERLONG_4),
            (char)(ANY_LOW | TOO_GREAT | OVERLONG_4), (char)(ANY_LOW | TOO_GREAT | OVERLONG_4),
            (char)(ANY_LOW | TOO_GREAT | OVERLONG_4), (char)(ANY_LOW | TOO_GREAT | OVERLONG_4),
            (char)(ANY_LOW | TOO_GREAT | OVERLONG_4), (char)(ANY_LOW | TOO_GREAT | OVERLONG_4),
            (char)(ANY_LOW | TOO_GREAT | OVERLONG_4 | SURROGATE),
            (char)(ANY_LOW | TOO_GREAT | OVERLONG_4), (char)(ANY_LOW | TOO_GREAT | OVERLONG_4)),
      first_low);
  const char continued = (char)(STRAY | OVERLONG_2 | CONTINUATIONS);
  const __m256i by_second_high = _mm256_shuffle_epi8(
      TABLE(LEAD_ALONE, LEAD_ALONE, LEAD_ALONE, LEAD_ALONE, LEAD_ALONE, LEAD_ALONE, LEAD_ALONE,
            LEAD_ALONE, (char)(continued | OVERLONG_3 | OVERLONG_4),
            (char)(continued | OVERLONG_3 | TOO_GREAT), (char)(continued | SURROGATE | TOO_GREAT),
            (char)(continued | SURROGATE | TOO_GREAT), LEAD_ALONE, LEAD_ALONE, LEAD_ALONE,
            LEAD_ALONE),
      second_high);
  return _mm256_and_si256(_mm256_and_si256(by_first_high, by_first_low), by_second_high);
}

// Passes over blocks of 32 bytes as long as nothing is wrong; returns where the rest is to be looked at
// from, a place where a sequence begins.
static size_t skip_well_formed_avx2(const uint8_t *bytes, size_t start, size_t count) {
  size_t position = start;
  __m256i previous = _mm256_setzero_si256();
  while (count - position >= 32) {
    const __m256i block = _mm256_loadu_si256((const __m256i *)(bytes + position));
    // The second and third bytes after leads of three and four bytes go on, whatever they follow.
    const __m256i third = _mm256_subs_epu8(BEFORE(block, previous, 2), _mm256_set1_epi8(0xE0 - 0x80));
    const __m256i fourth =
        _mm256_subs_epu8(BEFORE(block, previous, 3), _mm256_set1_epi8(0xF0 - 0x80));
    const __m256i wanted =
        _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8((char)0x80));
    const __m256i wrong =
        _mm256_xor_si256(wrong_pairs(block, BEFORE(block, previous, 1)), wanted);
    if (!_mm256_testz_si256(wrong, wrong)) break;
    previous = block;
    position += 32;
    // Many blocks are ASCII through and through; after one that is, nothing is left open.
    if (!_mm256_movemask_epi8(block)) {
      while (count - position >= 64) {
        const __m256i one = _mm256_loadu_si256((const __m256i *)(bytes + position));
        const __m256i two = _mm256_loadu_si256((const __m256i *)(bytes + position + 32));
        if (_mm256_movemask_epi8(_mm256_or_si256(one, two))) break;
        position += 64;
      }
    }
  }
  // Back to where a sequence begins that the blocks may have cut off.
  for (size_t back = 0; back < 3 && position > start && is_continuation(bytes[position - 1]); back++)
    position -= 1;
  if (position > start && bytes[position - 1] >= 0xC0) position -= 1;
  return position;
}

#pragma clang attribute pop

int utf8_has_vectors(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2");
}

#else

int utf8_has_vectors(void) { return 0; }

#endif

size_t utf8_well_formed_end(const uint8_t *bytes, size_t start, size_t count) {
#if defined(__x86_64__)
  if (utf8_has_vectors()) start = skip_well_formed_avx2(bytes, start, count);
#endif
  return utf8_well_formed_end_portable(bytes, start, count);
}

int utf8_is_settled(const uint8_t *bytes, size_t start, size_t end) {
  size_t position = start;
  while (position < end) {
    const uint8_t *next = bytes + position;
    const uint8_t lead = next[0];
    const size_t left = end - position;
    uint32_t scalar;
    if (lead < 0x80) {
      size_t ascii = skip_ascii(bytes, position, end);
      position = ascii > position ? ascii : position + 1;
      continue;
    }
    if (lead < 0xE0) {
      if (left < 2) return 0;
      scalar = (uint32_t)(lead & 0x1F) << 6 | (next[1] & 0x3F);
      position += 2;
    } else if (lead < 0xF0) {
      if (left < 3) return 0;
      scalar = (uint32_t)(lead & 0x0F) << 12 | (uint32_t)(next[1] & 0x3F) << 6 | (next[2] & 0x3F);
      position += 3;
    } else {
      if (left < 4) return 0;
      scalar = (uint32_t)(lead & 0x07) << 18 | (uint32_t)(next[1] & 0x3F) << 12 |
               (uint32_t)(next[2] & 0x3F) << 6 | (next[3] & 0x3F);
      position += 4;
    }
    if (scalar_class(scalar) & SCALAR_CLASS_UNSETTLED) return 0;
  }
  return 1;
}
