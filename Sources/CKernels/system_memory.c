// What the program changes of how the C library's allocator deals with the system.

#include "system_memory.h"

#ifdef __linux__
#include <malloc.h>
#endif

#include <stdatomic.h>

static atomic_int keeps;

int keeps_freed_memory(void) { return atomic_load_explicit(&keeps, memory_order_relaxed); }

void give_freed_memory_back(void) {
#if defined(__linux__) && defined(M_MMAP_THRESHOLD)
  // glibc raises the limit by itself, up to 32 MB, whenever a mapped block is freed; once set it stays.
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
}

void keep_freed_memory(void) {
#if defined(__linux__) && defined(M_MMAP_THRESHOLD)
  mallopt(M_MMAP_THRESHOLD, 4 << 20);
  mallopt(M_TRIM_THRESHOLD, 8 << 20);
  mallopt(M_TOP_PAD, 1 << 20);
  mallopt(M_ARENA_MAX, 1);
  atomic_store_explicit(&keeps, 1, memory_order_relaxed);
#endif
}
