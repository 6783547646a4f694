// Products of float matrices by multiply-adds of vectors: one body, for AVX2, for AVX-512, and for AVX-512's products of
// bfloat16.
#include "MiniLMVectors.h"

#include "MiniLMKernels.h"
#include "minilm_scratch.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

enum {
  // How many k a panel of B has: with three vectors of 16, 48 KB, or 24 KB of pairs.
  LARGEST_DEPTH = 256,
  // How much of A is held as pairs: a part of the second level of cache.
  LEFT_BYTES = 256 << 10,
};

// k is cut evenly, into blocks of whole steps but for the last.
static size_t depth_of_block(size_t k, size_t step) {
  const size_t blocks = (k + LARGEST_DEPTH - 1) / LARGEST_DEPTH;
  return blocks == 0 ? step : ((k + blocks - 1) / blocks + step - 1) / step * step;
}

// Lines of the cache that are left to ask for: those of rows `stride` floats apart.
struct lines {
  const float *row;
  size_t stride, rows, floats, at_once;
};

// What packing reads of B: some columns, and some k. It lies in many places, two or three lines in each, and nothing but
// these requests fetches it ahead; a part of it at each of `places` places.
static struct lines lines_of(const struct minilm_operand *b, size_t column, size_t columns,
                             size_t start, size_t depth, size_t places) {
  struct lines lines = {.stride = b->stride};
  if (b->transposed) {
    lines.row = b->base + column * b->stride + start;
    lines.rows = columns;
    lines.floats = depth;
  } else {
    lines.row = b->base + start * b->stride + column;
    lines.rows = depth;
    lines.floats = columns;
  }
  lines.at_once = (lines.rows + places - 1) / places;
  return lines;
}

// Asks for the next of them, to the second level of cache.
static inline void fetch(struct lines *lines) {
  const size_t rows = lines->rows < lines->at_once ? lines->rows : lines->at_once;
  for (size_t i = 0; i < rows; i++, lines->row += lines->stride) {
    for (size_t j = 0; j < lines->floats; j += 16) __builtin_prefetch(lines->row + j, 0, 2);
    // A row need not begin with a line.
    __builtin_prefetch(lines->row + lines->floats - 1, 0, 2);
  }
  lines->rows -= rows;
}

// out (depth, width) = the transpose of `columns` rows of B's transpose, and zeros.
static void transpose_panel(const float *p, size_t stride, size_t columns, size_t depth, float *out,
                            size_t width) {
  size_t j = 0;
  for (; j + 4 <= columns; j += 4, p += 4 * stride) {
    size_t k = 0;
    for (; k + 4 <= depth; k += 4) {
      __m128 a = _mm_loadu_ps(p + k), b = _mm_loadu_ps(p + stride + k);
      __m128 c = _mm_loadu_ps(p + 2 * stride + k), d = _mm_loadu_ps(p + 3 * stride + k);
      _MM_TRANSPOSE4_PS(a, b, c, d);
      float *const to = out + k * width + j;
      _mm_storeu_ps(to, a);
      _mm_storeu_ps(to + width, b);
      _mm_storeu_ps(to + 2 * width, c);
      _mm_storeu_ps(to + 3 * width, d);
    }
    for (; k < depth; k++) {
      for (size_t i = 0; i < 4; i++) out[k * width + j + i] = p[i * stride + k];
    }
  }
  for (; j < width; j++, p += stride) {
    for (size_t k = 0; k < depth; k++) out[k * width + j] = j < columns ? p[k] : 0;
  }
}

// Pairs of bfloat16, rounded to the nearest, ties to even; a pair is k and k + 1, zero past the last k.
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16"))), apply_to = function)

// `count` rows of `depth` k each, which lie along them.
static void pair_rows(const float *p, size_t stride, size_t count, size_t depth, float *out) {
  const size_t pairs = (depth + 1) / 2;
  for (size_t row = 0; row < count; row++, p += stride, out += pairs) {
    size_t k = 0;
    for (; k + 32 <= depth; k += 32) {
      const __m512bh v = _mm512_cvtne2ps_pbh(_mm512_loadu_ps(p + k + 16), _mm512_loadu_ps(p + k));
      _mm512_storeu_si512(out + k / 2, (__m512i)v);
    }
    if (k == depth) continue;
    const size_t rest = depth - k;
    const __mmask32 mask = (__mmask32)((1ull << rest) - 1);
    const __m512bh v = _mm512_cvtne2ps_pbh(_mm512_maskz_loadu_ps((__mmask16)(mask >> 16), p + k + 16),
                                           _mm512_maskz_loadu_ps((__mmask16)mask, p + k));
    _mm512_mask_storeu_epi32(out + k / 2, (__mmask16)((1u << (rest + 1) / 2) - 1), (__m512i)v);
  }
}

// `depth` rows of `columns` elements, k going from row to row: for each two rows whole vectors of pairs, zeros past the
// last column.
static void pair_lines(const float *p, size_t stride, size_t columns, size_t depth, float *out) {
  uint16_t places[32];
  for (uint16_t i = 0; i < 16; i++) {
    places[2 * i] = i;
    places[2 * i + 1] = (uint16_t)(i + 16);
  }
  const __m512i order = _mm512_loadu_si512(places);
  const size_t whole = columns / 16 * 16;
  const __mmask16 rest = (__mmask16)((1u << (columns - whole)) - 1);
  for (size_t k = 0; k < depth; k += 2, p += 2 * stride) {
    // Past the last k there are zeros, read from nowhere.
    const int is_pair = k + 1 < depth;
    const __mmask16 all = is_pair ? 0xFFFF : 0, some = is_pair ? rest : 0;
    const float *const second = is_pair ? p + stride : p;
    for (size_t j = 0; j < whole; j += 16, out += 16) {
      const __m512bh v = _mm512_cvtne2ps_pbh(_mm512_maskz_loadu_ps(all, second + j), _mm512_loadu_ps(p + j));
      _mm512_storeu_si512(out, _mm512_permutexvar_epi16(order, (__m512i)v));
    }
    if (rest == 0) continue;
    const __m512bh v = _mm512_cvtne2ps_pbh(_mm512_maskz_loadu_ps(some, second + whole),
                                           _mm512_maskz_loadu_ps(rest, p + whole));
    _mm512_storeu_si512(out, _mm512_permutexvar_epi16(order, (__m512i)v));
    out += 16;
  }
}
#pragma clang attribute pop

// Sums are registers only where no loop is left around them.
#define UNROLLED _Pragma("clang loop unroll(full)")

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define NAME(name) vectors_avx2_##name
#define LANES 8
#define ROWS 6
#define VECTORS 2
#define VECTOR __m256
#define ZERO _mm256_setzero_ps()
#define LOAD(p) _mm256_loadu_ps(p)
#define STORE(p, v) _mm256_storeu_ps(p, v)
#define BROADCAST(p) _mm256_broadcast_ss(p)
#define MULTIPLY_ADD(a, b, c) _mm256_fmadd_ps(a, b, c)
#define PLUS(a, b) _mm256_add_ps(a, b)
#define MASK __m256i
#define FIRST_LANES(count) \
  _mm256_cmpgt_epi32(_mm256_set1_epi32((int)(count)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
#define LOAD_SOME(p, mask) _mm256_maskload_ps(p, mask)
#define STORE_SOME(p, mask, v) _mm256_maskstore_ps(p, mask, v)
#include "minilm_vectors.h"
#pragma clang attribute pop
#undef LANES
#undef ROWS
#undef VECTORS
#undef VECTOR
#undef ZERO
#undef LOAD
#undef STORE
#undef BROADCAST
#undef PLUS
#undef MASK
#undef FIRST_LANES
#undef LOAD_SOME
#undef STORE_SOME

#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512dq,avx2,fma"))), \
                             apply_to = function)
#define NAME(name) vectors_avx512_##name
#define LANES 16
#define ROWS 8
#define VECTORS 3
#define VECTOR __m512
#define ZERO _mm512_setzero_ps()
#define LOAD(p) _mm512_loadu_ps(p)
#define STORE(p, v) _mm512_storeu_ps(p, v)
#define BROADCAST(p) _mm512_set1_ps(*(p))
#define MULTIPLY_ADD(a, b, c) _mm512_fmadd_ps(a, b, c)
#define PLUS(a, b) _mm512_add_ps(a, b)
#define MASK __mmask16
#define FIRST_LANES(count) (__mmask16)((1u << (count)) - 1)
#define LOAD_SOME(p, mask) _mm512_maskz_loadu_ps(mask, p)
#define STORE_SOME(p, mask, v) _mm512_mask_storeu_ps(p, mask, v)
#include "minilm_vectors.h"
#pragma clang attribute pop

// The same vectors with another product.
#pragma clang attribute push(                                                              \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma"))), \
    apply_to = function)
#define NAME(name) vectors_bfloat16_##name
#define PAIRED
#define MULTIPLY_ADD(a, b, c) _mm512_dpbf16_ps(c, (__m512bh)(a), (__m512bh)(b))
#include "minilm_vectors.h"
#pragma clang attribute pop

#define CHOOSE(kind, name, ...)                                                \
  (kind) == MINILM_BFLOAT16 ? vectors_bfloat16_##name(__VA_ARGS__)             \
  : (kind) == MINILM_AVX512 ? vectors_avx512_##name(__VA_ARGS__)               \
                            : vectors_avx2_##name(__VA_ARGS__)

int minilm_has_vectors(void) { return minilm_level() > MINILM_BASELINE; }

int minilm_has_bfloat16(void) {
  __builtin_cpu_init();
  return minilm_level() == MINILM_AVX512 && __builtin_cpu_supports("avx512bf16") &&
         __builtin_cpu_supports("avx512bw");
}

size_t minilm_vectors_packed_bytes(int kind, size_t k, size_t n) {
  return (CHOOSE(kind, elements, k)) * (CHOOSE(kind, padded, n)) * sizeof(float);
}

size_t minilm_vectors_panels(int kind, size_t n) { return CHOOSE(kind, panels, n); }

void minilm_vectors_pack(int kind, const struct minilm_operand *b, size_t k, size_t n,
                         size_t first, size_t last, float *packed) {
  CHOOSE(kind, pack, b, k, n, first, last, packed);
}

int minilm_vectors_product(int kind, const struct minilm_operand *a,
                           const struct minilm_operand *b, const float *packed, float *c,
                           size_t stride, size_t m, size_t n, size_t k, int add, int shape) {
  if (k == 0 && !add) {
    for (size_t row = 0; row < m; row++) memset(c + row * stride, 0, n * sizeof(float));
  }
  return CHOOSE(kind, product, a, b, packed, c, stride, m, n, k, add, shape);
}

#else

int minilm_has_vectors(void) { return 0; }

int minilm_has_bfloat16(void) { return 0; }

size_t minilm_vectors_packed_bytes(int kind, size_t k, size_t n) { return 0; }

size_t minilm_vectors_panels(int kind, size_t n) { return 0; }

void minilm_vectors_pack(int kind, const struct minilm_operand *b, size_t k, size_t n,
                         size_t first, size_t last, float *packed) {}

int minilm_vectors_product(int kind, const struct minilm_operand *a,
                           const struct minilm_operand *b, const float *packed, float *c,
                           size_t stride, size_t m, size_t n, size_t k, int add, int shape) {
  return 0;
}
#endif
