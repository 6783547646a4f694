// Attention of one new position to those in a cache; part of minilm_kernels.c, once for each level.

// scores (n) = q (d)·keys (d, n), whose rows are `stride` >= n apart; whole vectors are written, of which what lies
// beyond n is anything.
static inline void NAME(key_scores)(const float *q, const float *keys, size_t d, size_t n,
                                    size_t stride, float *scores) {
  size_t j = 0;
  for (; j + 4 * LANES <= n; j += 4 * LANES) {
    F16 sum[4] = {}, v;
    for (size_t i = 0; i < d; i++) {
      for (size_t k = 0; k < 4; k++) {
        NAME(load)(&v, keys + i * stride + j + k * LANES);
        sum[k] = sum[k] + v * q[i];
      }
    }
    for (size_t k = 0; k < 4; k++) NAME(store)(scores + j + k * LANES, &sum[k]);
  }
  for (; j < n; j += LANES) {
    // Two chains: one addition need not wait for the other.
    F16 sum = {}, other = {}, v = {}, w = {};
    size_t i = 0;
    if (j + LANES <= stride) {
      for (; i + 2 <= d; i += 2) {
        NAME(load)(&v, keys + i * stride + j);
        NAME(load)(&w, keys + (i + 1) * stride + j);
        sum = sum + v * q[i];
        other = other + w * q[i + 1];
      }
      for (; i < d; i++) {
        NAME(load)(&v, keys + i * stride + j);
        sum = sum + v * q[i];
      }
    } else {
      const size_t rest = (stride - j) * sizeof(float);
      for (; i < d; i++) {
        memcpy(&v, keys + i * stride + j, rest);
        sum = sum + v * q[i];
      }
    }
    sum = sum + other;
    NAME(store)(scores + j, &sum);
  }
}

// The weights e^(scale·(score - largest)), not yet divided by their sum, which is returned.
static inline float NAME(score_weights)(float *scores, size_t n, float scale) {
  const I16 lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  F16 best = (F16){} - __builtin_inff(), v;
  for (size_t j = 0; j < n; j += LANES) {
    NAME(load)(&v, scores + j);
    const I16 inside = lanes < (int32_t)(n - j < LANES ? n - j : LANES);
    const F16 nothing = (F16){} - __builtin_inff();
    v = (F16)(((I16)(v * scale) & inside) | ((I16)nothing & ~inside));
    NAME(store)(scores + j, &v);
    best = NAME(larger)(v, best);
  }
  FOLD(best, LARGER);
  const float maximum = best[0];
  F16 sum = {};
  for (size_t j = 0; j < n; j += LANES) {
    NAME(load)(&v, scores + j);
    v = v - maximum;
    NAME(vector_exp)(&v);
    sum = sum + v;
    NAME(store)(scores + j, &v);
  }
  return NAME(total)(&sum);
}

// y (d) = weights (n)·values (n, d) / sum.
static inline void NAME(weighted_values)(const float *weights, const float *values, size_t n,
                                         size_t d, float sum, float *y) {
  const float factor = 1.0f / sum;
  size_t i = 0;
  for (; i + LANES <= d; i += LANES) {
    F16 total[4] = {}, v;
    size_t j = 0;
    for (; j + 4 <= n; j += 4) {
      for (size_t k = 0; k < 4; k++) {
        NAME(load)(&v, values + (j + k) * d + i);
        total[k] = total[k] + v * weights[j + k];
      }
    }
    for (; j < n; j++) {
      NAME(load)(&v, values + j * d + i);
      total[0] = total[0] + v * weights[j];
    }
    v = ((total[0] + total[1]) + (total[2] + total[3])) * factor;
    NAME(store)(y + i, &v);
  }
  for (; i < d; i++) {
    float total = 0;
    for (size_t j = 0; j < n; j++) total += weights[j] * values[j * d + i];
    y[i] = total * factor;
  }
}

static void NAME(attend)(const struct minilm_attend *a) {
  const size_t c = a->heads * a->head_width, d = a->head_width, t = a->length;
  const size_t n = a->position + 1;
  for (size_t head = 0; head < a->heads; head++) {
    float *keys = a->keys + head * d * t, *values = a->values + head * d * t;
    const float *q = a->qkv + head * d;
    for (size_t i = 0; i < d; i++) keys[i * t + a->position] = q[c + i];
    memcpy(values + a->position * d, q + 2 * c, d * sizeof(float));
    NAME(key_scores)(q, keys, d, n, t, a->scores);
    const float sum = NAME(score_weights)(a->scores, n, a->scale);
    NAME(weighted_values)(a->scores, values, n, d, sum, a->y + head * d);
  }
}
