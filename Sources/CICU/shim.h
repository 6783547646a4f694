// ICU's functions carry the version of the library in their symbol names. The inline wrappers here
// give them names that stay the same from one ICU to the next.
#ifndef CICU_SHIM_H
#define CICU_SHIM_H

#include <unicode/ubrk.h>
#include <unicode/utext.h>
#include <unicode/uversion.h>

// A search for the boundaries of grapheme clusters in UTF-8. NULL and a failing status without
// memory or data. The root locale: the rules of UAX #29 alone.
static inline UBreakIterator *cicu_open_graphemes(UErrorCode *status) {
  return ubrk_open(UBRK_CHARACTER, "", NULL, 0, status);
}

// Text of `length` bytes, not copied: it must outlive what reads it.
static inline UText *cicu_open_utf8(const char *bytes, int64_t length, UErrorCode *status) {
  return utext_openUTF8(NULL, bytes, length, status);
}

static inline void cicu_set_text(UBreakIterator *iterator, UText *text, UErrorCode *status) {
  ubrk_setUText(iterator, text, status);
}

// The next boundary as a byte offset, UBRK_DONE (-1) at the end.
static inline int32_t cicu_next(UBreakIterator *iterator) { return ubrk_next(iterator); }

static inline void cicu_close_iterator(UBreakIterator *iterator) { ubrk_close(iterator); }

static inline void cicu_close_text(UText *text) { utext_close(text); }

static inline const char *cicu_error_name(UErrorCode status) { return u_errorName(status); }

static inline int cicu_failed(UErrorCode status) { return U_FAILURE(status) ? 1 : 0; }

// The version of Unicode that ICU was built with, as text of at most U_MAX_VERSION_STRING_LENGTH
// bytes.
static inline const char *cicu_unicode_version(void) { return U_UNICODE_VERSION; }

#endif
