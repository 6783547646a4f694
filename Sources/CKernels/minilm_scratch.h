// Memory that a thread's products work in.
#ifndef MINILM_SCRATCH_H
#define MINILM_SCRATCH_H

#include <stddef.h>

// Room for at least `bytes`, at a multiple of 64, or null where there is no memory for it. Made when a thread first asks,
// made anew when it asks for more (what was in it is lost then), freed when the thread ends.
void *minilm_scratch(size_t bytes);

#endif
