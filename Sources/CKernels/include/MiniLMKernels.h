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

// FNV-1a, 64 bits, continued from `state`.
uint64_t minilm_checksum(uint64_t state, const void *bytes, size_t count);

#endif
