// Layers of a transformer between its products: the rest of the body of the kernels, included after
// minilm_body.h for each level.

// 1 / (1 + p|z|) and the polynomial of Abramowitz and Stegun 7.1.26, z = x / sqrt(2): with
// e = exp(-x^2 / 2) the normal distribution is 0.5 * poly * e at -|x|. e gives the density as well.
static inline void NAME(gelu)(F16 *y, F16 *derivative, const F16 *input) {
  const F16 x = *input;
  const F16 magnitude = (F16)((I16)x & 0x7FFFFFFF);
  F16 e = x * x * -0.5f;
  NAME(vector_exp)(&e);
  const F16 t = RECIPROCAL(1.0f + magnitude * (0.3275911f * 0.70710678f));
  F16 poly = t * 1.061405429f - 1.453152027f;
  poly = poly * t + 1.421413741f;
  poly = poly * t - 0.284496736f;
  poly = poly * t + 0.254829592f;
  const F16 tail = poly * t * e * 0.5f;
  const I16 positive = x > 0.0f;
  const F16 upper = 1.0f - tail;
  const F16 phi = (F16)(((I16)upper & positive) | ((I16)tail & ~positive));
  *y = x * phi;
  *derivative = phi + x * e * 0.39894228f;
}

static inline void NAME(gelu_tanh)(F16 *y, F16 *derivative, const F16 *input) {
  const F16 x = *input;
  const F16 square = x * x;
  // tanh u = 1 - 2 / (e^2u + 1).
  F16 e = x * (1.0f + square * 0.044715f) * (2.0f * 0.79788456f);
  NAME(vector_exp)(&e);
  const F16 tanh_u = 1.0f - 2.0f / (e + 1.0f);
  const F16 half = 0.5f + tanh_u * 0.5f;
  *y = x * half;
  *derivative = half + x * (1.0f - tanh_u * tanh_u) * (1.0f + square * (3 * 0.044715f)) *
                           (0.5f * 0.79788456f);
}

static inline void NAME(relu)(F16 *y, F16 *derivative, const F16 *input) {
  const I16 positive = *input > 0.0f;
  const F16 one = (F16){} + 1.0f;
  *y = (F16)((I16)*input & positive);
  *derivative = (F16)((I16)one & positive);
}

static inline void NAME(apply)(int kind, F16 *y, F16 *derivative, const F16 *x) {
  switch (kind) {
    case MINILM_GELU: NAME(gelu)(y, derivative, x); break;
    case MINILM_GELU_TANH: NAME(gelu_tanh)(y, derivative, x); break;
    default: NAME(relu)(y, derivative, x); break;
  }
}

static void NAME(activation)(int kind, float *x, const float *bias, float *y, size_t rows,
                             size_t columns, int derivative) {
  // Without a bias all rows are one.
  if (!bias) {
    columns *= rows;
    rows = 1;
  }
  for (size_t row = 0; row < rows; row++, x += columns, y += columns) {
    size_t i = 0;
    F16 v, b, f, d;
    for (; i + LANES <= columns; i += LANES) {
      NAME(load)(&v, x + i);
      if (bias) {
        NAME(load)(&b, bias + i);
        v = v + b;
      }
      NAME(apply)(kind, &f, &d, &v);
      NAME(store)(y + i, &f);
      if (derivative) NAME(store)(x + i, &d);
    }
    if (i < columns) {
      const size_t rest = (columns - i) * sizeof(float);
      v = b = (F16){};
      memcpy(&v, x + i, rest);
      if (bias) memcpy(&b, bias + i, rest);
      v = v + b;
      NAME(apply)(kind, &f, &d, &v);
      memcpy(y + i, &f, rest);
      if (derivative) memcpy(x + i, &d, rest);
    }
  }
}

static void NAME(layer_norm)(const float *x, size_t rows, size_t columns, const float *gain,
                             const float *bias, float epsilon, float *normalized, float *inverse,
                             float *y) {
  for (size_t row = 0; row < rows; row++) {
    F16 v, w, sum = {}, squares = {};
    size_t i = 0;
    for (; i + LANES <= columns; i += LANES) {
      NAME(load)(&v, x + i);
      sum = sum + v;
    }
    float mean = NAME(total)(&sum);
    for (; i < columns; i++) mean += x[i];
    mean /= (float)columns;
    for (i = 0; i + LANES <= columns; i += LANES) {
      NAME(load)(&v, x + i);
      v = v - mean;
      squares = squares + v * v;
    }
    float variance = NAME(total)(&squares);
    for (; i < columns; i++) variance += (x[i] - mean) * (x[i] - mean);
    const float factor = 1.0f / sqrtf(variance / (float)columns + epsilon);
    for (i = 0; i + LANES <= columns; i += LANES) {
      NAME(load)(&v, x + i);
      v = (v - mean) * factor;
      if (normalized) NAME(store)(normalized + i, &v);
      NAME(load)(&w, gain + i);
      v = v * w;
      if (bias) {
        NAME(load)(&w, bias + i);
        v = v + w;
      }
      NAME(store)(y + i, &v);
    }
    for (; i < columns; i++) {
      const float n = (x[i] - mean) * factor;
      if (normalized) normalized[i] = n;
      y[i] = n * gain[i] + (bias ? bias[i] : 0);
    }
    if (inverse) inverse[row] = factor;
    if (normalized) normalized += columns;
    x += columns;
    y += columns;
  }
}

// With n the normalized row and g = dy * gain: dx = inverse * (g - mean(g) - n * mean(g * n)).
static void NAME(layer_norm_backward)(const float *dy, const float *normalized,
                                      const float *inverse, size_t rows, size_t columns,
                                      const float *gain, float *dgain, float *dbias, float *dx,
                                      int add) {
  for (size_t row = 0; row < rows; row++) {
    F16 g, n, w, sum = {}, products = {};
    size_t i = 0;
    for (; i + LANES <= columns; i += LANES) {
      NAME(load)(&g, dy + i);
      NAME(load)(&n, normalized + i);
      NAME(load)(&w, dgain + i);
      w = w + g * n;
      NAME(store)(dgain + i, &w);
      if (dbias) {
        NAME(load)(&w, dbias + i);
        w = w + g;
        NAME(store)(dbias + i, &w);
      }
      NAME(load)(&w, gain + i);
      g = g * w;
      sum = sum + g;
      products = products + g * n;
    }
    float mean = NAME(total)(&sum), product = NAME(total)(&products);
    for (; i < columns; i++) {
      dgain[i] += dy[i] * normalized[i];
      if (dbias) dbias[i] += dy[i];
      mean += dy[i] * gain[i];
      product += dy[i] * gain[i] * normalized[i];
    }
    mean /= (float)columns;
    product /= (float)columns;
    const float factor = inverse[row];
    for (i = 0; i + LANES <= columns; i += LANES) {
      NAME(load)(&g, dy + i);
      NAME(load)(&n, normalized + i);
      NAME(load)(&w, gain + i);
      g = (g * w - mean - n * product) * factor;
      if (add) {
        NAME(load)(&w, dx + i);
        g = g + w;
      }
      NAME(store)(dx + i, &g);
    }
    for (; i < columns; i++) {
      const float value = (dy[i] * gain[i] - mean - normalized[i] * product) * factor;
      dx[i] = add ? dx[i] + value : value;
    }
    dy += columns;
    dx += columns;
    normalized += columns;
  }
}

static void NAME(causal_softmax)(float *x, size_t rows, size_t columns, size_t stride,
                                 size_t first, float scale) {
  const I16 lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  for (size_t row = 0; row < rows; row++, x += stride) {
    const size_t count = first + row + 1;
    // Up to the next whole vector as long as that is inside the row.
    const size_t rounded = (count + LANES - 1) / LANES * LANES;
    F16 v, best = (F16){} - __builtin_inff(), sum = {};
    size_t i = 0;
    if (rounded <= columns) {
      const F16 low = best;
      NAME(load)(&v, x + rounded - LANES);
      const I16 inside = lanes < (int32_t)(count + LANES - rounded);
      v = (F16)(((I16)v & inside) | ((I16)low & ~inside));
      NAME(store)(x + rounded - LANES, &v);
      for (; i < rounded; i += LANES) {
        NAME(load)(&v, x + i);
        best = NAME(larger)(v, best);
      }
      FOLD(best, LARGER);
      const float maximum = best[0] * scale;
      for (i = 0; i < rounded; i += LANES) {
        NAME(load)(&v, x + i);
        v = v * scale - maximum;
        NAME(vector_exp)(&v);
        sum = sum + v;
        NAME(store)(x + i, &v);
      }
    } else {
      const float maximum = NAME(maximum)(x, count) * scale;
      for (; i < count; i++) x[i] = x[i] * scale - maximum;
      NAME(exp)(x, x, count);
      for (i = 0; i < count; i++) sum[i % LANES] += x[i];
    }
    const float factor = 1.0f / NAME(total)(&sum);
    for (i = 0; i + LANES <= columns; i += LANES) {
      if (i < count) {
        NAME(load)(&v, x + i);
        v = v * factor;
      } else {
        v = (F16){};
      }
      NAME(store)(x + i, &v);
    }
    for (; i < columns; i++) x[i] = i < count ? x[i] * factor : 0;
  }
}

static void NAME(causal_softmax_backward)(const float *p, float *dp, size_t rows, size_t columns,
                                          size_t stride, size_t first, float scale) {
  for (size_t row = 0; row < rows; row++, p += stride, dp += stride) {
    const size_t count = first + row + 1;
    // Beyond the diagonal p is 0 and dp anything: it is made 0 first, as it may be a NaN.
    size_t i = count;
    for (; i < columns && i % LANES != 0; i++) dp[i] = 0;
    const size_t rounded = i;
    const float product = NAME(dot)(p, dp, rounded);
    F16 v, w;
    for (i = 0; i + LANES <= columns; i += LANES) {
      w = (F16){};
      if (i < rounded) {
        NAME(load)(&v, p + i);
        NAME(load)(&w, dp + i);
        w = (w - product) * v * scale;
      }
      NAME(store)(dp + i, &w);
    }
    for (; i < columns; i++) dp[i] = i < rounded ? (dp[i] - product) * p[i] * scale : 0;
  }
}

static void NAME(multiply)(float *y, const float *x, size_t count) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    F16 v, w;
    NAME(load)(&v, x + i);
    NAME(load)(&w, y + i);
    w = w * v;
    NAME(store)(y + i, &w);
  }
  for (; i < count; i++) y[i] *= x[i];
}

static void NAME(column_sums)(const float *x, size_t rows, size_t columns, float *sums) {
  size_t j = 0;
  for (; j + LANES <= columns; j += LANES) {
    F16 v, sum;
    NAME(load)(&sum, sums + j);
    for (size_t row = 0; row < rows; row++) {
      NAME(load)(&v, x + row * columns + j);
      sum = sum + v;
    }
    NAME(store)(sums + j, &sum);
  }
  for (; j < columns; j++) {
    for (size_t row = 0; row < rows; row++) sums[j] += x[row * columns + j];
  }
}

// Products of a few rows of x, each by itself: what y is for one row does not depend on how many there are, so
// that texts sampled side by side are those sampled alone.

// Eight rows of W at a time: each is read in order, and y is passed over once for all of them. What was read
// serves every row of x.
static inline __attribute__((always_inline)) void NAME(vectors_matrix_body)(
    const float *x, size_t x_stride, size_t count, const float *w, size_t stride, const float *bias,
    float *y, size_t y_stride, size_t inputs, size_t outputs) {
  for (size_t n = 0; n < count; n++) {
    if (bias) {
      memcpy(y + n * y_stride, bias, outputs * sizeof(float));
    } else {
      memset(y + n * y_stride, 0, outputs * sizeof(float));
    }
  }
  size_t i = 0;
  for (; i + 8 <= inputs; i += 8) {
    const float *row = w + i * stride;
    size_t j = 0;
    for (; j + LANES <= outputs; j += LANES) {
      F16 v[8];
      for (size_t k = 0; k < 8; k++) NAME(load)(&v[k], row + k * stride + j);
      for (size_t n = 0; n < count; n++) {
        const float *a = x + n * x_stride + i;
        F16 sum, other = {};
        NAME(load)(&sum, y + n * y_stride + j);
        for (size_t k = 0; k < 8; k += 2) {
          sum = sum + v[k] * a[k];
          other = other + v[k + 1] * a[k + 1];
        }
        sum = sum + other;
        NAME(store)(y + n * y_stride + j, &sum);
      }
    }
    for (; j < outputs; j++) {
      for (size_t n = 0; n < count; n++) {
        const float *a = x + n * x_stride + i;
        for (size_t k = 0; k < 8; k++) y[n * y_stride + j] += a[k] * row[k * stride + j];
      }
    }
  }
  for (; i < inputs; i++) {
    for (size_t n = 0; n < count; n++) {
      NAME(axpy)(y + n * y_stride, x[n * x_stride + i], w + i * stride, outputs);
    }
  }
}

static void NAME(vectors_matrix)(const float *x, size_t x_stride, size_t count, const float *w,
                                 size_t stride, const float *bias, float *y, size_t y_stride,
                                 size_t inputs, size_t outputs) {
  // One row without loops over rows.
  if (count == 1) {
    NAME(vectors_matrix_body)(x, x_stride, 1, w, stride, bias, y, y_stride, inputs, outputs);
  } else {
    NAME(vectors_matrix_body)(x, x_stride, count, w, stride, bias, y, y_stride, inputs, outputs);
  }
}

static void NAME(matrix_vectors)(const float *w, const float *x, size_t x_stride, size_t count,
                                 float *y, size_t y_stride, size_t outputs, size_t inputs) {
  for (size_t i = 0; i < outputs; i++) {
    for (size_t n = 0; n < count; n++) {
      y[n * y_stride + i] = NAME(dot)(w + i * inputs, x + n * x_stride, inputs);
    }
  }
}

static void NAME(drop)(float *y, const float *x, size_t count, const struct minilm_dropout *s,
                       int add) {
  const I16 lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  typedef uint32_t NAME(u16) __attribute__((vector_size(64)));
  for (size_t i = 0; i < count; i += LANES) {
    const size_t n = count - i < LANES ? count - i : LANES;
    // Three multiplications of a counter, as the last steps of MurmurHash3.
    NAME(u16) h = (NAME(u16))lanes + (uint32_t)i;
    h = (h ^ (uint32_t)s->key) * 0x9E3779B1u;
    h = (h ^ (h >> 16)) + (uint32_t)(s->key >> 32);
    h = h * 0x85EBCA6Bu;
    h = (h ^ (h >> 13)) * 0xC2B2AE35u;
    h = (h ^ (h >> 16)) >> 8;
    const I16 stays = (I16)h >= (int32_t)s->threshold;
    F16 v = {}, w = {};
    memcpy(&v, x + i, n * sizeof(float));
    v = (F16)((I16)(v * s->scale) & stays);
    if (add) {
      memcpy(&w, y + i, n * sizeof(float));
      v = v + w;
    }
    memcpy(y + i, &v, n * sizeof(float));
  }
}
