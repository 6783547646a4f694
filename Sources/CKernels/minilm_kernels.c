// Elementwise loops of the small language models: one body, several targets, one choice at a run.
#include "MiniLMKernels.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

// Vectors are handed from one static function to another of the same target only.
#pragma clang diagnostic ignored "-Wpsabi"

// e^r = 1 + r + r^2 (POLY0 + ... + POLY4 r^4) on |r| <= ln 2 / 2; relative error of the fit 3e-9.
#define POLY0 0.49999993f
#define POLY1 0.16666521f
#define POLY2 0.041668388f
#define POLY3 0.0083687169f
#define POLY4 0.0013814598f

#define RECIPROCAL(x) (1.0f / (x))
#define NAME(name) minilm_baseline_##name
#define BLOCK_ROWS 2
#define BLOCK_VECTORS 1
#include "minilm_body.h"
#include "minilm_layers.h"
#include "minilm_sampling.h"
#include "minilm_attention.h"
#undef NAME

#if defined(__x86_64__)
#define MINILM_HAS_LEVELS 1

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define NAME(name) minilm_avx2_##name
#define BLOCK_ROWS 4
#define BLOCK_VECTORS 1
#include "minilm_body.h"
#include "minilm_layers.h"
#include "minilm_sampling.h"
#include "minilm_attention.h"
#undef NAME
#pragma clang attribute pop

#define AVX512_TARGET "avx512f,avx512vl,avx512dq,avx2,fma"
#pragma clang attribute push(__attribute__((target(AVX512_TARGET))), apply_to = function)
#undef RECIPROCAL
#define RECIPROCAL(x) minilm_avx512_reciprocal(x)
// From an estimate of 14 bits by one step of Newton's method: a division of 16 floats takes longer than all
// else that GELU does.
typedef float reciprocal_lanes __attribute__((vector_size(64)));
static inline __attribute__((always_inline)) reciprocal_lanes minilm_avx512_reciprocal(
    reciprocal_lanes x) {
  const reciprocal_lanes r =
      __builtin_ia32_rcp14ps512_mask(x, (reciprocal_lanes){}, (unsigned short)-1);
  return r * (2.0f - x * r);
}
// The second where one is a NaN.
#define SMALLER(a, b) __builtin_ia32_minps512(a, b, 4)
// p * 2^n, infinite or denormal where it has to be; 0 where x is below what e^x is normal for.
#define SCALED(x, p, n) minilm_avx512_scaled(x, p, n)
static inline __attribute__((always_inline)) reciprocal_lanes minilm_avx512_scaled(
    reciprocal_lanes x, reciprocal_lanes p, reciprocal_lanes n) {
  // 5: not less than, or a NaN. 4: rounding as it is set.
  const unsigned short normal = __builtin_ia32_cmpps512_mask(
      x, (reciprocal_lanes){} - 87.336544f, 5, (unsigned short)-1, 4);
  return __builtin_ia32_scalefps512_mask(p, n, (reciprocal_lanes){}, normal, 4);
}
#define NAME(name) minilm_avx512_##name
#define BLOCK_ROWS 8
#define BLOCK_VECTORS 2
#include "minilm_body.h"
#include "minilm_layers.h"
#include "minilm_sampling.h"
#include "minilm_attention.h"
#undef NAME
#pragma clang attribute pop

#define CHOOSE(level, name, ...)                                                             \
  switch (level) {                                                          \
    case MINILM_AVX512: return minilm_avx512_##name(__VA_ARGS__);                     \
    case MINILM_AVX2: return minilm_avx2_##name(__VA_ARGS__);                         \
    default: return minilm_baseline_##name(__VA_ARGS__);                              \
  }
#else
#define CHOOSE(level, name, ...) (void)(level); return minilm_baseline_##name(__VA_ARGS__);
#endif

int minilm_best_level(void) {
#if defined(MINILM_HAS_LEVELS)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return MINILM_BASELINE;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq")) {
    return MINILM_AVX512;
  }
  return MINILM_AVX2;
#else
  return MINILM_BASELINE;
#endif
}

// The level in use plus one; 0 while nobody has asked.
static _Atomic int chosen_level = 0;

int minilm_level(void) {
  const int chosen = atomic_load_explicit(&chosen_level, memory_order_relaxed);
  if (chosen > 0) return chosen - 1;
  // Two threads that come here together find the same.
  int level = minilm_best_level();
  const char *wanted = getenv("MINILM_KERNELS");
  if (wanted && strcmp(wanted, "baseline") == 0) level = MINILM_BASELINE;
  if (wanted && strcmp(wanted, "avx2") == 0 && level > MINILM_AVX2) level = MINILM_AVX2;
  atomic_store_explicit(&chosen_level, level + 1, memory_order_relaxed);
  return level;
}

void minilm_exp_at(int level, const float *in, float *out, size_t count) {
  CHOOSE(level, exp, in, out, count)
}

double minilm_cross_entropy_at(int level, float *logits, const uint32_t *targets, size_t rows,
                               size_t columns, float scale, int write_gradient) {
  CHOOSE(level, cross_entropy, logits, targets, rows, columns, scale, write_gradient)
}

void minilm_exp(const float *in, float *out, size_t count) {
  CHOOSE(minilm_level(), exp, in, out, count)
}

double minilm_cross_entropy(float *logits, const uint32_t *targets, size_t rows, size_t columns,
                            float scale, int write_gradient) {
  CHOOSE(minilm_level(), cross_entropy, logits, targets, rows, columns, scale, write_gradient)
}

void minilm_axpy(float *y, float a, const float *x, size_t count) {
  CHOOSE(minilm_level(), axpy, y, a, x, count)
}

void minilm_approach(float *y, const float *x, float kept, size_t count) {
  CHOOSE(minilm_level(), approach, y, x, kept, count)
}

void minilm_add(float *y, const float *x, size_t count) { minilm_axpy(y, 1.0f, x, count); }

float minilm_dot(const float *x, const float *y, size_t count) {
  CHOOSE(minilm_level(), dot, x, y, count)
}

double minilm_sum_of_squares(const float *x, size_t count) {
  CHOOSE(minilm_level(), sum_of_squares, x, count)
}

void minilm_adam_step(float *p, const float *gradient, float *m, float *v, size_t count,
                      const struct minilm_adam *settings) {
  CHOOSE(minilm_level(), adam_step, p, gradient, m, v, count, settings)
}

void minilm_sgd_step(float *p, const float *gradient, float *buffer, size_t count,
                     const struct minilm_sgd *settings) {
  CHOOSE(minilm_level(), sgd_step, p, gradient, buffer, count, settings)
}

void minilm_activation(int kind, float *x, const float *bias, float *y, size_t rows,
                       size_t columns, int derivative) {
  CHOOSE(minilm_level(), activation, kind, x, bias, y, rows, columns, derivative)
}

void minilm_layer_norm(const float *x, size_t rows, size_t columns, const float *gain,
                       const float *bias, float epsilon, float *normalized, float *inverse,
                       float *y) {
  CHOOSE(minilm_level(), layer_norm, x, rows, columns, gain, bias, epsilon, normalized, inverse, y)
}

void minilm_layer_norm_backward(const float *dy, const float *normalized, const float *inverse,
                                size_t rows, size_t columns, const float *gain, float *dgain,
                                float *dbias, float *dx, int add) {
  CHOOSE(minilm_level(), layer_norm_backward, dy, normalized, inverse, rows, columns, gain, dgain,
         dbias, dx, add)
}

void minilm_causal_softmax(float *x, size_t rows, size_t columns, size_t stride, size_t first,
                           float scale) {
  CHOOSE(minilm_level(), causal_softmax, x, rows, columns, stride, first, scale)
}

void minilm_causal_softmax_backward(const float *p, float *dp, size_t rows, size_t columns,
                                    size_t stride, size_t first, float scale) {
  CHOOSE(minilm_level(), causal_softmax_backward, p, dp, rows, columns, stride, first, scale)
}

void minilm_small_product_run(const struct minilm_small_product *product) {
  CHOOSE(minilm_level(), small_product, product)
}

void minilm_small_product_at(int level, const struct minilm_small_product *product) {
  CHOOSE(level, small_product, product)
}

void minilm_attend(const struct minilm_attend *attend) {
  CHOOSE(minilm_level(), attend, attend)
}

void minilm_attend_at(int level, const struct minilm_attend *attend) {
  CHOOSE(level, attend, attend)
}

void minilm_transpose(const float *x, size_t stride, size_t rows, size_t columns, float *y,
                      size_t y_stride) {
  CHOOSE(minilm_level(), transpose, x, stride, rows, columns, y, y_stride)
}

void minilm_multiply(float *y, const float *x, size_t count) {
  CHOOSE(minilm_level(), multiply, y, x, count)
}

void minilm_column_sums(const float *x, size_t rows, size_t columns, float *sums) {
  CHOOSE(minilm_level(), column_sums, x, rows, columns, sums)
}

void minilm_vectors_matrix(const float *x, size_t x_stride, size_t count, const float *w,
                           size_t stride, const float *bias, float *y, size_t y_stride,
                           size_t inputs, size_t outputs) {
  CHOOSE(minilm_level(), vectors_matrix, x, x_stride, count, w, stride, bias, y, y_stride, inputs,
         outputs)
}

void minilm_vectors_matrix_at(int level, const float *x, size_t x_stride, size_t count,
                              const float *w, size_t stride, const float *bias, float *y,
                              size_t y_stride, size_t inputs, size_t outputs) {
  CHOOSE(level, vectors_matrix, x, x_stride, count, w, stride, bias, y, y_stride, inputs, outputs)
}

void minilm_matrix_vectors(const float *w, const float *x, size_t x_stride, size_t count, float *y,
                           size_t y_stride, size_t outputs, size_t inputs) {
  CHOOSE(minilm_level(), matrix_vectors, w, x, x_stride, count, y, y_stride, outputs, inputs)
}

void minilm_drop(float *y, const float *x, size_t count, const struct minilm_dropout *settings) {
  CHOOSE(minilm_level(), drop, y, x, count, settings, 0)
}

void minilm_drop_and_add(float *y, const float *x, size_t count,
                         const struct minilm_dropout *settings) {
  CHOOSE(minilm_level(), drop, y, x, count, settings, 1)
}

uint64_t minilm_checksum(uint64_t state, const void *bytes, size_t count) {
  const uint8_t *p = bytes;
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    uint64_t word;
    memcpy(&word, p + i, 8);
    // A multiplication only carries upwards: the shift lets high bits reach low ones.
    state = (state ^ word) * 0x9E3779B97F4A7C15u;
    state ^= state >> 32;
  }
  for (; i < count; i++) state = (state ^ p[i]) * 0x100000001B3u;
  return state;
}
