#include "pattern_loop.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>

size_t pattern_loop(const char *expression, const uint8_t *text, size_t count, uint64_t *sum) {
  int error;
  PCRE2_SIZE place;
  pcre2_code *code = pcre2_compile((PCRE2_SPTR)expression, strlen(expression), PCRE2_UTF | PCRE2_UCP,
                                   &error, &place, NULL);
  if (code == NULL) return 0;
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
  pcre2_match_data *data = pcre2_match_data_create_from_pattern(code, NULL);
  const PCRE2_SIZE *offsets = pcre2_get_ovector_pointer(data);
  size_t pieces = 0, position = 0;
  *sum = 0;
  while (position < count) {
    if (pcre2_jit_match(code, text, count, position, 0, data, NULL) <= 0) {
      *sum += ++pieces * count;
      break;
    }
    if (offsets[0] > position) *sum += ++pieces * offsets[0];
    *sum += ++pieces * offsets[1];
    position = offsets[1];
  }
  pcre2_match_data_free(data);
  pcre2_code_free(code);
  return pieces;
}
