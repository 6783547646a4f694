#include "streaming_copy.h"

#include <stdint.h>
#include <string.h>

typedef uint64_t word_pair __attribute__((vector_size(16)));
typedef uint64_t unaligned_word_pair __attribute__((vector_size(16), aligned(1)));

enum { LINE = 64 };

void streaming_copy(void *to, const void *from, size_t count) {
  char *target = to;
  const char *source = from;
  // Whole cache lines only: a part of one would be read, joined and written.
  size_t head = -(uintptr_t)target & (LINE - 1);
  if (head > count) head = count;
  memcpy(target, source, head);
  target += head, source += head, count -= head;
  for (; count >= LINE; target += LINE, source += LINE, count -= LINE) {
    const unaligned_word_pair *pairs = (const unaligned_word_pair *)source;
    const word_pair first = pairs[0], second = pairs[1], third = pairs[2], fourth = pairs[3];
    __builtin_nontemporal_store(first, (word_pair *)target);
    __builtin_nontemporal_store(second, (word_pair *)target + 1);
    __builtin_nontemporal_store(third, (word_pair *)target + 2);
    __builtin_nontemporal_store(fourth, (word_pair *)target + 3);
  }
  memcpy(target, source, count);
#if defined(__x86_64__)
  // Such stores are not ordered with others by themselves.
  __builtin_ia32_sfence();
#endif
}
