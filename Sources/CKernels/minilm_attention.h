// Products of attention, where one operand or the result is a triangle; included after minilm_layers.h for
// each level, with LANES and F16 as there and BLOCK_ROWS and BLOCK_VECTORS, the registers' share of C.

// C, BLOCK_ROWS by BLOCK_VECTORS vectors, = or += rows of A times k `first` ..< `last` of B.
static inline void NAME(product_block)(const struct minilm_small_product *s, const float *a,
                                       const float *b, float *c, size_t first, size_t last) {
  F16 sums[BLOCK_ROWS][BLOCK_VECTORS];
  for (size_t i = 0; i < BLOCK_ROWS; i++) {
    for (size_t j = 0; j < BLOCK_VECTORS; j++) {
      sums[i][j] = (F16){};
      if (s->add) NAME(load)(&sums[i][j], c + i * s->c_stride + j * LANES);
    }
  }
  for (size_t k = first; k < last; k++) {
    F16 row[BLOCK_VECTORS];
    for (size_t j = 0; j < BLOCK_VECTORS; j++) NAME(load)(&row[j], b + k * s->b_stride + j * LANES);
    for (size_t i = 0; i < BLOCK_ROWS; i++) {
      const float factor = a[i * s->a_row + k * s->a_k];
      for (size_t j = 0; j < BLOCK_VECTORS; j++) sums[i][j] = sums[i][j] + row[j] * factor;
    }
  }
  for (size_t i = 0; i < BLOCK_ROWS; i++) {
    for (size_t j = 0; j < BLOCK_VECTORS; j++) NAME(store)(c + i * s->c_stride + j * LANES, &sums[i][j]);
  }
}

// The same for what is left at the edges.
static void NAME(product_edge)(const struct minilm_small_product *s, const float *a,
                               const float *b, float *c, size_t rows, size_t columns,
                               size_t first, size_t last) {
  for (size_t i = 0; i < rows; i++) {
    if (!s->add) memset(c + i * s->c_stride, 0, columns * sizeof(float));
    for (size_t k = first; k < last; k++) {
      NAME(axpy)(c + i * s->c_stride, a[i * s->a_row + k * s->a_k], b + k * s->b_stride, columns);
    }
  }
}

static void NAME(small_product)(const struct minilm_small_product *s) {
  const size_t width = BLOCK_VECTORS * LANES;
  for (size_t i = 0; i < s->m; i += BLOCK_ROWS) {
    const size_t rows = s->m - i < BLOCK_ROWS ? s->m - i : BLOCK_ROWS;
    const size_t first = s->shape == MINILM_UPPER_A ? i : 0;
    const size_t last = s->shape == MINILM_LOWER_A && i + rows < s->k ? i + rows : s->k;
    const size_t columns = s->shape == MINILM_LOWER_C && i + rows < s->n ? i + rows : s->n;
    const float *a = s->a + i * s->a_row;
    float *c = s->c + i * s->c_stride;
    size_t j = 0;
    // A whole block may go beyond the diagonal, not beyond the matrix.
    for (; rows == BLOCK_ROWS && j < columns && j + width <= s->n; j += width) {
      NAME(product_block)(s, a, s->b + j, c + j, first, last);
    }
    if (j < columns) {
      NAME(product_edge)(s, a, s->b + j, c + j, rows, columns - j, first, last);
    }
  }
}

// y (columns, rows) from x (rows, columns), four by four where there are as many.
static void NAME(transpose)(const float *x, size_t stride, size_t rows, size_t columns, float *y,
                            size_t y_stride) {
  typedef float NAME(f4) __attribute__((vector_size(16)));
  size_t i = 0;
  for (; i + 4 <= rows; i += 4) {
    size_t j = 0;
    for (; j + 4 <= columns; j += 4) {
      NAME(f4) r[4];
      for (size_t k = 0; k < 4; k++) memcpy(&r[k], x + (i + k) * stride + j, sizeof r[k]);
      const NAME(f4) a = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5);
      const NAME(f4) b = __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7);
      const NAME(f4) c = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5);
      const NAME(f4) d = __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
      r[0] = __builtin_shufflevector(a, c, 0, 1, 4, 5);
      r[1] = __builtin_shufflevector(a, c, 2, 3, 6, 7);
      r[2] = __builtin_shufflevector(b, d, 0, 1, 4, 5);
      r[3] = __builtin_shufflevector(b, d, 2, 3, 6, 7);
      for (size_t k = 0; k < 4; k++) memcpy(y + (j + k) * y_stride + i, &r[k], sizeof r[k]);
    }
    for (; j < columns; j++) {
      for (size_t k = 0; k < 4; k++) y[j * y_stride + i + k] = x[(i + k) * stride + j];
    }
  }
  for (; i < rows; i++) {
    for (size_t j = 0; j < columns; j++) y[j * y_stride + i] = x[i * stride + j];
  }
}

#undef F16
#undef I16
#undef D16
#undef LANES
#undef FOLD
#undef ADD
#undef LARGER
#undef BLOCK_ROWS
#undef BLOCK_VECTORS
