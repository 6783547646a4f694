// Hints to the processor that Swift has no word for.
#ifndef PREFETCH_H
#define PREFETCH_H

// Asks for the cache line at `address`, to be read or written soon. Any address will do.
static inline void prefetch_line(const void *address) { __builtin_prefetch(address, 0, 3); }

#endif
