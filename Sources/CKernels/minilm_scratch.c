#include "minilm_scratch.h"

#include <pthread.h>
#include <stdlib.h>

// What stands before the room: a line of the cache.
struct header {
  size_t bytes;
};
enum { HEADER_BYTES = 64 };

static pthread_key_t key;
static int has_key = 0;

static void make_key(void) { has_key = pthread_key_create(&key, free) == 0; }

void *minilm_scratch(size_t bytes) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, make_key);
  if (!has_key) return NULL;
  struct header *room = pthread_getspecific(key);
  if (!room || room->bytes < bytes) {
    // aligned_alloc wants a multiple of the alignment.
    struct header *const larger = aligned_alloc(64, HEADER_BYTES + (bytes + 63) / 64 * 64);
    if (!larger) return NULL;
    if (pthread_setspecific(key, larger) != 0) {
      free(larger);
      return NULL;
    }
    free(room);
    larger->bytes = bytes;
    room = larger;
  }
  return (char *)room + HEADER_BYTES;
}
