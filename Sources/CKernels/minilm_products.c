// Products on the matrix unit: float32 operands in three parts of bfloat16 each, sums in float32 tiles.
#include "MiniLMProducts.h"

#include "minilm_scratch.h"

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <immintrin.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#pragma clang attribute push(                                                                    \
    __attribute__((target("amx-tile,amx-bf16,avx512f,avx512bw,avx512vl,avx512dq,avx2,fma"))), \
    apply_to = function)
#include "minilm_pack.h"
#include "minilm_tiles.h"
#pragma clang attribute pop

enum {
  RESIDENT_LINES = 384,
  SMALL_BYTES = 400 << 10,  // what stays in the second level of cache beside all else
  SCRATCH_BYTES = (2 + RESIDENT_LINES / PANEL) * PANEL_BYTES,
};

// The state of tiles is large, so the system gives it to those who ask.
#define ARCH_REQ_XCOMP_PERM 0x1023
#define XFEATURE_XTILEDATA 18

static int has_matrix_unit = 0;

static void look_for_matrix_unit(void) {
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512dq")) {
    return;
  }
  unsigned a, b, c, d;
  // Leaf 7: AMX-BF16 is bit 22 of edx, AMX-TILE bit 24.
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d >> 22 & 1) || !(d >> 24 & 1)) return;
  has_matrix_unit = syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

int minilm_has_matrix_unit(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, look_for_matrix_unit);
  return has_matrix_unit;
}

size_t minilm_packed_bytes(size_t k, size_t n) {
  return panels_of(k) * panels_of(n) * UNIT_BYTES;
}

// Where panel `panel` lies in an operand of `panels` packed for k `start` ..< `start + depth`.
static char *panel_at(char *packed, size_t panels, size_t start, size_t depth, size_t panel) {
  return packed + (start / STEP * panels + panel * panels_of(depth)) * UNIT_BYTES;
}

void minilm_pack_right(const struct minilm_operand *b, size_t k, size_t n, size_t first,
                       size_t last, void *packed) {
  const size_t block = depth_of_blocks(k);
  for (size_t start = 0; start < k; start += block) {
    const size_t depth = k - start < block ? k - start : block;
    for (size_t column = first; column < last; column += PANEL) {
      struct packing packing;
      begin_packing(&packing, b, 0, column, n, start, start + depth,
                    panel_at(packed, panels_of(n), start, depth, column / PANEL));
      finish_packing(&packing);
    }
  }
}

// One operand, the resident one, lies packed in the second level of cache for a block of k; panels of the
// other, the streamed one, come one at a time, and each is multiplied by all of it. What has not been packed
// before and is streamed is packed a panel ahead. What has, weights, is resident where it is small; where it
// is large it is streamed, asked for a panel ahead, and so is read from beyond the second level once and not
// once for each panel of the other operand.
struct product {
  const struct minilm_operand *streamed, *resident;
  int streamed_is_left;
  size_t streamed_lines, resident_lines;
  char *streamed_panels;  // of one block of k, where they have been packed before
  char *resident_panels;  // of one block of k
  char *buffers;          // two panels
  float *c;
  size_t stride;
};

// Makes panel `line` of the streamed operand the next one; beside it work is done at `places` places.
static void begin_panel(const struct product *p, size_t line, size_t start, size_t end, char *out,
                        size_t places, struct beside *beside) {
  if (p->streamed_panels) {
    const size_t bytes = panels_of(end - start) * UNIT_BYTES;
    char *const panel = p->streamed_panels + line / PANEL * bytes;
    *beside = (struct beside){
        .packing = {.out = panel},
        .coming = panel,
        .lines = bytes / 64,
        .lines_at_once = (bytes / 64 + places - 1) / places,
    };
  } else {
    begin_packing(&beside->packing, p->streamed, p->streamed_is_left, line, p->streamed_lines, start,
                  end, out);
    beside->quota = (beside->packing.total + places - 1) / places;
  }
}

static void multiply_depth(const struct product *p, size_t start, size_t depth, size_t first_line,
                           size_t last_line, int add) {
  const size_t steps = panels_of(depth), end = start + depth;
  const size_t residents = panels_of(last_line - first_line);
  const size_t places = residents * steps * PLACES;
  struct beside beside = {0};
  begin_panel(p, 0, start, end, p->buffers, places, &beside);
  finish_packing(&beside.packing);
  for (size_t line = 0; line < p->streamed_lines; line += PANEL) {
    char *const panel = beside.packing.out;
    beside.lines = 0;
    if (line + PANEL < p->streamed_lines) {
      char *const other = panel == p->buffers ? p->buffers + PANEL_BYTES : p->buffers;
      begin_panel(p, line + PANEL, start, end, other, places, &beside);
    }
    for (size_t i = 0; i < residents; i++) {
      char *const resident = p->resident_panels + i * steps * UNIT_BYTES;
      const size_t at = first_line + i * PANEL;
      const size_t row = p->streamed_is_left ? line : at, column = p->streamed_is_left ? at : line;
      float *const c = p->c + row * p->stride + column;
      // The block after this one, which will be read; past the last of a row of blocks it is wrong, and
      // does no harm.
      const float *soon = !add ? NULL : p->streamed_is_left ? c + PANEL : c + PANEL * p->stride;
      if (p->streamed_is_left) {
        multiply_block(panel, resident, steps, c, p->stride, p->streamed_lines - line,
                       last_line - at, add, soon, &beside);
      } else {
        multiply_block(resident, panel, steps, c, p->stride, last_line - at,
                       p->streamed_lines - line, add, soon, &beside);
      }
    }
    finish_packing(&beside.packing);
  }
}

int minilm_product(const struct minilm_operand *a, const struct minilm_operand *b,
                   const void *packed, float *c, size_t stride, size_t m, size_t n, size_t k,
                   int add) {
  char *const room = minilm_scratch(SCRATCH_BYTES);
  if (!room) return 0;
  if (k == 0 && !add) {
    for (size_t row = 0; row < m; row++) memset(c + row * stride, 0, n * sizeof(float));
  }
  const size_t block = depth_of_blocks(k);
  struct product p = {.buffers = room, .c = c, .stride = stride};
  // The smaller operand stays.
  p.streamed_is_left = packed ? panels_of(n) * panels_of(block) * UNIT_BYTES <= SMALL_BYTES : n <= m;
  p.streamed = p.streamed_is_left ? a : b;
  p.resident = p.streamed_is_left ? b : a;
  p.streamed_lines = p.streamed_is_left ? m : n;
  p.resident_lines = p.streamed_is_left ? n : m;
  begin_tiles();
  for (size_t start = 0; start < k; start += block) {
    const size_t depth = k - start < block ? k - start : block;
    char *const panels = packed ? panel_at((char *)packed, panels_of(n), start, depth, 0) : NULL;
    if (packed && p.streamed_is_left) {
      p.resident_panels = panels;
      multiply_depth(&p, start, depth, 0, n, add || start > 0);
      continue;
    }
    p.streamed_panels = panels;
    p.resident_panels = room + 2 * PANEL_BYTES;
    for (size_t line = 0; line < p.resident_lines; line += RESIDENT_LINES) {
      const size_t rest = p.resident_lines - line;
      const size_t last = line + (rest < RESIDENT_LINES ? rest : RESIDENT_LINES);
      for (size_t i = line; i < last; i += PANEL) {
        struct packing packing;
        begin_packing(&packing, p.resident, !p.streamed_is_left, i, last, start, start + depth,
                      panel_at(p.resident_panels, 0, 0, depth, (i - line) / PANEL));
        finish_packing(&packing);
      }
      multiply_depth(&p, start, depth, line, last, add || start > 0);
    }
  }
  end_tiles();
  return 1;
}

#else

int minilm_has_matrix_unit(void) { return 0; }

size_t minilm_packed_bytes(size_t k, size_t n) { return 0; }

void minilm_pack_right(const struct minilm_operand *b, size_t k, size_t n, size_t first,
                       size_t last, void *packed) {}

int minilm_product(const struct minilm_operand *a, const struct minilm_operand *b,
                   const void *packed, float *c, size_t stride, size_t m, size_t n, size_t k,
                   int add) {
  return 0;
}
#endif
