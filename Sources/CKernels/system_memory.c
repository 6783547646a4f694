// The one setting of the C library's allocator that the program changes.

#include "system_memory.h"

#ifdef __linux__
#include <malloc.h>
#endif

void give_freed_memory_back(void) {
#if defined(__linux__) && defined(M_MMAP_THRESHOLD)
  // glibc raises the limit by itself, up to 32 MB, whenever a mapped block is freed; once set it stays.
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
}
