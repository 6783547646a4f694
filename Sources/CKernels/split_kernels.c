// Splitting by bit masks: 64 bytes become one 64-bit word for each class of characters, and the
// boundaries of a pattern follow from shifts and ands of these words. See split_body.h.
#include "split_kernels.h"

#include <string.h>

#include "scalar_classes.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

// What 64 bytes are; bit i says it of byte i. Every byte of a character has its character's class.
typedef struct {
  uint64_t letter;        // \p{L}
  uint64_t number;        // \p{N}
  uint64_t space;         // White_Space
  uint64_t blank;         // U+0020
  uint64_t apostrophe;    // U+0027
  uint64_t continuation;  // bytes 80...BF
  uint64_t long_byte;     // bytes 80...FF
  uint64_t from_e0;       // bytes E0...FF
  uint64_t from_f0;       // bytes F0...FF
  // For patterns that ask for them (WANT_…) only.
  uint64_t line_end;  // U+000A, U+000D
  uint64_t slash;     // U+002F
  uint64_t upper;     // \p{Lu} and \p{Lt}
  uint64_t lower;     // \p{Ll}
  uint64_t mark;      // \p{M}
} split_masks;

// What a pattern needs beyond the first nine masks.
enum { WANT_LINE_ENDS = 1, WANT_CASES = 2 };

// Where reading has come to.
typedef struct {
  const uint8_t *text;
  size_t count;
  size_t next;  // where the next 64 bytes begin; beyond the end there are spaces
  // The bytes of a character that the last 64 bytes cut off, by its classes: the lowest bits.
  split_masks open;
} split_reader;

// Classes of characters, several for one.
enum { KIND_LETTER = 1, KIND_NUMBER = 2, KIND_SPACE = 4, KIND_UPPER = 8, KIND_LOWER = 16, KIND_MARK = 32 };

// The kinds for each general category (in the order of GeneralCategory), then for white space of each.
static const uint8_t kind_of_class[64] = {
    KIND_LETTER | KIND_UPPER, KIND_LETTER | KIND_LOWER, KIND_LETTER | KIND_UPPER, KIND_LETTER,
    KIND_LETTER, KIND_MARK, KIND_MARK, KIND_MARK, KIND_NUMBER, KIND_NUMBER, KIND_NUMBER,
    [32 ... 63] = KIND_SPACE};

static inline unsigned kind_of(uint32_t scalar) {
  return kind_of_class[scalar_class(scalar) & (SCALAR_CLASS_CATEGORY | SCALAR_CLASS_WHITE_SPACE)];
}

// Sets the bit of a character's first byte in the masks of its kinds.
static inline __attribute__((always_inline)) void note(split_masks *first, unsigned kind,
                                                       unsigned offset, unsigned wants) {
  first->letter |= (uint64_t)(kind & 1) << offset;
  if (wants & WANT_CASES) {
    first->upper |= (uint64_t)(kind >> 3 & 1) << offset;
    first->lower |= (uint64_t)(kind >> 4 & 1) << offset;
    first->mark |= (uint64_t)(kind >> 5 & 1) << offset;
  }
  // Hardly ever: no branch that is taken costs anything.
  if (kind & (KIND_NUMBER | KIND_SPACE)) {
    first->number |= (uint64_t)(kind >> 1 & 1) << offset;
    first->space |= (uint64_t)(kind >> 2 & 1) << offset;
  }
}

// From bits of first bytes to bits of all bytes of the characters. `three` and `four` are the bytes that
// begin characters of at least that many bytes; what lies beyond the 64 is left in `open`.
static inline uint64_t spread(uint64_t first, uint64_t three, uint64_t four, uint64_t *open) {
  const uint64_t all = first | first << 1 | (first & three) << 2 | (first & four) << 3 | *open;
  *open = first >> 63 | (first & three) >> 62 | (first & four) >> 61;
  return all;
}

// Gives the bytes beyond ASCII their classes. `text` is where the 64 bytes begin in the text; `first` has the classes of
// the characters whose first bytes are `known`.
static inline __attribute__((always_inline)) void class_long_characters(
    split_reader *reader, const uint8_t *text, split_masks *masks, split_masks first, uint64_t known,
    unsigned wants) {
  // Valid UTF-8 has the bytes that the first one promises.
  const uint64_t lead = masks->long_byte & ~masks->continuation;
  const uint64_t three = lead & masks->from_e0, four = lead & masks->from_f0;
  for (uint64_t bits = lead & ~three & ~known; bits; bits &= bits - 1) {
    const unsigned offset = (unsigned)__builtin_ctzll(bits);
    const uint8_t *bytes = text + offset;
    note(&first, kind_of((uint32_t)(bytes[0] & 0x1F) << 6 | (bytes[1] & 0x3F)), offset, wants);
  }
  for (uint64_t bits = three & ~four & ~known; bits; bits &= bits - 1) {
    const unsigned offset = (unsigned)__builtin_ctzll(bits);
    const uint8_t *bytes = text + offset;
    const uint32_t scalar = (uint32_t)(bytes[0] & 0x0F) << 12 | (uint32_t)(bytes[1] & 0x3F) << 6 |
                            (bytes[2] & 0x3F);
    note(&first, kind_of(scalar), offset, wants);
  }
  for (uint64_t bits = four; bits; bits &= bits - 1) {
    const unsigned offset = (unsigned)__builtin_ctzll(bits);
    const uint8_t *bytes = text + offset;
    const uint32_t scalar = (uint32_t)(bytes[0] & 0x07) << 18 | (uint32_t)(bytes[1] & 0x3F) << 12 |
                            (uint32_t)(bytes[2] & 0x3F) << 6 | (bytes[3] & 0x3F);
    note(&first, kind_of(scalar), offset, wants);
  }
  masks->letter |= spread(first.letter, three, four, &reader->open.letter);
  masks->number |= spread(first.number, three, four, &reader->open.number);
  masks->space |= spread(first.space, three, four, &reader->open.space);
  if (wants & WANT_CASES) {
    masks->upper |= spread(first.upper, three, four, &reader->open.upper);
    masks->lower |= spread(first.lower, three, four, &reader->open.lower);
    masks->mark |= spread(first.mark, three, four, &reader->open.mark);
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

// The same where case does not matter: U+017F, the long s, is a form of s.
static inline size_t folded_contraction_length(const uint8_t *apostrophe, size_t left) {
  if (left < 2) return 0;
  switch (apostrophe[1] | 0x20) {
    case 's': case 'd': case 'm': case 't': return 2;
    case 'l': return left > 2 && (apostrophe[2] | 0x20) == 'l' ? 3 : 0;
    case 'v': case 'r': return left > 2 && (apostrophe[2] | 0x20) == 'e' ? 3 : 0;
    case 0xE5: return apostrophe[1] == 0xC5 && left > 2 && apostrophe[2] == 0xBF ? 3 : 0;
    default: return 0;
  }
}

// What tells the patterns that follow cl100k's apart.
typedef struct {
  unsigned digits;       // at most so many in one pre-token: 3 or 1
  int words_by_case;     // o200k: words end where upper case follows lower, contractions go with words
  int ends_with_spaces;  // cl100k: white space at the end of the text is one pre-token
} split_rules;

// The masks of 64 bytes that the next 64 need to know of: see split_words.h.
typedef struct {
  uint64_t long_byte, blank, line_end, number;
  uint64_t word;         // what words consist of
  uint64_t other;        // visible, no word, no number
  uint64_t taken;        // line ends that go with the visible characters before them
  uint64_t space;        // white space but those
  uint64_t inner_space;  // white space but line ends
  uint64_t neutral;      // of words: neither upper nor lower case
  uint64_t lower;
  uint64_t alone;        // the first byte of visible characters, if no blank or visible one comes before
  uint64_t second, third, fourth;  // their other bytes
  uint64_t numbers;      // where numbers begin
} word_masks;

// `bits` moved on by one place, with the last bit of the 64 before.
static inline uint64_t after(uint64_t bits, uint64_t before) { return bits << 1 | before >> 63; }

#define KERNEL(name) name##_plain
#define CLASSIFY_PLAIN
#include "split_classify.h"
#include "split_body.h"
#include "split_gpt2.h"
#include "split_words.h"
#undef CLASSIFY_PLAIN
#undef KERNEL

#if defined(__x86_64__)
// Every x86-64 processor has SSE2.
#define KERNEL(name) name##_sse2
#define CLASSIFY_SSE2
#include "split_classify.h"
#include "split_body.h"
#include "split_gpt2.h"
#include "split_words.h"
#undef CLASSIFY_SSE2
#undef KERNEL

#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt"))), apply_to = function)
#define KERNEL(name) name##_avx2
#define CLASSIFY_AVX2
#include "split_classify.h"
#include "split_body.h"
#include "split_gpt2.h"
#include "split_words.h"
#undef CLASSIFY_AVX2
#undef KERNEL
#pragma clang attribute pop

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,bmi,bmi2,lzcnt,popcnt"))), apply_to = function)
#define KERNEL(name) name##_avx512
#define CLASSIFY_AVX512
#include "split_classify.h"
#include "split_body.h"
#include "split_gpt2.h"
#include "split_words.h"
#undef CLASSIFY_AVX512
#undef KERNEL
#pragma clang attribute pop
#elif defined(__aarch64__)
// Every 64-bit ARM processor has NEON.
#define KERNEL(name) name##_neon
#define CLASSIFY_NEON
#include "split_classify.h"
#include "split_body.h"
#include "split_gpt2.h"
#include "split_words.h"
#undef CLASSIFY_NEON
#undef KERNEL
#endif

int split_best_level(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi2")) return SPLIT_BASELINE;
  if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2"))
    return SPLIT_AVX512;
  return SPLIT_AVX2;
#else
  return SPLIT_BASELINE;
#endif
}

typedef size_t split_kernel(const uint8_t *text, size_t start, size_t count, intptr_t *ends,
                            size_t limit, size_t *hard);

#if defined(__x86_64__)
#define LEVELS(name) {name##_plain, name##_sse2, name##_avx2, name##_avx512}
#elif defined(__aarch64__)
#define LEVELS(name) {name##_plain, name##_neon, name##_neon, name##_neon}
#else
#define LEVELS(name) {name##_plain, name##_plain, name##_plain, name##_plain}
#endif

static split_kernel *const kernels[][4] = {
    [SPLIT_GPT2] = LEVELS(gpt2),     [SPLIT_CL100K] = LEVELS(cl100k), [SPLIT_O200K] = LEVELS(o200k),
    [SPLIT_LLAMA3] = LEVELS(llama3), [SPLIT_QWEN2] = LEVELS(qwen2),
};

size_t split_text(int pattern, int level, const uint8_t *text, size_t start, size_t count,
                  intptr_t *ends, size_t limit, size_t *hard) {
  *hard = 0;
  if (start >= count || limit == 0) return 0;
  return kernels[pattern][level](text, start, count, ends, limit, hard);
}
