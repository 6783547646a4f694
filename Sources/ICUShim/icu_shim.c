#include "icu_shim.h"

#include <pthread.h>
#include <stdlib.h>
#include <unicode/ubrk.h>
#include <unicode/utext.h>
#include <unicode/uversion.h>

// The functions of ICU that are used here.
#define ICU_FUNCTIONS(F) \
  F(ubrk_open) F(ubrk_setUText) F(ubrk_next) F(ubrk_close) F(utext_openUTF8) F(utext_close) F(u_errorName)

#ifdef __APPLE__

#define icu_is_there() 1
#define CALL(function) function

#else

// Loaded when it is first needed: linking it costs every start of the program a tenth. Names of functions
// end with the version that the headers are of, and so does that of the library.
#include <dlfcn.h>

#define TEXT_OF(name) #name
#define TEXT(name) TEXT_OF(name)
#define LIBRARY "libicuuc.so." TEXT(U_ICU_VERSION_MAJOR_NUM)

#define DECLARE(function) __typeof__(function) *function##_loaded;
static struct { ICU_FUNCTIONS(DECLARE) } icu;
static int icu_is_loaded;
static pthread_once_t icu_once = PTHREAD_ONCE_INIT;

static void icu_load(void) {
  void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) return;
  int found = 1;
#define FIND(function) \
  found &= (*(void **)&icu.function##_loaded = dlsym(library, TEXT(function))) != NULL;
  ICU_FUNCTIONS(FIND)
  icu_is_loaded = found;
}

static int icu_is_there(void) {
  pthread_once(&icu_once, icu_load);
  return icu_is_loaded;
}
#define CALL(function) icu.function##_loaded

#endif

struct icu_graphemes {
  UBreakIterator *iterator;
  UText *text;
};

icu_graphemes *icu_graphemes_open(int32_t *status) {
  if (!icu_is_there()) {
    *status = U_FILE_ACCESS_ERROR;
    return NULL;
  }
  icu_graphemes *graphemes = calloc(1, sizeof *graphemes);
  UErrorCode code = graphemes ? U_ZERO_ERROR : U_MEMORY_ALLOCATION_ERROR;
  if (graphemes) graphemes->iterator = CALL(ubrk_open)(UBRK_CHARACTER, "", NULL, 0, &code);
  *status = code;
  if (U_SUCCESS(code)) return graphemes;
  free(graphemes);
  return NULL;
}

void icu_graphemes_set_text(icu_graphemes *graphemes, const char *bytes, int64_t length,
                            int32_t *status) {
  UErrorCode code = U_ZERO_ERROR;
  // An open UText is used again.
  UText *text = CALL(utext_openUTF8)(graphemes->text, bytes, length, &code);
  if (U_SUCCESS(code)) {
    graphemes->text = text;
    CALL(ubrk_setUText)(graphemes->iterator, text, &code);
  }
  *status = code;
}

int32_t icu_graphemes_next(icu_graphemes *graphemes) { return CALL(ubrk_next)(graphemes->iterator); }

void icu_graphemes_close(icu_graphemes *graphemes) {
  CALL(ubrk_close)(graphemes->iterator);
  if (graphemes->text) CALL(utext_close)(graphemes->text);
  free(graphemes);
}

int icu_failed(int32_t status) { return U_FAILURE((UErrorCode)status) ? 1 : 0; }

const char *icu_error_name(int32_t status) {
  if (!icu_is_there()) return "ICU_IS_NOT_THERE";
  return CALL(u_errorName)((UErrorCode)status);
}

const char *icu_unicode_version(void) { return U_UNICODE_VERSION; }
