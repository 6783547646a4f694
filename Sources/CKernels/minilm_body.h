// The body of the kernels in MiniLMKernels.h, included once for each level by minilm_kernels.c with
// NAME() giving that level's names. Loads and stores go through memcpy: no alignment is asked for.

typedef float NAME(f16) __attribute__((vector_size(64)));
typedef int32_t NAME(i16) __attribute__((vector_size(64)));
typedef double NAME(d16) __attribute__((vector_size(128)));
#define F16 NAME(f16)
#define I16 NAME(i16)
#define D16 NAME(d16)
#define LANES ((size_t)16)

static inline void NAME(load)(F16 *v, const float *p) { memcpy(v, p, sizeof *v); }
static inline void NAME(store)(float *p, const F16 *v) { memcpy(p, v, sizeof *v); }

// The lanes in halves, the upper onto the lower, until one is left.
#define FOLD(value, join)                                                                     \
  value = join(value, __builtin_shufflevector(value, value, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, \
                                              3, 4, 5, 6, 7));                                \
  value = join(value, __builtin_shufflevector(value, value, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, \
                                              15, 8, 9, 10, 11));                             \
  value = join(value, __builtin_shufflevector(value, value, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, \
                                              14, 15, 12, 13));                               \
  value = join(value, __builtin_shufflevector(value, value, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, \
                                              13, 12, 15, 14))
#define ADD(a, b) ((a) + (b))
#define LARGER(a, b) NAME(larger)(a, b)

static inline float NAME(total)(const F16 *v) {
  F16 sum = *v;
  FOLD(sum, ADD);
  return sum[0];
}

// The larger of each lane, the second where the first is a NaN.
static inline __attribute__((always_inline)) F16 NAME(larger)(F16 a, F16 b) {
  const I16 first = a > b;
  return (F16)(((I16)a & first) | ((I16)b & ~first));
}

// e^x: x = n ln 2 + r with |r| <= ln 2 / 2, and 2^n put together from its bits. Adding 1.5 * 2^23
// rounds to the nearest integer and leaves it in the low bits; a NaN goes through every step and
// stays one. The coefficients are a least-squares fit of our own, reweighted towards equal relative
// error.
static inline void NAME(vector_exp)(F16 *value) {
#if defined(SCALED)
  // 2^n by an instruction, which takes n from the rounding itself: half the steps of what follows.
  const F16 limited = SMALLER((F16){} + 89.0f, *value);
  const float round = 12582912.0f;
  const F16 n = (limited * 1.44269504f + round) - round;
  const F16 r = (limited - n * 0.693359375f) + n * 2.12194440e-4f;
  F16 q = r * POLY4 + POLY3;
  q = q * r + POLY2;
  q = q * r + POLY1;
  q = q * r + POLY0;
  *value = SCALED(*value, (q * (r * r) + r) + 1.0f, n);
#else
  F16 x = *value;
  const I16 under = x < -87.336544f, over = x > 88.722839f;
  x = (F16)(((I16)x & ~(under | over)));
  const float magic = 12582912.0f;
  const F16 shifted = x * 1.44269504f + magic;
  const F16 n = shifted - magic;
  const F16 r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  F16 q = r * POLY4 + POLY3;
  q = q * r + POLY2;
  q = q * r + POLY1;
  q = q * r + POLY0;
  const F16 p = (q * (r * r) + r) + 1.0f;
  // 2^n in two halves, so that n = 128 and n = -126 both stay within a float's exponent.
  const I16 power = (I16)shifted - 0x4B400000;
  const I16 half = power >> 1;
  const F16 low = (F16)((half + 127) << 23), high = (F16)((power - half + 127) << 23);
  F16 y = p * low * high;
  const F16 infinity = (F16){} + __builtin_inff();
  y = (F16)(((I16)y & ~(under | over)) | ((I16)infinity & over));
  *value = y;
#endif
}

static void NAME(exp)(const float *in, float *out, size_t count) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    F16 v;
    NAME(load)(&v, in + i);
    NAME(vector_exp)(&v);
    NAME(store)(out + i, &v);
  }
  if (i < count) {
    F16 v = {};
    memcpy(&v, in + i, (count - i) * sizeof(float));
    NAME(vector_exp)(&v);
    memcpy(out + i, &v, (count - i) * sizeof(float));
  }
}

static float NAME(maximum)(const float *x, size_t count) {
  F16 best = (F16){} - __builtin_inff();
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    F16 v;
    NAME(load)(&v, x + i);
    best = NAME(larger)(v, best);
  }
  FOLD(best, LARGER);
  float result = best[0];
  for (; i < count; i++) result = x[i] > result ? x[i] : result;
  return result;
}

// x[j] = e^(x[j] - maximum) where `write`; gives the sum of them either way.
static float NAME(exp_sum)(float *x, size_t count, float maximum, int write) {
  F16 sum = {};
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    F16 v;
    NAME(load)(&v, x + i);
    v = v - maximum;
    NAME(vector_exp)(&v);
    sum = sum + v;
    if (write) NAME(store)(x + i, &v);
  }
  if (i < count) {
    // Lanes past the end become e^-infinity = 0.
    F16 v = (F16){} - __builtin_inff();
    memcpy(&v, x + i, (count - i) * sizeof(float));
    v = v - maximum;
    NAME(vector_exp)(&v);
    sum = sum + v;
    if (write) memcpy(x + i, &v, (count - i) * sizeof(float));
  }
  float result = NAME(total)(&sum);
  return result;
}

static double NAME(cross_entropy)(float *logits, const uint32_t *targets, size_t rows,
                                  size_t columns, float scale, int write_gradient) {
  double loss = 0;
  for (size_t row = 0; row < rows; row++) {
    float *x = logits + row * columns;
    const float maximum = NAME(maximum)(x, columns);
    const float at_target = x[targets[row]];
    const float sum = NAME(exp_sum)(x, columns, maximum, write_gradient);
    loss += log((double)sum) + (double)maximum - (double)at_target;
    if (write_gradient) {
      const float factor = scale / sum;
      size_t i = 0;
      for (; i + LANES <= columns; i += LANES) {
        F16 v;
        NAME(load)(&v, x + i);
        v = v * factor;
        NAME(store)(x + i, &v);
      }
      for (; i < columns; i++) x[i] *= factor;
      x[targets[row]] -= scale;
    }
  }
  return loss;
}

static void NAME(axpy)(float *y, float a, const float *x, size_t count) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    F16 v, w;
    NAME(load)(&v, x + i);
    NAME(load)(&w, y + i);
    w = w + a * v;
    NAME(store)(y + i, &w);
  }
  for (; i < count; i++) y[i] += a * x[i];
}

static void NAME(approach)(float *y, const float *x, float kept, size_t count) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    F16 v, w;
    NAME(load)(&v, x + i);
    NAME(load)(&w, y + i);
    w = v + kept * (w - v);
    NAME(store)(y + i, &w);
  }
  for (; i < count; i++) y[i] = x[i] + kept * (y[i] - x[i]);
}

static float NAME(dot)(const float *x, const float *y, size_t count) {
  F16 sum = {};
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    F16 v, w;
    NAME(load)(&v, x + i);
    NAME(load)(&w, y + i);
    sum = sum + v * w;
  }
  float result = NAME(total)(&sum);
  for (; i < count; i++) result += x[i] * y[i];
  return result;
}

static double NAME(sum_of_squares)(const float *x, size_t count) {
  D16 sum = {};
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    F16 v;
    NAME(load)(&v, x + i);
    const D16 d = __builtin_convertvector(v, D16);
    sum = sum + d * d;
  }
  double result = 0;
  for (size_t lane = 0; lane < LANES; lane++) result += sum[lane];
  for (; i < count; i++) result += (double)x[i] * (double)x[i];
  return result;
}

static inline void NAME(adam_lanes)(F16 *p, const F16 *gradient, F16 *m, F16 *v,
                                    const struct minilm_adam *s) {
  const F16 g = *gradient * s->gradient_scale + *p * s->coupled_decay;
  *m = *m + (g - *m) * s->complement1;
  *v = *v * s->beta2 + (g * g) * s->complement2;
  const F16 root = __builtin_elementwise_sqrt(*v) * s->root_correction + s->epsilon;
  *p = *p * (1.0f - s->decoupled_decay) - (*m * s->step_size) / root;
}

static void NAME(adam_step)(float *p, const float *gradient, float *m, float *v, size_t count,
                            const struct minilm_adam *s) {
  size_t i = 0;
  F16 a, b, c, d;
  for (; i + LANES <= count; i += LANES) {
    NAME(load)(&a, p + i);
    NAME(load)(&b, gradient + i);
    NAME(load)(&c, m + i);
    NAME(load)(&d, v + i);
    NAME(adam_lanes)(&a, &b, &c, &d, s);
    NAME(store)(p + i, &a);
    NAME(store)(m + i, &c);
    NAME(store)(v + i, &d);
  }
  if (i < count) {
    const size_t rest = (count - i) * sizeof(float);
    a = b = c = d = (F16){};
    memcpy(&a, p + i, rest);
    memcpy(&b, gradient + i, rest);
    memcpy(&c, m + i, rest);
    memcpy(&d, v + i, rest);
    NAME(adam_lanes)(&a, &b, &c, &d, s);
    memcpy(p + i, &a, rest);
    memcpy(m + i, &c, rest);
    memcpy(v + i, &d, rest);
  }
}

static void NAME(sgd_step)(float *p, const float *gradient, float *buffer, size_t count,
                           const struct minilm_sgd *s) {
  for (size_t i = 0; i < count; i++) {
    const float g = gradient[i] * s->gradient_scale + p[i] * s->decay;
    float direction = g;
    if (buffer) {
      buffer[i] = buffer[i] * s->momentum + g;
      direction = s->nesterov ? g + buffer[i] * s->momentum : buffer[i];
    }
    p[i] -= direction * s->rate;
  }
}
