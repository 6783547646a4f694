// What PCRE2 does with a regular expression and nothing around it: the figure that the library's own use of it
// is held against.
#ifndef PATTERN_LOOP_H
#define PATTERN_LOOP_H

#include <stddef.h>
#include <stdint.h>

// Splits text by the matches of an expression, each one searched for from the end of the one before by
// pcre2_jit_match; what lies between is a piece too. `text` is valid UTF-8. Returns how many pieces there are, 0
// if the expression is not valid, and in `sum` the sum of their ends, each times its index from 1.
size_t pattern_loop(const char *expression, const uint8_t *text, size_t count, uint64_t *sum);

#endif
