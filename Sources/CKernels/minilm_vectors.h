// Products of float matrices by multiply-adds of vectors; part of minilm_vectors.c, once for each kind of them,
// with NAME(), LANES, ROWS and VECTORS (a block of C whose sums are held in registers: ROWS by VECTORS vectors)
// and VECTOR, MASK and what is done with them. NAME(), PAIRED and MULTIPLY_ADD end with it.
//
// Operands are made of elements of 32 bits, each of them STEP k: a float, or with PAIRED two bfloat16.

#ifdef PAIRED
enum { NAME(step) = 2 };
#else
enum { NAME(step) = 1 };
#endif
enum { NAME(block_columns) = VECTORS * LANES };

// How many elements `k` k are.
static size_t NAME(elements)(size_t k) { return (k + NAME(step) - 1) / NAME(step); }

// A block of C, ROWS by `columns` at most, and what it is made of: `depth` elements of lines of A (floats where they
// lie, pairs packed), and of a panel of B, packed.
struct NAME(block) {
  const float *a;
  size_t a_row, a_k;
  const float *b;
  size_t b_stride, depth;
  float *c;
  size_t stride, columns;
  int add;
};

// `rows` and `vectors` are constants where it is called, so that all sums are registers.
//
// Elements of A are broadcast from memory: ROWS + VECTORS loads for ROWS·VECTORS multiply-adds leave the units that
// load half idle, and floats need no packed copy.
__attribute__((always_inline)) static inline void NAME(multiply_block)(
    const struct NAME(block) *s, const int rows, const int vectors) {
  VECTOR sums[ROWS][VECTORS];
  UNROLLED for (int i = 0; i < rows; i++) {
    UNROLLED for (int j = 0; j < vectors; j++) {
      sums[i][j] = ZERO;
      // C is read and written at the end only, and may be far away.
      __builtin_prefetch(s->c + (size_t)i * s->stride + (size_t)j * LANES, 1, 3);
    }
  }
  // Three rows to a pointer: an address has room for a distance or twice that.
  const float *lines[(ROWS + 2) / 3];
  UNROLLED for (int i = 0; i < (rows + 2) / 3; i++) lines[i] = s->a + (size_t)i * 3 * s->a_row;
  const size_t row = s->a_row, next = s->a_k;
  const float *b = s->b;
  for (size_t k = s->depth; k > 0; k--) {
    VECTOR v[VECTORS];
    UNROLLED for (int j = 0; j < vectors; j++) v[j] = LOAD(b + (size_t)j * LANES);
    b += s->b_stride;
    UNROLLED for (int i = 0; i < rows; i++) {
      const VECTOR factor = BROADCAST(lines[i / 3] + (size_t)(i % 3) * row);
      UNROLLED for (int j = 0; j < vectors; j++) {
        sums[i][j] = MULTIPLY_ADD(factor, v[j], sums[i][j]);
      }
    }
    UNROLLED for (int i = 0; i < (rows + 2) / 3; i++) lines[i] += next;
  }
  // Only the last vector of a row may be a part of one; with AVX2 storing parts is slow.
  const int last = vectors - 1;
  const size_t rest = s->columns - (size_t)last * LANES;
  const MASK mask = FIRST_LANES(rest);
  UNROLLED for (int i = 0; i < rows; i++) {
    float *c = s->c + (size_t)i * s->stride;
    if (s->add) {
      UNROLLED for (int j = 0; j < last; j++) sums[i][j] = PLUS(LOAD(c + j * LANES), sums[i][j]);
      sums[i][last] = PLUS(LOAD_SOME(c + last * LANES, mask), sums[i][last]);
    }
    UNROLLED for (int j = 0; j < last; j++) STORE(c + j * LANES, sums[i][j]);
    if (rest == LANES) {
      STORE(c + last * LANES, sums[i][last]);
    } else {
      STORE_SOME(c + last * LANES, mask, sums[i][last]);
    }
  }
}

static void NAME(multiply)(const struct NAME(block) *s, size_t rows) {
#define CASE(rows, vectors)                         \
  case rows * 4 + vectors:                          \
    NAME(multiply_block)(s, rows, vectors);         \
    break;
#if VECTORS == 3
#define CASES(rows) CASE(rows, 1) CASE(rows, 2) CASE(rows, 3)
#else
#define CASES(rows) CASE(rows, 1) CASE(rows, 2)
#endif
  switch (rows * 4 + (s->columns + LANES - 1) / LANES) {
    CASES(1) CASES(2) CASES(3) CASES(4) CASES(5) CASES(6)
#if ROWS == 8
    CASES(7) CASES(8)
#endif
  }
#undef CASES
#undef CASE
}

static size_t NAME(padded)(size_t n) { return (n + LANES - 1) / LANES * LANES; }

// B's columns are dealt to panels of VECTORS vectors at most, as evenly as can be: one vector alone would wait for
// loads.
static size_t NAME(panels)(size_t n) { return (n + NAME(block_columns) - 1) / NAME(block_columns); }

// Where panel `panel` begins; the last one ends at n.
static size_t NAME(panel_start)(size_t n, size_t panel) {
  const size_t vectors = NAME(padded)(n) / LANES, start = panel * vectors / NAME(panels)(n) * LANES;
  return start < n ? start : n;
}

// Columns `first` ..< `first + columns` of B, k `start` ..< `start + depth`: for each element along k whole vectors,
// with zeros past the last column.
static void NAME(pack_panel)(const struct minilm_operand *b, size_t first, size_t columns,
                             size_t start, size_t depth, float *out) {
  const size_t width = NAME(padded)(columns);
#ifdef PAIRED
  if (b->transposed) {
    float rows[NAME(block_columns) * LARGEST_DEPTH / 2];
    const size_t pairs = NAME(elements)(depth);
    pair_rows(b->base + first * b->stride + start, b->stride, columns, depth, rows);
    transpose_panel(rows, pairs, columns, pairs, out, width);
  } else {
    pair_lines(b->base + start * b->stride + first, b->stride, columns, depth, out);
  }
#else
  if (b->transposed) {
    transpose_panel(b->base + first * b->stride + start, b->stride, columns, depth, out, width);
    return;
  }
  const float *p = b->base + start * b->stride + first;
  const size_t whole = columns / LANES * LANES;
  const MASK mask = FIRST_LANES(columns - whole);
  for (size_t k = 0; k < depth; k++, p += b->stride, out += width) {
    for (size_t j = 0; j < whole; j += LANES) STORE(out + j, LOAD(p + j));
    if (whole < width) STORE(out + whole, LOAD_SOME(p + whole, mask));
  }
#endif
}

// Where the packed form of B has panel `panel` for k `start` ..< `start + depth`; `start` is a multiple of STEP.
static size_t NAME(panel_at)(size_t n, size_t panel, size_t start, size_t depth) {
  return NAME(elements)(start) * NAME(padded)(n) + NAME(panel_start)(n, panel) * NAME(elements)(depth);
}

static void NAME(pack)(const struct minilm_operand *b, size_t k, size_t n, size_t first,
                       size_t last, float *packed) {
  const size_t block = depth_of_block(k, NAME(step));
  for (size_t start = 0; start < k; start += block) {
    const size_t depth = k - start < block ? k - start : block;
    for (size_t panel = first; panel < last; panel++) {
      const size_t column = NAME(panel_start)(n, panel);
      NAME(pack_panel)(b, column, NAME(panel_start)(n, panel + 1) - column, start, depth,
                       packed + NAME(panel_at)(n, panel, start, depth));
    }
  }
}

// Rows `row` ..< `row + rows` of C, as far as `shape` wants them, of a panel that begins at column `column` and k `start`;
// `a` is their first element of A, `s` has the rest.
static void NAME(multiply_part)(const struct NAME(block) *s, const float *a, float *c, size_t row,
                                size_t rows, size_t column, size_t start, int shape) {
  struct NAME(block) part = *s;
  part.a = a;
  part.c = c;
  const size_t end = row + rows;
  if (shape == MINILM_LOWER_C) {
    if (column >= end) return;
    // Whole vectors of the panel, in which rows are as wide as before.
    if (end - column < s->columns) part.columns = NAME(padded)(end - column);
    if (part.columns > s->columns) part.columns = s->columns;
  } else if (shape == MINILM_LOWER_A) {
    const size_t wanted = end > start ? NAME(elements)(end - start) : 0;
    if (wanted < part.depth) part.depth = wanted;
  } else if (shape == MINILM_UPPER_A && row > start) {
    size_t passed = (row - start) / NAME(step);
    if (passed > part.depth) passed = part.depth;
    part.a += passed * s->a_k;
    part.b += passed * s->b_stride;
    part.depth -= passed;
  }
  NAME(multiply)(&part, rows);
}

// The product of k `start` ..< `start + depth` and of rows `first` ..< `last`: a panel of B is multiplied by all of
// them before the next one, and stays in the first or second level of cache. `lines` is A's first row and k.
static void NAME(multiply_rows)(struct NAME(block) *s, const float *lines,
                                const struct minilm_operand *b, const float *packed, float *c,
                                size_t first, size_t last, size_t n, size_t start, size_t depth,
                                int shape) {
  __attribute__((aligned(64))) float room[LARGEST_DEPTH / NAME(step) * NAME(block_columns)];
  const size_t rows = last - first, blocks = (rows + ROWS - 1) / ROWS;
  s->depth = NAME(elements)(depth);
  for (size_t panel = 0; panel < NAME(panels)(n); panel++) {
    const size_t column = NAME(panel_start)(n, panel);
    s->columns = NAME(panel_start)(n, panel + 1) - column;
    s->b_stride = NAME(padded)(s->columns);
    struct lines soon = {0};
    if (packed) {
      s->b = packed + NAME(panel_at)(n, panel, start, depth);
    } else {
      NAME(pack_panel)(b, column, s->columns, start, depth, room);
      s->b = room;
      // The next panel's part of B, which is packed after this one's products.
      const size_t next = NAME(panel_start)(n, panel + 1), end = NAME(panel_start)(n, panel + 2);
      if (next < n) soon = lines_of(b, next, end - next, start, depth, blocks);
    }
    for (size_t i = 0; i < blocks; i++) {
      fetch(&soon);
      // As even as can be, too.
      const size_t row = i * rows / blocks;
      NAME(multiply_part)(s, lines + row * s->a_row, c + (first + row) * s->stride + column,
                          first + row, (i + 1) * rows / blocks - row, column, start, shape);
    }
  }
}

static int NAME(product)(const struct minilm_operand *a, const struct minilm_operand *b,
                         const float *packed, float *c, size_t stride, size_t m, size_t n,
                         size_t k, int add, int shape) {
  const size_t block = depth_of_block(k, NAME(step));
  struct NAME(block) s = {.stride = stride};
#ifdef PAIRED
  float *const left = minilm_scratch(LEFT_BYTES);
  if (!left) return 0;
  // Whole vectors of rows, at least one: LEFT_BYTES are more than LARGEST_DEPTH k of them.
  const size_t room = LEFT_BYTES / sizeof(float) / NAME(elements)(block) / LANES * LANES;
  const size_t chunks = (m + room - 1) / room;
#endif
  for (size_t start = 0; start < k; start += block) {
    const size_t depth = k - start < block ? k - start : block;
    s.add = add || start > 0;
#ifdef PAIRED
    for (size_t chunk = 0; chunk < chunks; chunk++) {
      const size_t first = chunk * room, last = m - first < room ? m : first + room;
      const float *const p = a->base + (a->transposed ? start * a->stride + first : first * a->stride + start);
      if (a->transposed) {
        pair_lines(p, a->stride, last - first, depth, left);
      } else {
        pair_rows(p, a->stride, last - first, depth, left);
      }
      s.a_row = a->transposed ? 1 : NAME(elements)(depth);
      s.a_k = a->transposed ? NAME(padded)(last - first) : 1;
      NAME(multiply_rows)(&s, left, b, packed, c, first, last, n, start, depth, shape);
    }
#else
    s.a_row = a->transposed ? 1 : a->stride;
    s.a_k = a->transposed ? a->stride : 1;
    NAME(multiply_rows)(&s, a->base + start * s.a_k, b, packed, c, 0, m, n, start, depth, shape);
#endif
  }
  return 1;
}

#undef PAIRED
#undef NAME
#undef MULTIPLY_ADD
