// Elementwise loops of the small language models.
//
// Each has one body in portable C over vectors of sixteen floats, compiled for the baseline and, on
// x86-64, for AVX2 and AVX-512; the best one the processor has is taken at run time.
#ifndef MINILM_KERNELS_H
#define MINILM_KERNELS_H

#include <stddef.h>
#include <stdint.h>

// The levels a body is compiled for, in ascending order.
enum { MINILM_BASELINE = 0, MINILM_AVX2 = 1, MINILM_AVX512 = 2 };

// The highest level this processor and this build have.
int minilm_best_level(void);
// The level in use: `minilm_best_level()`, or a lower one where the environment variable
// MINILM_KERNELS is `baseline` or `avx2`. Read once.
int minilm_level(void);

// out[i] = e^in[i], with a relative error under 2e-7 from -87 to 88; 0 below -87.33, infinity above
// 88.72.
void minilm_exp(const float *in, float *out, size_t count);
// The same at a given level, at most `minilm_best_level()`: for tests.
void minilm_exp_at(int level, const float *in, float *out, size_t count);

// Softmax cross-entropy over rows of logits: the sum over rows of ln(sum_j e^x[j]) - x[target].
// With `write_gradient` the logits become scale * (softmax(x) - onehot(target)). A target must be
// less than `columns`.
double minilm_cross_entropy(float *logits, const uint32_t *targets, size_t rows, size_t columns,
                            float scale, int write_gradient);
// The same at a given level, at most `minilm_best_level()`: for tests.
double minilm_cross_entropy_at(int level, float *logits, const uint32_t *targets, size_t rows,
                               size_t columns, float scale, int write_gradient);

// y[i] += x[i].
void minilm_add(float *y, const float *x, size_t count);
// y[i] += a * x[i].
void minilm_axpy(float *y, float a, const float *x, size_t count);
// y[i] = x[i] + kept * (y[i] - x[i]).
void minilm_approach(float *y, const float *x, float kept, size_t count);
// The sum of x[i] * y[i].
float minilm_dot(const float *x, const float *y, size_t count);
// The sum of x[i] * x[i], added up in double precision.
double minilm_sum_of_squares(const float *x, size_t count);

// One step of Adam: g = scale * gradient + coupled * p; m += complement1 * (g - m);
// v = beta2 * v + complement2 * g^2, the complements being 1 - beta worked out in double precision;
// p = p * (1 - decoupled) - step_size * m / (sqrt(v) * root_correction + epsilon).
struct minilm_adam {
  float gradient_scale, coupled_decay, decoupled_decay, complement1, beta2, complement2;
  float step_size, root_correction, epsilon;
};
void minilm_adam_step(float *p, const float *gradient, float *m, float *v, size_t count,
                      const struct minilm_adam *settings);

// One step of SGD: g = scale * gradient + decay * p; with a buffer, b = momentum * b + g and the
// direction is b, or g + momentum * b with Nesterov's look ahead; p = p - rate * direction.
// `buffer` may be null where momentum is 0.
struct minilm_sgd {
  float gradient_scale, decay, momentum, rate;
  int nesterov;
};
void minilm_sgd_step(float *p, const float *gradient, float *buffer, size_t count,
                     const struct minilm_sgd *settings);

// The functions that stand between the two products of a feed-forward layer.
enum { MINILM_GELU = 0, MINILM_GELU_TANH = 1, MINILM_RELU = 2 };

// y = f(x + bias) for rows of x; x becomes f'(x + bias) where `derivative` is 1. `bias` may be null.
// Exact GELU has erf by Abramowitz and Stegun 7.1.26, with an absolute error under 2e-7.
void minilm_activation(int kind, float *x, const float *bias, float *y, size_t rows,
                       size_t columns, int derivative);

// Layer norm of rows: n = (x - mean) / sqrt(variance + epsilon), y = n * gain + bias.
// `normalized` gets n and `inverse` the factor of each row; both may be null. `bias` may be null.
void minilm_layer_norm(const float *x, size_t rows, size_t columns, const float *gain,
                       const float *bias, float epsilon, float *normalized, float *inverse,
                       float *y);
// From dy: dgain += and, unless null, dbias +=; dx = or, with `add`, dx +=. dx may be dy.
void minilm_layer_norm_backward(const float *dy, const float *normalized, const float *inverse,
                                size_t rows, size_t columns, const float *gain, float *dgain,
                                float *dbias, float *dx, int add);

// Softmax of scale * x over the first `first + r + 1` of `columns` elements of row r; the rest of
// the row becomes 0.
void minilm_causal_softmax(float *x, size_t rows, size_t columns, size_t stride, size_t first,
                           float scale);
// The gradient of scale * x written over that of the probabilities p: scale * p * (dp - sum p dp).
void minilm_causal_softmax_backward(const float *p, float *dp, size_t rows, size_t columns,
                                    size_t stride, size_t first, float scale);

// C (m, n) = A (m, k)·B (k, n), or C + A·B with `add`, without packing: for operands that stay in the first
// level of cache. Element (i, p) of A is a[i * a_row + p * a_k]. Of a triangle only what counts is
// computed: of A (row i has its zeros from k = i + 1 on, or before k = i), or of C (row i is wanted up to
// column i; more may be written).
enum { MINILM_WHOLE = 0, MINILM_LOWER_A = 1, MINILM_UPPER_A = 2, MINILM_LOWER_C = 3 };
struct minilm_small_product {
  const float *a;
  size_t a_row, a_k;
  const float *b;
  size_t b_stride;
  float *c;
  size_t c_stride, m, n, k;
  int add, shape;
};
void minilm_small_product_run(const struct minilm_small_product *product);
// The same at a given level, at most `minilm_best_level()`: for tests.
void minilm_small_product_at(int level, const struct minilm_small_product *product);
// Attention of one position to itself and all before it, head by head: its keys and values join the cache, and
// y (heads · head_width) is what the softmax of scale·(q·keys) takes of the values.
struct minilm_attend {
  // q, k and v of the position, each (heads, head_width).
  const float *qkv;
  // (heads, head_width, length) and (heads, length, head_width).
  float *keys, *values;
  // Scratch: `length` floats, rounded up to 16.
  float *scores;
  float *y;
  size_t heads, head_width, length, position;
  float scale;
};
void minilm_attend(const struct minilm_attend *attend);
// The same at a given level, at most `minilm_best_level()`: for tests.
void minilm_attend_at(int level, const struct minilm_attend *attend);
// y (columns, rows) = the transpose of x (rows, columns).
void minilm_transpose(const float *x, size_t stride, size_t rows, size_t columns, float *y,
                      size_t y_stride);

// y[i] *= x[i].
void minilm_multiply(float *y, const float *x, size_t count);
// sums[j] += the sum over rows of x[r][j].
void minilm_column_sums(const float *x, size_t rows, size_t columns, float *sums);
// y = x·W + bias for `count` rows of `inputs` and `outputs` floats, `x_stride` and `y_stride` apart, W (inputs,
// outputs) in rows of `stride`; `bias` may be null. W is read once, and each row of y is to the bit what it is
// alone.
void minilm_vectors_matrix(const float *x, size_t x_stride, size_t count, const float *w,
                           size_t stride, const float *bias, float *y, size_t y_stride,
                           size_t inputs, size_t outputs);
// The same at a given level, at most `minilm_best_level()`: for tests.
void minilm_vectors_matrix_at(int level, const float *x, size_t x_stride, size_t count,
                              const float *w, size_t stride, const float *bias, float *y,
                              size_t y_stride, size_t inputs, size_t outputs);
// y = W·x for `count` rows x and y, W (outputs, inputs).
void minilm_matrix_vectors(const float *w, const float *x, size_t x_stride, size_t count, float *y,
                           size_t y_stride, size_t outputs, size_t inputs);

// Which elements stay when some are dropped: those whose hash of key and index is not below
// `threshold`, of 2^24. The same for every level and number of threads.
struct minilm_dropout {
  uint64_t key;
  uint32_t threshold;
  float scale;
};
// y[i] = x[i] * scale where element i stays, else 0. y may be x.
void minilm_drop(float *y, const float *x, size_t count, const struct minilm_dropout *settings);
// y[i] += x[i] * scale where element i stays.
void minilm_drop_and_add(float *y, const float *x, size_t count,
                         const struct minilm_dropout *settings);

// A check of bytes against damage, continued from `state`: eight bytes at a time (little-endian, xor,
// times 0x9E3779B97F4A7C15, xor with itself shifted right by 32), the rest by FNV-1a.
uint64_t minilm_checksum(uint64_t state, const void *bytes, size_t count);

// Calls work(context, i) once for each i below count, each on a thread of its own as far as the
// system gives them, i on the same thread each time. Threads wait for the next call by spinning for
// some microseconds, then asleep. While another caller is at it all calls are made by the caller.
typedef void (*minilm_work)(void *context, size_t index);
void minilm_parallel(size_t count, minilm_work work, void *context);

#endif
