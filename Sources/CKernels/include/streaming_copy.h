#ifndef STREAMING_COPY_H
#define STREAMING_COPY_H

#include <stddef.h>

// Copies bytes that are not wanted again soon: they go to memory without driving anything out of the caches, and without
// being read from there first. The two do not overlap.
void streaming_copy(void *to, const void *from, size_t count);

#endif
