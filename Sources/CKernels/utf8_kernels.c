#include "utf8_kernels.h"

#include <string.h>

#include "scalar_classes.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
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
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#define UTF8_AVX2
#include "utf8_body.h"
#undef UTF8_AVX2
#pragma clang attribute pop

int utf8_has_vectors(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2");
}
#elif defined(__aarch64__)
// Every 64-bit ARM processor has NEON.
#define UTF8_NEON
#include "utf8_body.h"
#undef UTF8_NEON

int utf8_has_vectors(void) { return 1; }
#else
static size_t skip_well_formed(const uint8_t *bytes, size_t start, size_t count) {
  (void)bytes, (void)count;
  return start;
}

int utf8_has_vectors(void) { return 0; }
#endif

size_t utf8_well_formed_end(const uint8_t *bytes, size_t start, size_t count) {
  if (utf8_has_vectors()) start = skip_well_formed(bytes, start, count);
  return utf8_well_formed_end_portable(bytes, start, count);
}

// Which of 64 bytes begin characters beyond ASCII: bit i says it of byte i.
static inline uint64_t long_leads(const uint8_t *bytes) {
  uint64_t leads = 0;
#if defined(__SSE2__)
  for (unsigned index = 0; index < 64; index += 16) {
    const __m128i part = _mm_loadu_si128((const __m128i *)(bytes + index));
    // Bytes from C0 on: the signed ones from -64 to -1.
    const __m128i is_lead = _mm_and_si128(_mm_cmpgt_epi8(part, _mm_set1_epi8(-65)), part);
    leads |= (uint64_t)(uint32_t)_mm_movemask_epi8(is_lead) << index;
  }
#elif defined(__aarch64__)
  const uint8x16_t places = vcombine_u8(vcreate_u8(0x8040201008040201u), vcreate_u8(0x8040201008040201u));
  uint8x16_t parts[4];
  for (unsigned index = 0; index < 4; index += 1) {
    const uint8x16_t part = vld1q_u8(bytes + 16 * index);
    // A bit for each byte, by its place among eight; adding neighbours three times brings eight together.
    parts[index] = vandq_u8(vcgeq_u8(part, vdupq_n_u8(0xC0)), places);
  }
  const uint8x16_t quarters = vpaddq_u8(vpaddq_u8(parts[0], parts[1]), vpaddq_u8(parts[2], parts[3]));
  leads = vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(quarters, quarters)), 0);
#else
#pragma clang loop vectorize(disable)
  for (unsigned index = 0; index < 64; index += 8) {
    uint64_t word = load8(bytes + index);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    const uint64_t is_lead = word & word << 1 & 0x8080808080808080u;
    // The factor brings the highest bit of each byte to its place in the highest byte.
    leads |= ((is_lead >> 7) * 0x0102040810204080u >> 56) << index;
  }
#endif
  return leads;
}

// Whether the character that begins at `bytes`, beyond ASCII, is of a group in which one is unsettled.
static inline int may_be_unsettled(const uint8_t *bytes) {
  const uint32_t lead = bytes[0], second = bytes[1] & 0x3F;
  const uint32_t group = lead < 0xE0   ? lead & 0x1F
                         : lead < 0xF0 ? (lead & 0x0F) << 6 | second
                                       : 1024 + ((lead & 0x07) << 6 | second);
  return scalar_unsettled_groups[group >> 6] >> (group & 63) & 1;
}

// Whether the whole character that begins at `bytes`, beyond ASCII, is unsettled.
static inline int is_unsettled(const uint8_t *bytes) {
  const uint32_t lead = bytes[0], second = bytes[1] & 0x3F;
  uint32_t scalar;
  if (lead < 0xE0) {
    scalar = (lead & 0x1F) << 6 | second;
  } else if (lead < 0xF0) {
    scalar = (lead & 0x0F) << 12 | second << 6 | (bytes[2] & 0x3F);
  } else {
    scalar = (lead & 0x07) << 18 | second << 12 | (uint32_t)(bytes[2] & 0x3F) << 6 | (bytes[3] & 0x3F);
  }
  return scalar_class(scalar) & SCALAR_CLASS_UNSETTLED;
}

size_t utf8_next_unsettled(const uint8_t *bytes, size_t start, size_t end) {
  size_t position = start;
  // Three bytes more: those that the last character of the 64 may have beyond them.
  while (end - position >= 64 + 3) {
    const uint8_t *next = bytes + position;
    for (uint64_t leads = long_leads(next); leads; leads &= leads - 1) {
      const unsigned offset = (unsigned)__builtin_ctzll(leads);
      if (may_be_unsettled(next + offset) && is_unsettled(next + offset)) return position + offset;
    }
    position += 64;
  }
  for (; position < end; position += 1) {
    const uint8_t lead = bytes[position];
    if (lead < 0xC0) continue;
    const size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (length > end - position || is_unsettled(bytes + position)) return position;
  }
  return end;
}
