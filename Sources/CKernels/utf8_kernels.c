#include "utf8_kernels.h"

#include <string.h>

#include "scalar_classes.h"

static inline uint64_t load8(const uint8_t *bytes) {
  uint64_t word;
  memcpy(&word, bytes, 8);
  return word;
}

// Passes over ASCII, 32 and 8 bytes at a time; stops at most 7 ASCII bytes early.
static inline size_t skip_ascii(const uint8_t *bytes, size_t position, size_t end) {
  const uint64_t high = 0x8080808080808080u;
  while (end - position >= 32) {
    const uint8_t *next = bytes + position;
    if ((load8(next) | load8(next + 8) | load8(next + 16) | load8(next + 24)) & high) break;
    position += 32;
  }
  while (end - position >= 8 && !(load8(bytes + position) & high)) position += 8;
  return position;
}

static inline int is_continuation(uint8_t byte) { return (byte & 0xC0) == 0x80; }

size_t utf8_well_formed_end(const uint8_t *bytes, size_t start, size_t count) {
  size_t position = start;
  while (position < count) {
    const uint8_t lead = bytes[position];
    const size_t left = count - position;
    const uint8_t *next = bytes + position;
    if (lead < 0x80) {
      position = skip_ascii(bytes, position, count);
      while (position < count && bytes[position] < 0x80) position += 1;
    } else if (lead < 0xE0) {
      if (lead < 0xC2 || left < 2 || !is_continuation(next[1])) return position;
      position += 2;
    } else if (lead < 0xF0) {
      if (left < 3 || !is_continuation(next[1]) || !is_continuation(next[2])) return position;
      // Overlong forms and surrogates.
      if ((lead == 0xE0 && next[1] < 0xA0) || (lead == 0xED && next[1] > 0x9F)) return position;
      position += 3;
    } else {
      if (lead > 0xF4 || left < 4 || !is_continuation(next[1]) || !is_continuation(next[2]) ||
          !is_continuation(next[3]))
        return position;
      // Overlong forms and values beyond U+10FFFF.
      if ((lead == 0xF0 && next[1] < 0x90) || (lead == 0xF4 && next[1] > 0x8F)) return position;
      position += 4;
    }
  }
  return position;
}

int utf8_is_settled(const uint8_t *bytes, size_t start, size_t end) {
  size_t position = start;
  while (position < end) {
    const uint8_t *next = bytes + position;
    const uint8_t lead = next[0];
    const size_t left = end - position;
    uint32_t scalar;
    if (lead < 0x80) {
      size_t ascii = skip_ascii(bytes, position, end);
      position = ascii > position ? ascii : position + 1;
      continue;
    }
    if (lead < 0xE0) {
      if (left < 2) return 0;
      scalar = (uint32_t)(lead & 0x1F) << 6 | (next[1] & 0x3F);
      position += 2;
    } else if (lead < 0xF0) {
      if (left < 3) return 0;
      scalar = (uint32_t)(lead & 0x0F) << 12 | (uint32_t)(next[1] & 0x3F) << 6 | (next[2] & 0x3F);
      position += 3;
    } else {
      if (left < 4) return 0;
      scalar = (uint32_t)(lead & 0x07) << 18 | (uint32_t)(next[1] & 0x3F) << 12 |
               (uint32_t)(next[2] & 0x3F) << 6 | (next[3] & 0x3F);
      position += 4;
    }
    if (scalar_class(scalar) & SCALAR_CLASS_UNSETTLED) return 0;
  }
  return 1;
}
