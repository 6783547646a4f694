#ifndef THREAD_CORES_H
#define THREAD_CORES_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

/// How many words of 64 bits a set of cores has.
#define CORE_WORDS 16

/// The cores that the calling thread may use, and the one that it is on; -1 where the system does not tell, or has
/// more cores than a set holds.
int cores_of_this_thread(uint64_t cores[CORE_WORDS]);

/// Lets a thread use these cores only; where that is refused nothing changes.
void set_cores(pthread_t thread, const uint64_t cores[CORE_WORDS]);

/// Tells the processor that a loop waits for another core.
static inline void pause_briefly(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

#endif
