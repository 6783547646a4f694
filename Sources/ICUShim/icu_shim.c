#include "icu_shim.h"

#include <stdlib.h>
#include <unicode/ubrk.h>
#include <unicode/utext.h>
#include <unicode/uversion.h>

struct icu_graphemes {
  UBreakIterator *iterator;
  UText *text;
};

icu_graphemes *icu_graphemes_open(int32_t *status) {
  icu_graphemes *graphemes = calloc(1, sizeof *graphemes);
  UErrorCode code = graphemes ? U_ZERO_ERROR : U_MEMORY_ALLOCATION_ERROR;
  if (graphemes) graphemes->iterator = ubrk_open(UBRK_CHARACTER, "", NULL, 0, &code);
  *status = code;
  if (U_SUCCESS(code)) return graphemes;
  free(graphemes);
  return NULL;
}

void icu_graphemes_set_text(icu_graphemes *graphemes, const char *bytes, int64_t length,
                            int32_t *status) {
  UErrorCode code = U_ZERO_ERROR;
  // An open UText is used again.
  UText *text = utext_openUTF8(graphemes->text, bytes, length, &code);
  if (U_SUCCESS(code)) {
    graphemes->text = text;
    ubrk_setUText(graphemes->iterator, text, &code);
  }
  *status = code;
}

int32_t icu_graphemes_next(icu_graphemes *graphemes) { return ubrk_next(graphemes->iterator); }

void icu_graphemes_close(icu_graphemes *graphemes) {
  ubrk_close(graphemes->iterator);
  if (graphemes->text) utext_close(graphemes->text);
  free(graphemes);
}

int icu_failed(int32_t status) { return U_FAILURE((UErrorCode)status) ? 1 : 0; }

const char *icu_error_name(int32_t status) { return u_errorName((UErrorCode)status); }

const char *icu_unicode_version(void) { return U_UNICODE_VERSION; }
