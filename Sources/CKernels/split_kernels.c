// Splitting by bit masks: 64 bytes become one 64-bit word for each class of characters, and the
// boundaries of a pattern follow from shifts and ands of these words. See split_body.h.
#include "split_kernels.h"

#include <string.h>

#include "scalar_classes.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// What 64 bytes are; bit i says it of byte i. Every byte of a character has its character's class.
typedef struct {
  uint64_t letter;        // \p{L}
  uint64_t number;        // \p{N}
  uint64_t space;         // White_Space
  uint64_t blank;         // U+0020
  uint64_t apostrophe;    // U+0027
  uint64_t continuation;  // bytes 80...BF
  uint64_t long_byte;     // bytes 80...FF: their characters are still to be classed
} split_masks;

// Where reading has come to.
typedef struct {
  const uint8_t *text;
  size_t count;
  size_t next;  // where the next 64 bytes begin; beyond the end there are spaces
  // The character that the last 64 bytes cut off: how many bytes of it follow, and its class.
  unsigned open_length;
  unsigned open_class;
} split_reader;

enum { CLASS_OTHER, CLASS_LETTER, CLASS_NUMBER, CLASS_SPACE };

static inline unsigned class_of(uint32_t scalar) {
  const uint8_t entry = scalar_class(scalar);
  if (entry & SCALAR_CLASS_WHITE_SPACE) return CLASS_SPACE;
  const unsigned category = entry & SCALAR_CLASS_CATEGORY;
  // The order of GeneralCategory: five kinds of letters, three of marks, three of numbers.
  return category < 5 ? CLASS_LETTER : category >= 8 && category < 11 ? CLASS_NUMBER : CLASS_OTHER;
}

static inline void set_class(split_masks *masks, unsigned class, uint64_t bits) {
  masks->letter |= class == CLASS_LETTER ? bits : 0;
  masks->number |= class == CLASS_NUMBER ? bits : 0;
  masks->space |= class == CLASS_SPACE ? bits : 0;
}

// Gives the bytes beyond ASCII their classes. `text` is where the 64 bytes begin in the text.
static void class_long_characters(split_reader *reader, const uint8_t *text, split_masks *masks) {
  if (reader->open_length > 0) {
    set_class(masks, reader->open_class, (1ull << reader->open_length) - 1);
    reader->open_length = 0;
  }
  for (uint64_t leads = masks->long_byte & ~masks->continuation; leads; leads &= leads - 1) {
    const unsigned offset = (unsigned)__builtin_ctzll(leads);
    // Valid UTF-8 has the bytes that the first one promises.
    const uint8_t *bytes = text + offset;
    const uint32_t lead = bytes[0];
    uint32_t scalar;
    unsigned length;
    if (lead < 0xE0) {
      scalar = (lead & 0x1F) << 6 | (bytes[1] & 0x3F);
      length = 2;
    } else if (lead < 0xF0) {
      scalar = (lead & 0x0F) << 12 | (uint32_t)(bytes[1] & 0x3F) << 6 | (bytes[2] & 0x3F);
      length = 3;
    } else {
      scalar = (lead & 0x07) << 18 | (uint32_t)(bytes[1] & 0x3F) << 12 |
               (uint32_t)(bytes[2] & 0x3F) << 6 | (bytes[3] & 0x3F);
      length = 4;
    }
    const unsigned class = class_of(scalar);
    set_class(masks, class, ((1ull << length) - 1) << offset);
    if (offset + length > 64) {
      reader->open_length = offset + length - 64;
      reader->open_class = class;
    }
  }
}

// The length of a contraction of GPT-2's at an apostrophe, 0 if there is none.
static inline size_t contraction_length(const uint8_t *apostrophe, size_t left) {
  if (left < 2) return 0;
  switch (apostrophe[1]) {
    case 's': case 'd': case 'm': case 't': return 2;
    case 'l': return left > 2 && apostrophe[2] == 'l' ? 3 : 0;
    case 'v': case 'r': return left > 2 && apostrophe[2] == 'e' ? 3 : 0;
    default: return 0;
  }
}

#define KERNEL(name) name##_baseline
#define CLASSIFY_BASELINE
#include "split_body.h"
#undef CLASSIFY_BASELINE
#undef KERNEL

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt"))), apply_to = function)
#define KERNEL(name) name##_avx2
#define CLASSIFY_AVX2
#include "split_body.h"
#undef CLASSIFY_AVX2
#undef KERNEL
#pragma clang attribute pop

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512vl,bmi,bmi2,lzcnt,popcnt"))), apply_to = function)
#define KERNEL(name) name##_avx512
#define CLASSIFY_AVX512
#include "split_body.h"
#undef CLASSIFY_AVX512
#undef KERNEL
#pragma clang attribute pop
#endif

int split_best_level(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi2")) return SPLIT_BASELINE;
  if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) return SPLIT_AVX512;
  return SPLIT_AVX2;
#else
  return SPLIT_BASELINE;
#endif
}

size_t split_gpt2(const uint8_t *text, size_t start, size_t count, intptr_t *ends, size_t limit,
                  int level) {
#if defined(__x86_64__)
  if (level >= SPLIT_AVX512) return gpt2_avx512(text, start, count, ends, limit);
  if (level >= SPLIT_AVX2) return gpt2_avx2(text, start, count, ends, limit);
#endif
  (void)level;
  return gpt2_baseline(text, start, count, ends, limit);
}
