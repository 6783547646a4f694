// Products of float matrices by multiply-adds of vectors: one body, for AVX2 and for AVX-512.
#include "MiniLMVectors.h"

#include "MiniLMKernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

// How many k a panel of B has: with three vectors of 16, 48 KB.
enum { LARGEST_DEPTH = 256 };

// k is cut evenly.
static size_t depth_of_block(size_t k) {
  const size_t blocks = (k + LARGEST_DEPTH - 1) / LARGEST_DEPTH;
  return blocks == 0 ? 1 : (k + blocks - 1) / blocks;
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

#define CHOOSE(level, name, ...)                                     \
  (level) == MINILM_AVX512 ? vectors_avx512_##name(__VA_ARGS__) : vectors_avx2_##name(__VA_ARGS__)

int minilm_has_vectors(void) { return minilm_level() > MINILM_BASELINE; }

size_t minilm_vectors_packed_bytes(int level, size_t k, size_t n) {
  return k * (CHOOSE(level, padded, n)) * sizeof(float);
}

size_t minilm_vectors_panels(int level, size_t n) { return CHOOSE(level, panels, n); }

void minilm_vectors_pack(int level, const struct minilm_operand *b, size_t k, size_t n,
                         size_t first, size_t last, float *packed) {
  CHOOSE(level, pack, b, k, n, first, last, packed);
}

void minilm_vectors_product(int level, const struct minilm_operand *a,
                            const struct minilm_operand *b, const float *packed, float *c,
                            size_t stride, size_t m, size_t n, size_t k, int add) {
  if (k == 0 && !add) {
    for (size_t row = 0; row < m; row++) memset(c + row * stride, 0, n * sizeof(float));
  }
  CHOOSE(level, product, a, b, packed, c, stride, m, n, k, add);
}

#else

int minilm_has_vectors(void) { return 0; }

size_t minilm_vectors_packed_bytes(int level, size_t k, size_t n) { return 0; }

size_t minilm_vectors_panels(int level, size_t n) { return 0; }

void minilm_vectors_pack(int level, const struct minilm_operand *b, size_t k, size_t n,
                         size_t first, size_t last, float *packed) {}

void minilm_vectors_product(int level, const struct minilm_operand *a,
                            const struct minilm_operand *b, const float *packed, float *c,
                            size_t stride, size_t m, size_t n, size_t k, int add) {}
#endif
