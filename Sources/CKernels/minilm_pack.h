// Operands of products as the matrix unit takes them; included by minilm_products.c.
//
// A float x is h + m + l, exactly: h has the upper eight significant bits of x, rounded, m those of x - h,
// l the rest. |m| <= 2^-8 |x| and |l| <= 2^-16 |x|, so that of the nine products of two numbers' parts
// m·l, l·m and l·l are below 2^-23 of the whole and are left out.
//
// A tile is 16 rows of 16 pairs of bfloat16. For the left operand a row of the tile is a row of the matrix
// and the pairs run along k; for the right one a row is a pair of k and the pairs run along its columns.
// Which two k make a pair does not matter as long as both operands agree: k and k + 16, so that packing
// needs no shuffles.
//
// A unit is what one step along k reads of 32 rows (or columns): two halves of 16, three parts each.

enum {
  TILE_BYTES = 1024,
  PARTS = 3,
  UNIT_BYTES = 2 * PARTS * TILE_BYTES,
  STEP = 32,      // k of a unit
  PANEL = 32,     // rows of a left unit, columns of a right one: lines
  LARGEST_DEPTH = 384,  // k of a panel
  PANEL_BYTES = LARGEST_DEPTH / STEP * UNIT_BYTES,
};

// Row `row` of the three tiles at `out`: pairs of x and y.
static inline void pack_row(const __m512 *x, const __m512 *y, char *out, size_t row) {
  const __m512i half = _mm512_set1_epi32(0x8000);
  const __m512i upper = _mm512_set1_epi32((int)0xFFFF0000);
  __m512 rest_x = *x, rest_y = *y;
  for (int part = 0; part < PARTS; part++) {
    __m512i high_x = _mm512_castps_si512(rest_x), high_y = _mm512_castps_si512(rest_y);
    // The last part is exact as it is; adding to it could carry a NaN away.
    if (part < PARTS - 1) {
      high_x = _mm512_and_si512(_mm512_add_epi32(high_x, half), upper);
      high_y = _mm512_and_si512(_mm512_add_epi32(high_y, half), upper);
      rest_x = _mm512_sub_ps(rest_x, _mm512_castsi512_ps(high_x));
      rest_y = _mm512_sub_ps(rest_y, _mm512_castsi512_ps(high_y));
    }
    // The upper half of x below that of y: 0xF8 is (a & b) | c.
    const __m512i pair =
        _mm512_ternarylogic_epi32(high_y, upper, _mm512_srli_epi32(high_x, 16), 0xEA);
    _mm512_store_si512(out + part * TILE_BYTES + row * 64, pair);
  }
}

// Packing of one panel, a quarter of a half unit at a time, so that it can be done beside products: lines
// `first` ... (rows of the left operand, columns of the right one) and k `start` ..< `end`.
struct packing {
  const float *base;  // of the first line and k
  size_t stride;
  int transposed;  // whether the pairs run across the rows in memory
  int k_is_inner;  // whether k runs along them
  size_t lines, end;  // how many lines, at most PANEL, and k
  char *out;
  size_t done, total;  // quarters
  size_t k, half, row;  // of the next quarter
};

static size_t panels_of(size_t count) { return (count + 31) / 32; }

// How k is cut: evenly, into blocks of at most LARGEST_DEPTH and, but for the last, of whole units.
static size_t depth_of_blocks(size_t k) {
  const size_t blocks = (k + LARGEST_DEPTH - 1) / LARGEST_DEPTH;
  return blocks == 0 ? STEP : panels_of((k + blocks - 1) / blocks) * STEP;
}

// Of `count` lines in all; `start` and `end` as above.
static void begin_packing(struct packing *p, const struct minilm_operand *operand, int is_left,
                          size_t first, size_t count, size_t start, size_t end, char *out) {
  const int k_is_inner = is_left != (operand->transposed != 0);
  const size_t stride = operand->stride;
  *p = (struct packing){
      .base = operand->base + (k_is_inner ? first * stride + start : start * stride + first),
      .stride = stride,
      .transposed = operand->transposed,
      .k_is_inner = k_is_inner,
      .lines = count - first < PANEL ? count - first : PANEL,
      .end = end - start,
      .out = out,
  };
  p->total = panels_of(p->end) * 4 * ((p->lines + 15) / 16);
}

static inline __mmask16 lanes(size_t count, size_t start) {
  return count >= start + 16 ? 0xFFFF : count > start ? (__mmask16)((1u << (count - start)) - 1) : 0;
}

// out[j] = column `first` + j of 16 rows at `p`, of which `rows` are there, j < 4.
static inline void transpose(const float *p, size_t stride, size_t first, size_t rows,
                             size_t columns, __m512 *out) {
  __m512 r[4];
  p += first;
  // Lane i of r[j] holds four elements of row 4i + j.
  if (rows >= 16 && columns >= first + 4) {
    for (size_t j = 0; j < 4; j++) {
      const float *q = p + j * stride;
      __m512 v = _mm512_castps128_ps512(_mm_loadu_ps(q));
      v = _mm512_mask_broadcast_f32x4(v, 0x00F0, _mm_loadu_ps(q + 4 * stride));
      v = _mm512_mask_broadcast_f32x4(v, 0x0F00, _mm_loadu_ps(q + 8 * stride));
      r[j] = _mm512_mask_broadcast_f32x4(v, 0xF000, _mm_loadu_ps(q + 12 * stride));
    }
  } else {
    const __mmask8 mask = (__mmask8)(lanes(columns, first) & 15);
    float edge[4][16];
    for (size_t row = 0; row < 16; row++) {
      const __m128 v = _mm_maskz_loadu_ps(row < rows ? mask : 0, p + row * stride);
      _mm_storeu_ps(edge[row % 4] + row / 4 * 4, v);
    }
    for (size_t j = 0; j < 4; j++) r[j] = _mm512_loadu_ps(edge[j]);
  }
  const __m512d a = _mm512_castps_pd(_mm512_unpacklo_ps(r[0], r[1]));
  const __m512d b = _mm512_castps_pd(_mm512_unpackhi_ps(r[0], r[1]));
  const __m512d c = _mm512_castps_pd(_mm512_unpacklo_ps(r[2], r[3]));
  const __m512d d = _mm512_castps_pd(_mm512_unpackhi_ps(r[2], r[3]));
  out[0] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
  out[1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
  out[2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
  out[3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
}

static inline size_t rest_of(size_t count, size_t start) { return count > start ? count - start : 0; }

// Four rows of the three tiles of a half unit.
static void pack_quarter(struct packing *p) {
  const size_t stride = p->stride, k = p->k, line = p->half * 16, first = p->row;
  char *const out = p->out + k / STEP * UNIT_BYTES + p->half * PARTS * TILE_BYTES;
  p->done++;
  p->row = (first + 4) % 16;
  if (p->row == 0) {
    p->half = !p->half && p->lines > 16;
    if (!p->half) p->k = k + STEP;
  }
  // The pairs are x and y: two blocks of 16 by 16, one 16 k after the other.
  const float *const x = p->base + (p->k_is_inner ? line * stride + k : k * stride + line);
  const float *const y = x + (p->k_is_inner ? 16 : 16 * stride);
  const size_t lines = p->lines - line;
  const size_t x_k = rest_of(p->end, k), y_k = rest_of(p->end, k + 16);
  const size_t x_rows = p->k_is_inner ? lines : x_k, x_columns = p->k_is_inner ? x_k : lines;
  const size_t y_rows = p->k_is_inner ? lines : y_k, y_columns = p->k_is_inner ? y_k : lines;
  if (p->transposed) {
    __m512 u[4], v[4];
    transpose(x, stride, first, x_rows, x_columns, u);
    transpose(y, stride, first, y_rows, y_columns, v);
    for (size_t j = 0; j < 4; j++) pack_row(u + j, v + j, out, first + j);
    return;
  }
  if (lines >= 16 && y_k >= 16) {
    for (size_t row = first; row < first + 4; row++) {
      const __m512 u = _mm512_loadu_ps(x + row * stride), v = _mm512_loadu_ps(y + row * stride);
      pack_row(&u, &v, out, row);
    }
    return;
  }
  const __mmask16 x_mask = lanes(x_columns, 0), y_mask = lanes(y_columns, 0);
  for (size_t row = first; row < first + 4; row++) {
    const __m512 u = _mm512_maskz_loadu_ps(row < x_rows ? x_mask : 0, x + row * stride);
    const __m512 v = _mm512_maskz_loadu_ps(row < y_rows ? y_mask : 0, y + row * stride);
    pack_row(&u, &v, out, row);
  }
}

static void finish_packing(struct packing *p) {
  while (p->done < p->total) pack_quarter(p);
}
