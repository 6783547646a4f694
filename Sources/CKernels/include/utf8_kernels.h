// Loops over UTF-8 that need each byte to cost little.
#ifndef UTF8_KERNELS_H
#define UTF8_KERNELS_H

#include <stddef.h>
#include <stdint.h>

// Where the longest well-formed part of bytes[start..<count] that begins at start ends: count, or
// where the first ill-formed (or cut-off) sequence begins.
size_t utf8_well_formed_end(const uint8_t *bytes, size_t start, size_t count);
// The same without vector instructions.
size_t utf8_well_formed_end_portable(const uint8_t *bytes, size_t start, size_t count);
// Whether this processor has those that `utf8_well_formed_end` uses where it can.
int utf8_has_vectors(void);

// Where the first unsettled scalar (scalar_classes.h) of bytes[start..<end] begins, or end. Those bytes hold
// whole scalars of well-formed UTF-8, and start is where one begins; others give any answer, but are not read
// beyond end.
size_t utf8_next_unsettled(const uint8_t *bytes, size_t start, size_t end);

#endif
