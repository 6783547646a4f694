// The product of two packed panels on the matrix unit; included by minilm_products.c.

// What the unit is told about its eight tiles: all are 16 rows of 64 bytes.
static void begin_tiles(void) {
  struct {
    uint8_t palette, start, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
  } shape;
  memset(&shape, 0, sizeof shape);
  shape.palette = 1;
  for (int i = 0; i < 8; i++) {
    shape.row_bytes[i] = 64;
    shape.rows[i] = 16;
  }
  _tile_loadconfig(&shape);
}

// Tiles that are in use would be saved at every change of threads.
static void end_tiles(void) { _tile_release(); }

// What is done beside products: the unit works beside the rest of the core.
struct beside {
  struct packing packing;  // the next panel, `quota` quarters of it at a time
  size_t quota;
  const char *coming;  // or, where it has been packed before, its lines of cache that are left to ask for
  size_t lines, lines_at_once;
};

static inline void work_beside(struct beside *b) {
  struct packing *const packing = &b->packing;
  for (size_t i = 0; i < b->quota && packing->done < packing->total; i++) pack_quarter(packing);
  const size_t lines = b->lines < b->lines_at_once ? b->lines : b->lines_at_once;
  // To the second level of cache.
  for (size_t i = 0; i < lines; i++) __builtin_prefetch(b->coming + i * 64, 0, 2);
  b->coming += lines * 64;
  b->lines -= lines;
}

// Work is done at this many places of a step.
enum { PLACES = 3 };

// C (16 or 32, 16 or 32), at rows of `stride`, from `steps` units of each operand; `left_halves` and
// `right_halves` are constants where it is called. Tiles 0 to 3 are C, 4 and 5 a part of A, 6 and 7 one of B.
// In this order each part is read once, but for B's first.
__attribute__((always_inline)) static inline void multiply_tiles(
    const char *a, const char *b, size_t steps, float *c, size_t stride, int add,
    const float *soon, struct beside *beside, const int left_halves, const int right_halves) {
  const size_t bytes = stride * sizeof(float);
  float *const lower = c + 16 * stride;
  const int tall = left_halves == 2, wide = right_halves == 2;
  if (add) {
    _tile_loadd(0, c, bytes);
    if (wide) _tile_loadd(1, c + 16, bytes);
    if (tall) _tile_loadd(2, lower, bytes);
    if (tall && wide) _tile_loadd(3, lower + 16, bytes);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  size_t fetched = 0, fetch = soon ? (64 + steps - 1) / steps : 0;
  for (size_t step = 0; step < steps; step++, a += UNIT_BYTES, b += UNIT_BYTES) {
#define LOAD_A(part)                                                       \
  _tile_loadd(4, a + (part) * TILE_BYTES, 64);                             \
  if (tall) _tile_loadd(5, a + (PARTS + (part)) * TILE_BYTES, 64)
#define LOAD_B(part)                                                       \
  _tile_loadd(6, b + (part) * TILE_BYTES, 64);                             \
  if (wide) _tile_loadd(7, b + (PARTS + (part)) * TILE_BYTES, 64)
#define FETCH                                                              \
  for (size_t end = fetched + fetch; fetched < end; fetched++)             \
    __builtin_prefetch(soon + fetched / 2 * stride + fetched % 2 * 16, 1, 3)
#define MULTIPLY                                                           \
  _tile_dpbf16ps(0, 4, 6);                                                 \
  if (wide) _tile_dpbf16ps(1, 4, 7);                                       \
  if (tall) _tile_dpbf16ps(2, 5, 6);                                       \
  if (tall && wide) _tile_dpbf16ps(3, 5, 7)
    LOAD_A(2);
    LOAD_B(0);
    MULTIPLY;
    FETCH;
    work_beside(beside);
    LOAD_A(1);
    MULTIPLY;
    LOAD_B(1);
    MULTIPLY;
    work_beside(beside);
    LOAD_A(0);
    MULTIPLY;
    LOAD_B(2);
    MULTIPLY;
    work_beside(beside);
    LOAD_B(0);
    MULTIPLY;
#undef LOAD_A
#undef LOAD_B
#undef MULTIPLY
  }
  _tile_stored(0, c, bytes);
  if (wide) _tile_stored(1, c + 16, bytes);
  if (tall) _tile_stored(2, lower, bytes);
  if (tall && wide) _tile_stored(3, lower + 16, bytes);
}

static void multiply_whole(const char *a, const char *b, size_t steps, float *c, size_t stride,
                           int add, const float *soon, struct beside *beside,
                           size_t left_halves, size_t right_halves) {
  if (left_halves == 2) {
    if (right_halves == 2) {
      multiply_tiles(a, b, steps, c, stride, add, soon, beside, 2, 2);
    } else {
      multiply_tiles(a, b, steps, c, stride, add, soon, beside, 2, 1);
    }
  } else if (right_halves == 2) {
    multiply_tiles(a, b, steps, c, stride, add, soon, beside, 1, 2);
  } else {
    multiply_tiles(a, b, steps, c, stride, add, soon, beside, 1, 1);
  }
}

// The block of C at `c`, of which `rows` and `columns` are there, 32 of each at most.
static void multiply_block(const char *a, const char *b, size_t steps, float *c, size_t stride,
                           size_t rows, size_t columns, int add, const float *soon, struct beside *beside) {
  if (rows > PANEL) rows = PANEL;
  if (columns > PANEL) columns = PANEL;
  const size_t left_halves = (rows + 15) / 16, right_halves = (columns + 15) / 16;
  if (rows == left_halves * 16 && columns == right_halves * 16) {
    multiply_whole(a, b, steps, c, stride, add, soon, beside, left_halves, right_halves);
    return;
  }
  float edge[PANEL * PANEL];
  if (add) {
    for (size_t row = 0; row < rows; row++) {
      memcpy(edge + row * PANEL, c + row * stride, columns * sizeof(float));
    }
  }
  multiply_whole(a, b, steps, edge, PANEL, add, soon, beside, left_halves, right_halves);
  for (size_t row = 0; row < rows; row++) {
    memcpy(c + row * stride, edge + row * PANEL, columns * sizeof(float));
  }
}
