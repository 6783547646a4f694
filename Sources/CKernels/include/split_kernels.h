// Ends of pre-tokens, found for 64 bytes at a time.
#ifndef SPLIT_KERNELS_H
#define SPLIT_KERNELS_H

#include <stddef.h>
#include <stdint.h>

// The instructions that a kernel uses; those of higher levels only where the processor has them. The baseline is
// SSE2 on x86-64, NEON on 64-bit ARM, elsewhere what is plain: 64-bit words and nothing else.
enum { SPLIT_PLAIN = 0, SPLIT_BASELINE = 1, SPLIT_AVX2 = 2, SPLIT_AVX512 = 3 };

// The highest level of this processor.
int split_best_level(void);

// Room that a kernel needs behind the ends that were asked for: it writes all of 64 bytes, eight at a time.
enum { SPLIT_SLACK = 72 };

// The patterns that there are kernels for.
enum { SPLIT_GPT2, SPLIT_CL100K, SPLIT_O200K, SPLIT_LLAMA3, SPLIT_QWEN2 };

// Writes the ends of the pre-tokens of a pattern that begin at `start` and after it, as offsets in `text`;
// returns how many.
//
// `text` is `count` bytes of valid UTF-8, the end of which is the end of the text; a pre-token begins at
// `start`. At most `limit` ends are counted, fewer only at the end of the text, or where masks do not tell
// what comes: then `*hard` is a place beyond the last end, and what is before it is to be split otherwise;
// else it is 0. `ends` has room for `limit + SPLIT_SLACK`. `level` is at most `split_best_level()`.
size_t split_text(int pattern, int level, const uint8_t *text, size_t start, size_t count,
                  intptr_t *ends, size_t limit, size_t *hard);

#endif
