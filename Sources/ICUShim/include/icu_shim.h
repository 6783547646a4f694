// The part of ICU that is used here, without a type of ICU's: Foundation brings another ICU with types of
// the same names, and a module that shows them to Swift would meet it in every program that uses both.
#ifndef ICU_SHIM_H
#define ICU_SHIM_H

#include <stdint.h>

// A search for the boundaries of grapheme clusters in UTF-8.
typedef struct icu_graphemes icu_graphemes;

// NULL and a failing status without memory or data. The root locale: the rules of UAX #29 alone.
icu_graphemes *icu_graphemes_open(int32_t *status);

// Searches `length` bytes, at most 2^30, which are not copied: they must outlive the search or the next
// text. 0 in `status` if that failed not.
void icu_graphemes_set_text(icu_graphemes *graphemes, const char *bytes, int64_t length,
                            int32_t *status);

// The next boundary as a byte offset, -1 at the end.
int32_t icu_graphemes_next(icu_graphemes *graphemes);

void icu_graphemes_close(icu_graphemes *graphemes);

// Whether a status says that something failed.
int icu_failed(int32_t status);

// ICU's name for a status: constant text.
const char *icu_error_name(int32_t status);

// The version of Unicode that ICU was built with: constant text.
const char *icu_unicode_version(void);

#endif
