// Which cores a thread may use: what Linux has beyond POSIX, which Swift's module of the C library leaves out.
#ifdef __linux__
#define _GNU_SOURCE
#endif

#include "thread_cores.h"

#ifdef __linux__
#include <sched.h>
#include <string.h>
#endif

int cores_of_this_thread(uint64_t cores[CORE_WORDS]) {
#ifdef __linux__
  cpu_set_t set;
  _Static_assert(sizeof set == CORE_WORDS * sizeof(uint64_t), "a set of cores has another size");
  if (sched_getaffinity(0, sizeof set, &set) != 0) return -1;
  memcpy(cores, &set, sizeof set);
  return sched_getcpu();
#else
  (void)cores;
  return -1;
#endif
}

void set_cores(pthread_t thread, const uint64_t cores[CORE_WORDS]) {
#ifdef __linux__
  cpu_set_t set;
  memcpy(&set, cores, sizeof set);
  pthread_setaffinity_np(thread, sizeof set, &set);
#else
  (void)thread;
  (void)cores;
#endif
}
